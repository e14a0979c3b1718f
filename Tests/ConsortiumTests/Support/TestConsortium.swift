import CanonicalEncoding
import Consortium
import Credentials
import Crypto
import EMRScheme
import Ledger
import Synchronization
import TestSupport
import TransparencyLog

/// A consortium on memory, with a clock that the test moves and randomness from seeds. It hands out
/// every secret, since whoever attacks has some.
final class TestConsortium: Sendable {
  let storage = MemoryStorage()
  let wire = Wire()
  private let now = Mutex(TestConsortium.start)
  private let teamSize: Int
  private let openings = Mutex<UInt64>(0)

  static let start: UInt64 = 1_790_000_000
  static let patient = "patient-a"
  static let identity = "Ada Quimby, 1980-02-29"
  /// Of another hospital than the visits of ``plan(_:hospital:signingTwice:)``.
  static let reader = "hospital-2-doctor-1"

  init(teamSize: Int = 3) { self.teamSize = teamSize }

  /// Founds the consortium, or starts all roles again from their stores.
  func open() async throws -> LocalConsortium {
    let opening = openings.withLock { count in
      count += 1
      return count
    }
    var environment = LocalConsortium.Environment(
      clock: { self.now.withLock { $0 } }, nanoseconds: { 0 },
      randomness: { role in
        // Another stream after every start, as from a real generator.
        SeededGenerator(seed: role.utf8.reduce(opening) { ($0 &* 1_099_511_628_211) ^ UInt64($1) })
      })
    environment.interpose = { [wire] courier in wire.over(courier) }
    let consortium = try await LocalConsortium.open(
      storage: storage, configuration: .init(teamSize: teamSize), environment: environment)
    try await consortium.addPatient(contact: Self.patient, identity: Self.identity)
    return consortium
  }

  func pass(seconds: UInt64) { now.withLock { $0 += seconds } }

  // MARK: What people do

  func plan(
    _ encounter: String = "encounter-1", hospital: String = "hospital-1",
    signingTwice: Set<Int> = []
  ) -> PlannedVisit {
    PlannedVisit(
      patient: Self.patient, hospital: hospital, encounter: encounter,
      findings: (1...teamSize).map { finding(encounter, $0) }, signingTwice: signingTwice)
  }

  func finding(_ encounter: String, _ position: Int) -> [UInt8] {
    Array("{\"finding\":\"plaintext-\(encounter)-of-doctor-\(position)\"}".utf8)
  }

  /// A visit that is open and has its group key; the findings are still to come.
  func beginVisit(
    _ consortium: LocalConsortium, _ plan: PlannedVisit
  ) async throws -> HospitalState.VisitState {
    let visit = try await consortium.open(plan).visit
    try await consortium.agreeOnGroupKey(visit, at: plan.hospital)
    return try await state(of: visit, consortium, plan.hospital)
  }

  func state(
    of visit: Digest32, _ consortium: LocalConsortium, _ hospital: String = "hospital-1"
  ) async throws -> HospitalState.VisitState {
    let node = consortium.cloud.node
    try await node.catchUp()
    return try await node.read { replica in
      guard let state = replica.hospitals[hospital]?.state.visits[visit] else {
        throw ConsortiumError(.unknownVisit, "no such visit")
      }
      return state
    }
  }

  /// A final visit and a request for it by ``reader``.
  func visitWithRequest(
    _ consortium: LocalConsortium
  ) async throws -> (visit: Digest32, request: Digest32) {
    let outcome = try await consortium.hold(plan())
    let request = try await consortium.requestAccess(
      doctor: Self.reader, patient: Self.patient, purpose: "second opinion")
    return (outcome.visit, request)
  }

  /// A final consent for a final visit.
  func consentedVisit(
    _ consortium: LocalConsortium, lasting seconds: UInt64 = 3600
  ) async throws -> (visit: Digest32, consent: Digest32) {
    let (visit, request) = try await visitWithRequest(consortium)
    let consent = try await consortium.consent(
      patient: Self.patient, to: request, visit: visit,
      expiresAt: await consortium.ledgerTime() + seconds)
    try await consortium.settle()
    return (visit, consent)
  }

  // MARK: What an attacker has
  // Not inlined: the optimizer of Swift 6.3.1 crashes where their typed errors meet an async body.

  @inline(never)
  func secret(_ name: String, of place: String) throws -> [UInt8] {
    guard let file = storage.keys(place) else {
      throw ConsortiumError(.unreachable, "no keys at \(place)")
    }
    return try file.secret(name)
  }

  @inline(never)
  func identityKey(of place: String) throws -> IdentityKey {
    try IdentityKey(seed: secret("identity", of: place))
  }

  @inline(never)
  func entry(
    _ body: some CanonicalObject, by party: String, place: String? = nil,
    chain: String = "hospital-1", _ consortium: LocalConsortium
  ) throws -> Entry {
    Entry(
      EntryContent(
        genesis: consortium.genesis.digest, chain: chain, signer: .party(party), body: body),
      signedBy: try identityKey(of: place ?? party))
  }

  /// Cosignatures on the tree of these leaves, as conspirators make them.
  @inline(never)
  func cosigned(
    _ tree: MerkleTree, chain: String, by nodes: [String], _ consortium: LocalConsortium
  ) throws -> [CosignedCheckpoint] {
    let checkpoint = try Checkpoint(
      origin: consortium.genesis.origin(of: chain), size: tree.size, root: tree.root)
    return try nodes.map { node in
      let name = ValidGenesis.cosignerName(
        network: consortium.genesis.genesis.network, node: node, chain: chain)
      let key = try CosignerKey(
        name: name, key: .init(rawRepresentation: secret("cosigner/\(chain)", of: node)))
      return try key.cosign(checkpoint, at: Self.start)
    }
  }

  func post(_ consortium: LocalConsortium, as sender: String) -> Post {
    Post(courier: consortium.courier, sender: sender)
  }
}

extension ConsortiumError {
  /// The code of the refusal that `work` ends in; `nothing` if it succeeds.
  static func code(
    isolation: isolated (any Actor)? = #isolation, _ work: () async throws -> Void
  ) async -> String {
    do {
      try await work()
      return "nothing"
    } catch {
      return "\(ConsortiumError(error).code)"
    }
  }
}
