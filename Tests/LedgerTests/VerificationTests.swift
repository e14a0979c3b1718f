import CanonicalEncoding
import EMRScheme
import Ledger
import Testing

@Suite("Offline verification of an export")
struct VerificationTests {
  private static let team = HospitalRulesTests.team

  /// Two visits, one abandoned, a refused entry, and everything anchored.
  private static func exported() throws -> (ledger: LedgerFixture, export: Export) {
    var ledger = try LedgerFixture()
    try ledger.registerTeam()
    let first = try ledger.conduct(1, team: team)
    try ledger.append(
      ledger.patientEntry(
        VisitReceipt(
          visit: first.id, recordDigest: Digest32(sha256: [9]), verdict: .acknowledged),
        of: first))
    let left = try ledger.visit(2, team: team)
    try ledger.open(left)
    try ledger.open(left)
    try ledger.append(
      VisitAbandonment(visit: left.id, reason: .interrupted), on: "hospital-1", by: "hospital-1")
    try ledger.append(
      VisitAbandonment(visit: left.id, reason: .patientLeft), on: "hospital-1", by: "hospital-1")
    _ = try ledger.conduct(3, team: team)
    try ledger.confirmAndAnchor("hospital-1")
    return (ledger, ledger.replica.export())
  }

  private func failure(
    _ export: Export, _ ledger: LedgerFixture, known: String? = nil
  ) -> Verification.Failure? {
    do throws(Verification.Failure) {
      _ = try Verification.verify(
        export.encoded(), genesisDigest: ledger.genesis.digest, knownNote: known)
      return nil
    } catch {
      return error
    }
  }

  @Test("an honest export passes every check, and its summary is what happened")
  func honest() throws {
    let (ledger, export) = try Self.exported()
    var steps: [Verification.Check] = []
    let report = try Verification.verify(
      export.encoded(), genesisDigest: ledger.genesis.digest,
      knownNote: export.consortium.note
    ) { steps.append($0) }
    #expect(steps == Verification.Check.allCases)
    #expect(report.notCompared.isEmpty)
    #expect(report.doctors == 3)
    let hospital = try #require(report.hospitals.first)
    #expect(hospital.visits == 2)
    #expect(hospital.acknowledged == 1)
    #expect(hospital.abandoned == 1)
    #expect(hospital.refusedEntries == 1)
    #expect(hospital.finalBlocks == hospital.blocks)
  }

  @Test("without a genesis digest nothing is said about whose ledger it is")
  func notCompared() throws {
    let (_, export) = try Self.exported()
    let report = try Verification.verify(export.encoded(), genesisDigest: nil)
    #expect(report.notCompared == [.genesisDigest, .newestCheckpoint])
    #expect(report.genesisDigest == export.genesis.digest)
  }

  @Test("[attack] every tampering is found, by the check that is there for it")
  func tampering() throws {
    let (ledger, export) = try Self.exported()

    var changed = export
    changed.genesis.window += 1
    #expect(failure(changed, ledger)?.check == .genesisDigest)

    changed = export
    changed.hospitals[0].blocks[0].header.time += 1
    #expect(failure(changed, ledger)?.check == .links)
    #expect(failure(changed, ledger)?.place == "hospital-1 block 1")

    changed = export
    changed.hospitals[0].blocks[1].body.items[0].refusal = "late"
    #expect(failure(changed, ledger)?.place == "hospital-1 block 1")

    changed = export
    changed.hospitals[0].blocks.removeLast()
    #expect(failure(changed, ledger)?.check == .roots)

    changed = export
    changed.hospitals[0].blocks.swapAt(0, 1)
    #expect(failure(changed, ledger)?.check == .links)

    changed = export
    changed.hospitals[0].note = ""
    #expect(failure(changed, ledger)?.check == .roots)

    changed = export
    let lines = export.hospitals[0].note.split(separator: "\n", omittingEmptySubsequences: false)
    changed.hospitals[0].note = lines.dropLast(2).joined(separator: "\n") + "\n"
    #expect(failure(changed, ledger)?.check == .cosignatures)

    changed = export
    changed.hospitals.removeLast()
    #expect(failure(changed, ledger)?.check == .genesisRules)

    // A hospital that leaves out what it had anchored.
    changed = export
    changed.hospitals[0] = ExportedChain(name: "hospital-1", blocks: [], note: "")
    #expect(failure(changed, ledger)?.check == .anchors)
  }

  @Test("[attack] a file with any bit changed does not pass, or is the same file")
  func everyByte() throws {
    let (ledger, export) = try Self.exported()
    let bytes = export.encoded()
    // Every 97th byte reaches all kinds of fields in reasonable time.
    for index in stride(from: 0, to: bytes.count, by: 97) {
      var changed = bytes
      changed[index] ^= 0x04
      #expect(throws: Verification.Failure.self) {
        try Verification.verify(changed, genesisDigest: ledger.genesis.digest)
      }
    }
    #expect(throws: Verification.Failure.self) {
      try Verification.verify(bytes.dropLast(), genesisDigest: nil)
    }
  }

  @Test("[attack] cosigners who sign a block with a visit that Eq. 3 does not hold for")
  func colludingCosigners() throws {
    // Hospital, cloud and all delegates run a replica that believes every equation.
    var ledger = try LedgerFixture()
    try ledger.registerTeam()
    try ledger.believeEveryEquation()
    var visit = try ledger.visit(1, team: Self.team)
    try ledger.open(visit)
    for position in 1...3 { try ledger.sign(&visit, position: position) }
    let forged = try ledger.partialSignature(&visit, position: 3, attempt: 2, finding: "forged")
    var body = try PartialSignature(encoded: forged.content.body)
    body.signature = Array(body.signature[48...] + body.signature[..<48])
    try ledger.append(body, on: "hospital-1", by: Self.team[2])
    var completion = ledger.completion(of: visit)
    completion.signature = body.signature
    #expect(try ledger.append(completion, on: "hospital-1", by: Self.team[2]) == .ordered)
    try ledger.confirmAndAnchor("hospital-1")
    let found = failure(ledger.replica.export(), ledger)
    #expect(found?.check == .equations)
    #expect(found?.place == "hospital-1 block 1")
  }

  @Test("[attack] an export that is older than a known checkpoint, or contradicts it")
  func knownCheckpoint() throws {
    var (ledger, old) = try Self.exported()
    _ = try ledger.conduct(4, team: Self.team)
    try ledger.confirmAndAnchor("hospital-1")
    let new = ledger.replica.export()
    #expect(failure(new, ledger, known: old.consortium.note) == nil)
    #expect(failure(new, ledger, known: old.hospitals[0].note) == nil)
    #expect(failure(old, ledger, known: new.hospitals[0].note)?.check == .newestCheckpoint)
    #expect(failure(old, ledger, known: "nonsense")?.check == .newestCheckpoint)
    let foreign = try LedgerFixture(seed: 2)
    #expect(failure(new, foreign)?.check == .genesisDigest)
  }
}
