import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Foundation
import Ledger
import Pairings
import TestSupport
import Testing
import TransparencyLog

@Suite("Who is a doctor")
struct RegistrationTests {
  private struct Candidate {
    let signing: DoctorSigningKey<BLS12381>
    let identity: IdentityKey
    let statement: RegistrationStatement
    let proof: RegistrationProof

    @inline(never)
    init(_ consortium: LocalConsortium, seed: UInt64 = 17) throws {
      var generator = SeededGenerator(seed: seed)
      signing = DoctorSigningKey(using: &generator)
      identity = try IdentityKey(seed: generator.bytes(32))
      statement = signing.statement(
        genesis: consortium.genesis.digest, doctor: "newcomer", hospital: "hospital-1",
        identityKey: identity.publicKey)
      proof = try signing.prove(statement, using: &generator)
    }

    func registration(manager: IdentityKey) -> DoctorRegistration {
      DoctorRegistration(
        statement: statement, proof: proof, doctor: identity, manager: manager)
    }
  }

  @Test("a hospital registers whom it employs, and the manager whom a hospital names")
  func bothSign() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let candidate = try Candidate(consortium)
    func client(_ candidate: Candidate) -> TestClient {
      test.client(
        consortium, by: Author(.key(candidate.identity.publicKey), candidate.identity))
    }
    let request = RegisterDoctor(
      statement: Signed(candidate.statement, by: candidate.identity), proof: candidate.proof)
    #expect(
      await ConsortiumError.code { _ = try await client(candidate).ask(request, of: "hospital-1") }
        == "not-employed")
    try await consortium.hospitals["hospital-1"]?.employ(
      "newcomer", fingerprint: candidate.statement.digest)
    // A stranger is first, with keys of his own.
    let stranger = try Candidate(consortium, seed: 18)
    let first = RegisterDoctor(
      statement: Signed(stranger.statement, by: stranger.identity), proof: stranger.proof)
    #expect(
      await ConsortiumError.code { _ = try await client(stranger).ask(first, of: "hospital-1") }
        == "wrong-fingerprint")
    let foreign = RegisterDoctor(
      statement: Signed(candidate.statement, by: try test.identityKey(of: "hospital-2")),
      proof: candidate.proof)
    #expect(
      await ConsortiumError.code { _ = try await client(candidate).ask(foreign, of: "hospital-1") }
        == "unauthenticated")
    var changed = request.proof
    changed.z1[31] ^= 1
    let unproven = RegisterDoctor(statement: request.statement, proof: changed)
    #expect(
      await ConsortiumError.code { _ = try await client(candidate).ask(unproven, of: "hospital-1") }
        == "registration")
    // The manager signs for no hospital but the one that asks.
    let cosign = CosignRegistration(registration: request)
    for (name, code) in [("hospital-2", "unauthenticated"), ("cloud", "unauthenticated")] {
      #expect(
        await ConsortiumError.code {
          _ = try await test.client(consortium, as: name).ask(cosign, of: "manager")
        } == code)
    }
    #expect(
      await ConsortiumError.code { _ = try await client(stranger).ask(request, of: "hospital-1") }
        == "not-employed")
    #expect(
      await ConsortiumError.code { _ = try await client(candidate).ask(request, of: "hospital-1") }
        == nil)
  }

  @Test("the ledger takes no registration from a hospital or the manager alone")
  func neitherAlone() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let candidate = try Candidate(consortium)
    let manager = try IdentityKey(seed: test.secret("registration", of: "manager"))
    let node = try #require(consortium.hospitals["hospital-1"]).node
    func refusal(_ registration: DoctorRegistration, by party: String) async throws -> String? {
      let entry = try test.entry(
        registration, by: party, chain: ChainName.consortium, consortium)
      return await ConsortiumError.code { try await node.submit(entry) }
    }
    let byHospital = candidate.registration(manager: try test.identityKey(of: "hospital-1"))
    #expect(try await refusal(byHospital, by: "hospital-1") == "wrong-registration")
    let complete = candidate.registration(manager: manager)
    #expect(try await refusal(complete, by: "manager") == "not-entitled")
    #expect(try await refusal(complete, by: "hospital-2") == "not-entitled")
    #expect(try await refusal(complete, by: "hospital-1") == nil)
    let namesake = try Candidate(consortium, seed: 18).registration(manager: manager)
    #expect(try await refusal(namesake, by: "hospital-1") == "already-registered")
  }

  /// A chain of one entry that every supernode signs against the rules.
  @inline(never)
  private func conspiracy(
    _ entry: Entry, _ test: TestConsortium, _ consortium: LocalConsortium
  ) throws -> FinalityProof {
    let leaves = [Leaf.item(entry).encoded(), [2, 0]]
    let tree = MerkleTree(leaves: leaves)
    let cosigned = try test.cosigned(
      tree, chain: ChainName.consortium, by: consortium.genesis.content.delegates, consortium)
    return FinalityProof(
      epoch: 0, note: try #require(CosignedCheckpoint.merged(cosigned)).note.encoded,
      consistency: [],
      consortium: LeafProof(
        leaf: leaves[0], index: 0,
        inclusion: try tree.inclusionProof(index: 0, size: tree.size).hashes),
      hospital: nil)
  }

  @Test("clients use no key without both signatures and the proof, even from a final block")
  func clientsCheckThemselves() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let candidate = try Candidate(consortium)
    let manager = try IdentityKey(seed: test.secret("registration", of: "manager"))
    let honest = try await test.client(consortium, as: TestConsortium.patient).ask(
      Prove(.consortiumBlock(height: 0), knownSize: 0), of: "hospital-1")
    func outcome(_ registration: DoctorRegistration, by party: String) throws -> String? {
      let entry = try test.entry(
        registration, by: party, chain: ChainName.consortium, consortium)
      let proof = try conspiracy(entry, test, consortium)
      let proven = try proof.verify(
        genesis: consortium.genesis, delegates: KnownDelegates(consortium.genesis), known: nil)
      do {
        _ = try proven.registration(
          of: "newcomer", genesis: consortium.genesis, members: consortium.genesis.members)
        return nil
      } catch {
        return "\(ConsortiumError(error).code)"
      }
    }
    let complete = candidate.registration(manager: manager)
    #expect(try outcome(complete, by: "hospital-1") == nil)
    let byHospital = candidate.registration(manager: try test.identityKey(of: "hospital-1"))
    #expect(try outcome(byHospital, by: "hospital-1") == "registration")
    #expect(try outcome(complete, by: "manager") == "unknown-doctor")
    #expect(try outcome(complete, by: "hospital-2") == "unknown-doctor")
    var unproven = complete
    unproven.proof.z2[31] ^= 1
    #expect(try outcome(unproven, by: "hospital-1") == "registration")
    // The conspiracy contradicts what an older client has seen.
    let proof = try conspiracy(
      try test.entry(complete, by: "hospital-1", chain: ChainName.consortium, consortium),
      test, consortium)
    let known = try honest.verify(
      genesis: consortium.genesis, delegates: KnownDelegates(consortium.genesis), known: nil
    ).checkpoint
    #expect(throws: LedgerError.self) {
      try proof.verify(
        genesis: consortium.genesis, delegates: KnownDelegates(consortium.genesis), known: known)
    }
  }

  private static func changes(foreign: FinalityProof) -> [(inout FinalityProof) -> Void] {
    [
      { $0.hospital?.leaf[40] ^= 1 }, { $0.hospital?.index += 1 },
      { $0.hospital?.inclusion.removeLast() }, { $0.hospital = foreign.hospital },
      { $0.consortium.index += 1 }, { $0.consortium.leaf[40] ^= 1 },
    ]
  }

  /// Of four.
  private static func leaveTwoCosignatures(_ proof: inout FinalityProof) {
    let parts = proof.note.components(separatedBy: "\n\n")
    let lines = parts[1].split(separator: "\n").prefix(2)
    proof.note = parts[0] + "\n\n" + lines.joined(separator: "\n") + "\n"
  }

  @Test("a proof is refused for another leaf, too few cosignatures or an older checkpoint")
  func forgedProofs() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let visit = try await consortium.hold(test.plan()).visit
    let context = try await test.state(of: visit, consortium).context
    let client = try test.client(consortium, asPatientOf: context)
    let honest = try await client.ask(test.completion(of: context), of: "hospital-1")
    let genesis = consortium.genesis
    let proven = try honest.verify(genesis: genesis, delegates: KnownDelegates(genesis), known: nil)
    #expect(Self.completion(in: proven)?.context.visitID == visit)
    let other = try await consortium.hold(test.plan("encounter-2")).visit
    let otherContext = try await test.state(of: other, consortium).context
    let foreign = try await test.client(consortium, asPatientOf: otherContext).ask(
      test.completion(of: otherContext), of: "hospital-1")

    let changes = Self.changes(foreign: foreign)
    for change in changes + [Self.leaveTwoCosignatures] {
      var proof = honest
      change(&proof)
      #expect(throws: LedgerError.self) {
        try proof.verify(genesis: genesis, delegates: KnownDelegates(genesis), known: nil)
      }
    }
    // The checkpoint that a client has verified needs no cosignatures again; any other does.
    var unsigned = honest
    Self.leaveTwoCosignatures(&unsigned)
    _ = try unsigned.verify(
      genesis: genesis, delegates: KnownDelegates(genesis), known: proven.checkpoint)
    let sibling = try Checkpoint(
      origin: proven.checkpoint.origin, size: proven.checkpoint.size,
      root: [UInt8](repeating: 1, count: 32))
    for known in [nil, sibling] {
      #expect(throws: LedgerError.self) {
        try unsigned.verify(genesis: genesis, delegates: KnownDelegates(genesis), known: known)
      }
    }
    // A client that has seen more is not shown less.
    test.pass(seconds: 20)
    try await consortium.settle()
    let newer = try await client.ask(
      Prove(.consortiumBlock(height: 0), knownSize: proven.checkpoint.size), of: "hospital-1"
    ).verify(genesis: genesis, delegates: KnownDelegates(genesis), known: proven.checkpoint)
    #expect(newer.checkpoint.size > proven.checkpoint.size)
    #expect {
      try honest.verify(
        genesis: genesis, delegates: KnownDelegates(genesis), known: newer.checkpoint)
    } throws: {
      ($0 as? LedgerError)?.code == .staleCheckpoint
    }
  }

  private static func completion(in proven: ProvenLeaf) -> VisitCompletion? {
    guard case .visitCompletion(let completion)? = proven.entry?.content.body else { return nil }
    return completion
  }
}
