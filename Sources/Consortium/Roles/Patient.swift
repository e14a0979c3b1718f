package import CanonicalEncoding
package import Credentials
import EMRScheme
public import Ledger

/// What a patient keeps of a visit; its keys come from the root and the nonce in the context.
struct PatientVisit: NamedValue {
  static let name = "patient-visit"

  var context: VisitContext
  /// α; empty where a restored patient has neither record nor note.
  var evidence: [UInt8]
  /// nil where a restored patient has no note.
  var opening: PseudonymOpening?
  /// The Encounter that it was admitted for; empty as ``opening``.
  var encounter: String
  /// Once the record was opened and found to be what the team signed.
  var recordDigest: Digest32?
  var isReceipted = false

  init(
    context: VisitContext, evidence: [UInt8], opening: PseudonymOpening?, encounter: String,
    recordDigest: Digest32? = nil
  ) {
    self.context = context
    self.evidence = evidence
    self.opening = opening
    self.encounter = encounter
    self.recordDigest = recordDigest
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.value("context", context)
    fields.octets("evidence", evidence)
    fields.optional("opening", opening)
    fields.text("encounter", encounter)
    fields.octets("recordDigest", recordDigest?.bytes ?? [])
    fields.integer("isReceipted", isReceipted ? 1 : 0)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    context = try fields.value("context")
    evidence = try fields.octets("evidence", 0...32)
    opening = try fields.optional("opening")
    encounter = try fields.text("encounter")
    recordDigest = Digest32(try fields.octets("recordDigest", 0...32))
    isReceipted = try fields.integer("isReceipted", in: 0...1) == 1
  }
}

