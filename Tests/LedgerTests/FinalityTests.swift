import CanonicalEncoding
import EMRScheme
import Ledger
import Testing
import TransparencyLog

@Suite("Checkpoints and finality")
struct FinalityTests {
  private static let team = HospitalRulesTests.team

  private func visited() throws -> LedgerFixture {
    var ledger = try LedgerFixture()
    try ledger.registerTeam()
    _ = try ledger.conduct(1, team: Self.team)
    return ledger
  }

  @Test("[attack] cosignatures that do not count: twice, another chain's key, another root")
  func cosignatures() throws {
    var ledger = try visited()
    let size = try #require(ledger.replica.hospitals["hospital-1"]?.blocks.count)
    let checkpoint = try #require(ledger.replica.checkpoint(of: "hospital-1", size: size))
    // The hospital twice, with entries that differ.
    try ledger.cosign("hospital-1", by: "hospital-1")
    try ledger.append(
      ledger.cosignature(on: checkpoint, of: "hospital-1", by: "hospital-1"), on: "hospital-1",
      by: "cloud")
    #expect(ledger.replica.confirmedSize(of: "hospital-1") == 0)
    // The cloud with its key for another chain.
    let foreignKey = try #require(ledger.cosigners["cloud"]?["hospital-2"])
    try ledger.append(
      Cosignature(note: try foreignKey.cosign(checkpoint, at: 1).note.encoded), on: "hospital-1",
      by: "cloud")
    #expect(ledger.replica.confirmedSize(of: "hospital-1") == 0)
    // The cloud on another root: kept as evidence, and no confirmation.
    let other = try Checkpoint(
      origin: checkpoint.origin, size: checkpoint.size, root: [UInt8](repeating: 1, count: 32))
    try ledger.append(
      ledger.cosignature(on: other, of: "hospital-1", by: "cloud"), on: "hospital-1", by: "cloud")
    #expect(ledger.replica.confirmedSize(of: "hospital-1") == 0)
    #expect(ledger.replica.contradictions.map(\.chain) == ["hospital-1"])
    try ledger.cosign("hospital-1", by: "cloud")
    #expect(ledger.replica.confirmedSize(of: "hospital-1") == size)
    // After that, one more changes nothing, and one on another root is evidence as before.
    let passedOver = ledger.replica.passedOver
    let note = ledger.replica.confirmedNote(of: "hospital-1")
    try ledger.append(
      ledger.cosignature(on: checkpoint, of: "hospital-1", by: "hospital-1"), on: "hospital-1",
      by: "manager")
    #expect(ledger.replica.passedOver == passedOver + 1)
    #expect(ledger.replica.confirmedNote(of: "hospital-1") == note)
    let third = try Checkpoint(
      origin: checkpoint.origin, size: checkpoint.size, root: [UInt8](repeating: 2, count: 32))
    try ledger.append(
      ledger.cosignature(on: third, of: "hospital-1", by: "cloud"), on: "hospital-1", by: "cloud")
    #expect(ledger.replica.contradictions.count == 2)
  }

  @Test("[attack] anchors: not cosigned, of another hospital, backwards, or with a false proof")
  func anchors() throws {
    var ledger = try visited()
    try ledger.cosign("hospital-1", by: "hospital-1")
    try ledger.cosign("hospital-1", by: "cloud")
    let genuine = try ledger.anchor("hospital-1")
    func refusal(_ anchor: Anchor) throws -> String? {
      try ledger.append(anchor, on: "consortium", by: "hospital-1").refusal
    }
    let size = try #require(ledger.replica.hospitals["hospital-1"]?.blocks.count)
    let checkpoint = try #require(ledger.replica.checkpoint(of: "hospital-1", size: size))
    let alone = try ledger.cosignature(on: checkpoint, of: "hospital-1", by: "hospital-1").note
    #expect(
      try refusal(Anchor(hospital: "hospital-1", note: alone, consistency: []))
        == "wrong-checkpoint")
    #expect(
      try refusal(Anchor(hospital: "hospital-2", note: genuine.note, consistency: []))
        == "wrong-checkpoint")
    #expect(
      try refusal(
        Anchor(
          hospital: "hospital-1", note: genuine.note,
          consistency: [[UInt8](repeating: 0, count: 32)])) == "inconsistent-checkpoint")
    #expect(
      try ledger.append(
        genuine, on: "consortium", by: "manager"
      ).refusal == "not-entitled")
    #expect(try refusal(genuine) == nil)
    try ledger.closeConsortiumBlock()
    // The next one has to extend it.
    _ = try ledger.conduct(2, team: Self.team)
    try ledger.cosign("hospital-1", by: "hospital-1")
    try ledger.cosign("hospital-1", by: "cloud")
    var next = try ledger.anchor("hospital-1")
    let proof = next.consistency
    next.consistency = []
    #expect(try refusal(next) == "inconsistent-checkpoint")
    next.consistency = proof.map { $0.map { $0 ^ 1 } }
    #expect(try refusal(next) == "inconsistent-checkpoint")
    next.consistency = proof
    #expect(try refusal(next) == nil)
    #expect(
      try refusal(Anchor(hospital: "hospital-1", note: genuine.note, consistency: proof))
        == "wrong-checkpoint")
  }

  @Test("a cosignature on blocks that do not exist yet counts for nothing")
  func future() throws {
    var ledger = try visited()
    let future = try Checkpoint(
      origin: ledger.genesis.origin(of: "consortium"), size: 100,
      root: [UInt8](repeating: 1, count: 32))
    let passedOver = ledger.replica.passedOver
    try ledger.append(
      ledger.cosignature(on: future, of: "consortium", by: "cloud"), on: "consortium", by: "cloud")
    #expect(ledger.replica.passedOver == passedOver + 1)
    #expect(ledger.replica.contradictions.isEmpty)
  }
}
