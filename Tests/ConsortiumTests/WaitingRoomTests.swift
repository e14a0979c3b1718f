import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Pairings
import TestSupport
import Testing

@Suite("What waits for a block")
struct WaitingRoomTests {
  /// An entry with which a hospital registers a doctor, whom the manager has signed too.
  @inline(never)
  private static func registration(
    _ number: UInt64, at hospital: String, _ test: TestConsortium, _ consortium: LocalConsortium
  ) throws -> Entry {
    var generator = SeededGenerator(seed: 1000 + number)
    let signing = DoctorSigningKey<BLS12381>(using: &generator)
    let identity = try IdentityKey(seed: generator.bytes(32))
    let statement = signing.statement(
      genesis: consortium.genesis.digest, doctor: "many-\(number)", hospital: hospital,
      identityKey: identity.publicKey)
    let registration = DoctorRegistration(
      statement: statement, proof: try signing.prove(statement, using: &generator),
      doctor: identity,
      manager: try IdentityKey(seed: test.secret("registration", of: "manager")))
    return try test.entry(registration, by: hospital, chain: ChainName.consortium, consortium)
  }

  @Test("[attack] a hospital registers doctors without end: no other member's entry is kept out")
  func doctorsWithoutEnd() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (flooder, other) = ("hospital-2", "hospital-3")
    let delegates = try ["hospital-1", other].map { id in
      try #require(consortium.hospitals[id]).node
    }
    let size = await delegates[0].consortium.size
    // No block is decided meanwhile.
    var taken = 0
    var code: String?
    for number in 0..<400 as Range<UInt64> where code == nil {
      let entry = try Self.registration(number, at: flooder, test, consortium)
      code = await ConsortiumError.code { try await delegates[0].submit(entry) }
      if code == nil { taken += 1 }
    }
    #expect(code == "too-large" && taken > 100 && taken <= 256)
    // Its doctors wait in the same room; those of others, and the others, have theirs.
    #expect(await delegates[0].consortium.size == size)
    func change(_ doctor: String, by hospital: String) throws -> Entry {
      try test.entry(
        DoctorStatusChange(doctor: doctor, status: .suspended, number: 1), by: hospital,
        chain: ChainName.consortium, consortium)
    }
    let own = try change("hospital-2-doctor-1", by: flooder)
    #expect(await ConsortiumError.code { try await delegates[0].submit(own) } == "too-large")
    let entries = [
      try change("hospital-3-doctor-1", by: other),
      try test.entry(
        DoctorStatusChange(doctor: "hospital-3-doctor-2", status: .suspended, number: 1),
        by: "hospital-3-doctor-2", place: "doctors/hospital-3-doctor-2",
        chain: ChainName.consortium, consortium),
    ]
    for entry in entries {
      #expect(await ConsortiumError.code { try await delegates[0].submit(entry) } == nil)
    }
    try await test.pass(seconds: 100, consortium)
    for entry in entries {
      #expect(try await delegates[1].index(of: entry.digest) != nil)
    }
    #expect(await delegates[0].consortium.size >= size + UInt64(taken))
    #expect(await ConsortiumError.code { try await delegates[0].submit(own) } == nil)
  }
}
