package import CanonicalEncoding
import Credentials
import EMRScheme
package import Ledger

/// What a patient keeps of a visit; its keys come from the root and the nonce in the context.
struct PatientVisit: NamedValue {
  static let name = "patient-visit"

  var context: VisitContext
  /// α.
  var evidence: [UInt8]
  var opening: PseudonymOpening
  /// Once the record was opened and found to be what the team signed.
  var recordDigest: Digest32?
  var isReceipted = false

  init(
    context: VisitContext, evidence: [UInt8], opening: PseudonymOpening,
    recordDigest: Digest32? = nil
  ) {
    self.context = context
    self.evidence = evidence
    self.opening = opening
    self.recordDigest = recordDigest
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.value("context", context)
    fields.octets("evidence", evidence)
    fields.value("opening", opening)
    fields.octets("recordDigest", recordDigest?.bytes ?? [])
    fields.integer("isReceipted", isReceipted ? 1 : 0)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    context = try fields.value("context")
    evidence = try fields.octets("evidence", count: 32)
    opening = try fields.value("opening")
    recordDigest = Digest32(try fields.octets("recordDigest", 0...32))
    isReceipted = try fields.integer("isReceipted", in: 0...1) == 1
  }
}

/// A patient's own program: root key, and what the patient knows of the visits.
package actor Patient: RoleEndpoint {
  /// Where the patient is reached; no identity.
  package nonisolated let id: String
  package nonisolated let client: LedgerClient
  /// ID_j: told to hospitals at admission, sealed.
  let identity: String
  let keys: PatientKeys
  let store: any RoleStore
  let post: Post
  /// Seconds since 1970.
  let clock: @Sendable () -> UInt64
  var randomness: Randomness

  package init(
    id: String, identity: String, genesis: ValidGenesis, keys: PatientKeys,
    store: any RoleStore, courier: any Courier, clock: @escaping @Sendable () -> UInt64,
    randomness: Randomness
  ) throws {
    self.id = id
    self.clock = clock
    self.identity = identity
    self.keys = keys
    self.store = store
    self.randomness = randomness
    post = Post(courier: courier, sender: id)
    client = try LedgerClient(genesis: genesis, store: store, post: post)
  }

  var genesis: ValidGenesis { client.genesis }

  package func answer(_ request: any RoleRequest) async throws -> any CanonicalValue {
    switch request {
    case let request as ForwardAccessRequest: request.reply(try await take(request))
    default: throw ConsortiumError(.unsupported, "not a request to a patient")
    }
  }

  // MARK: Keys

  func keys(at hospital: String, nonce: Digest32) throws -> PatientVisitKeys<Suite> {
    try keys.root.keys(genesis: genesis.digest, hospital: hospital, nonce: nonce)
  }

  /// The keys of a visit of this patient.
  func keys(of context: VisitContext) throws -> PatientVisitKeys<Suite> {
    guard let keys: PatientVisitKeys<Suite> = try keys.root.keys(of: context) else {
      throw ConsortiumError(.unknownVisit, "the visit is not this patient's")
    }
    return keys
  }

  // MARK: Visits

  static func key(_ visit: Digest32) -> String { "visit/\(visit)" }

  func visit(_ visit: Digest32) throws -> PatientVisit {
    guard let visit: PatientVisit = try store.load(Self.key(visit)) else {
      throw ConsortiumError(.unknownVisit, "the patient knows no such visit")
    }
    return visit
  }

  func save(_ visit: PatientVisit) throws {
    try store.save(visit, Self.key(visit.context.visitID))
  }

  func entry(_ body: some CanonicalObject, _ context: VisitContext, _ key: IdentityKey) -> Entry {
    Entry(
      EntryContent(
        genesis: genesis.digest, chain: context.hospital,
        signer: .patient(visit: context.visitID), body: body),
      signedBy: key)
  }
}