/// A patient's own program: root key, and what the patient knows of the visits.
///
/// Whatever it asks others goes through its courier, and what others ask it comes to
/// ``Endpoint/receive(_:from:)`` under one of its ``addresses()``. A call that failed, or whose answer was
/// lost, is made again: what was signed is kept before it is sent, and the same is sent again. All calls may
/// throw ``ConsortiumError``, ``StoreError`` of the store, ``CredentialError``, and ``LedgerError`` for proofs
/// that fail.
public actor Patient: Endpoint, RoleEndpoint {
  package nonisolated let inbox: Inbox
  package nonisolated let client: LedgerClient
  /// ID_j: told to hospitals at admission, sealed.
  let identity: String
  let keys: PatientKeys
  let store: any RoleStore
  /// What it was about to read.
  let unfinishedRecord = UnfinishedRecord()
  let mailAnswers = MailAnswers()
  /// Addresses that this program has made since it was started, the newest last.
  var madeAddresses: [String] = []
  var randomness: Randomness
  /// With whose key this run has asked for admission last, by hospital.
  var ticketKeys: [String: IdentityKey] = [:]

  /// Begins, or goes on with what the store holds of earlier runs.
  ///
  /// - Parameters:
  ///   - identity: ID_j: told to hospitals at admission, sealed, as the counters' tickets have it, in
  ///     whatever written form.
  ///   - genesis: of the ledger. Its digest has to be known from somewhere that can be trusted.
  ///   - store: of this patient alone; empty for one who is to be restored.
  ///   - courier: is given sealed envelopes, and requests about chains that say nothing of who asks.
  ///   - clock: seconds since 1970; it may differ by a few minutes from that of others.
  ///   - randomness: of a generator for cryptography.
  /// - Throws: ``StoreError``, or what says that the store is not of this ledger or is damaged.
  public init(
    identity: String, genesis: ValidGenesis, keys: PatientKeys, store: any RoleStore,
    courier: any Courier, clock: @escaping @Sendable () -> UInt64,
    randomness: Randomness = SystemRandomNumberGenerator()
  ) throws {
    self.identity = WrittenForm.canonical(identity)
    self.keys = keys
    self.store = store
    self.randomness = randomness
    inbox = Inbox(genesis, .patient, clock: clock)
    client = try LedgerClient(
      genesis: genesis, store: store,
      requests: RequestClient(courier: courier, sender: Self.sender),
      clock: clock)
    client.owner.owner = self
  }

  var genesis: ValidGenesis { client.genesis }

  /// All patients go by one name where answers find their own way back: it links nothing.
  private static let sender = "patient"

  package func open(
    _ envelope: Envelope
  ) throws -> (request: Signed<RequestContent>, answer: AnswerKey) {
    guard let keys = try addressKeys(envelope.recipient),
      Digest32(sha256: keys.agreement.publicKey) == envelope.keyDigest
    else { throw CredentialError(.decryption, "the envelope is for another address") }
    return try envelope.open(with: keys.agreement, genesis: genesis.digest)
  }

  package func known(
    _ author: Principal, isRenewed: Bool
  ) async throws -> KnownAuthor? {
    guard case .party(let id) = author else { return nil }
    return try await client.known(id, isRenewed: isRenewed)
  }

  package func renewal(of author: Principal) async throws -> String? {
    if case .party(let id) = author { try await client.renewal(of: id) } else { nil }
  }

  package func answer(
    _ request: any RoleRequest, by author: Principal?
  ) async throws -> any CanonicalValue {
    switch request {
    case let request as ForwardAccessRequest: request.reply(try await keepRequest(request))
    default: throw ConsortiumError(.unsupported, "not a request to a patient")
    }
  }

  // MARK: Addresses

  private static let addressPrefix = "address/"

  /// Makes an address, for one doctor to be told in person: as the QR code of ``PatientAddress/text``.
  ///
  /// The courier has to bring here what is sent to its ``PatientAddress/id``.
  public func makeAddress() throws -> PatientAddress {
    let nonce = Digest32(sha256: randomness.bytes(32))
    let address = PatientAddress(
      try keys.root.addressKeys(genesis: genesis.digest, nonce: nonce))
    try store.write([Self.addressPrefix + address.id: nonce.bytes])
    madeAddresses.append(address.id)
    return address
  }

  /// Where this patient is reached, of everything that was made.
  package static func addresses(_ store: any RoleStore) throws -> [String] {
    try store.keys(withPrefix: addressPrefix).map { String($0.dropFirst(addressPrefix.count)) }
  }

  /// All addresses that were made, where this patient is reached.
  public func addresses() throws -> [PatientAddress] {
    try Self.addresses(store).compactMap { try addressKeys($0).map(PatientAddress.init) }
  }

  func addressKeys(_ id: String) throws -> PatientAddressKeys? {
    guard let nonce = try store.value(forKey: Self.addressPrefix + id).flatMap({ Digest32($0) })
    else { return nil }
    return try keys.root.addressKeys(genesis: genesis.digest, nonce: nonce)
  }

  /// As whom this patient asks about a visit.
  func author(_ context: VisitContext, _ key: IdentityKey) -> Author {
    author(context.visitID, at: context.hospital, key)
  }

  func author(_ visit: Digest32, at hospital: String, _ key: IdentityKey) -> Author {
    Author(.patient(visit: visit, hospital: hospital), key)
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

  static let visitPrefix = "visit/"
  /// Any hospital can give a visit of its own another's identifier.
  static func key(_ visit: Digest32, _ hospital: String) -> String {
    "\(visitPrefix)\(hospital)/\(visit)"
  }
  static func key(_ context: VisitContext) -> String { key(context.visitID, context.hospital) }
  /// What such a key names.
  static func visitNamed(_ key: String) -> NamedVisit? {
    let parts = key.dropFirst(visitPrefix.count).split(separator: "/")
    guard parts.count == 2, let visit = Digest32(hex: String(parts[1])) else { return nil }
    return NamedVisit(visit, at: String(parts[0]))
  }

  func visit(_ visit: Digest32, at hospital: String) throws -> PatientVisit {
    guard let visit: PatientVisit = try store.load(Self.key(visit, hospital)) else {
      throw ConsortiumError(.unknownVisit, "the patient knows no such visit")
    }
    return visit
  }

  /// The hospitals at which this patient has a visit with this identifier.
  package func hospitals(ofVisit visit: Digest32) throws -> [String] {
    try store.keys(withPrefix: Self.visitPrefix).compactMap(Self.visitNamed)
      .filter { $0.visit == visit }.map(\.hospital)
  }

  func save(_ visit: PatientVisit) throws { try store.save(visit, Self.key(visit.context)) }

  func entry(
    _ body: some CanonicalObject, _ context: VisitContext, _ key: IdentityKey
  ) throws(DecodingFailure) -> Entry {
    try Entry(
      checked: EntryContent(
        genesis: genesis.digest, chain: context.hospital,
        signer: .patient(visit: context.visitID), body: body),
      signedBy: key)
  }
}
