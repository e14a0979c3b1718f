package import CanonicalEncoding
import Credentials
public import EMRScheme
public import Ledger

/// A doctor's own program: the signing keys, and the findings of the visits on whose teams the
/// doctor is.
///
/// Whatever it asks others goes through its courier, and what others ask it comes to
/// ``Endpoint/receive(_:from:)`` under ``id``. A call that failed, or whose answer was lost, is made again: what
/// was signed is kept before it is sent, and the same is sent again. All calls may throw ``ConsortiumError``,
/// ``StoreError`` of the store, ``CredentialError``, ``SchemeError``, and ``LedgerError`` for proofs that fail.
public actor Doctor: Endpoint, EnvelopeKeyOwner {
  /// ID_k: of 1 to 64 of a-z, 0-9 and '-', unique in the consortium.
  public nonisolated let id: String
  /// The identifier of the hospital where the doctor works.
  public nonisolated let hospital: String
  package nonisolated let client: LedgerClient
  var keys: DoctorKeys
  let store: any RoleStore
  package let envelopeKeys: OwnEnvelopeKeys
  let requests: RequestClient
  package nonisolated let inbox: Inbox
  let mailAnswers = MailAnswers()
  var randomness: Randomness
  /// What a first registration asserts; from then on the ledger says it.
  let specialties: Set<Specialty>
  /// Exchanges under way, by visit, the newest last; after a restart the hospital begins again.
  var exchanges: [Digest32: [OfferedExchange]] = [:]
  /// Visits with what can be had again and is not stored yet: an assignment without its group key.
  var pendingVisits: [Digest32: DoctorVisit] = [:]
  /// What it was about to read.
  let unfinishedRecord = UnfinishedRecord()
  /// Of visits in which something is under way, or was.
  var visitGates: [Digest32: SerialGate] = [:]
  /// Which visits and consents were looked at last, to see whether they are over.
  var turns = EndingTurns()

  /// Begins, or goes on with what the store holds of earlier runs.
  ///
  /// - Parameters:
  ///   - genesis: of the ledger. Its digest has to be known from somewhere that can be trusted.
  ///   - keys: as they were made first: the store has those that were rotated.
  ///   - store: of this doctor alone.
  ///   - courier: is given sealed envelopes, and requests about chains.
  ///   - clock: seconds since 1970; it may differ by a few minutes from that of others.
  ///   - randomness: of a generator for cryptography.
  ///   - specialties: of a first registration, the same that the hospital expects; from then on the ledger
  ///     says it.
  /// - Throws: ``StoreError``, or what says that the store is not of this ledger or is damaged.
  public init(
    id: String, hospital: String, genesis: ValidGenesis, keys: DoctorKeys, store: any RoleStore,
    courier: any Courier, clock: @escaping @Sendable () -> UInt64,
    randomness: Randomness = SystemRandomNumberGenerator(), specialties: Set<Specialty> = []
  ) throws {
    self.id = id
    self.specialties = specialties
    self.hospital = hospital
    self.keys = try Self.rotated(keys, store)
    self.store = store
    requests = RequestClient(courier: courier, sender: id)
    inbox = Inbox(genesis, .doctor, clock: clock)
    let shared = SharedRandomness(randomness)
    self.randomness = shared
    envelopeKeys = OwnEnvelopeKeys(
      genesis: genesis.digest, owner: id, store: store, clock: clock, randomness: shared)
    client = try LedgerClient(
      genesis: genesis, home: hospital, store: store, requests: requests, clock: clock)
    client.owner.owner = self
  }

  var genesis: ValidGenesis { client.genesis }

  package func known(
    _ author: Principal, isRenewed: Bool
  ) async throws -> KnownAuthor? {
    switch author {
    case .party(let id): return try await client.known(id, isRenewed: isRenewed)
    case .patient(let visit, let hospital):
      return try context(ofVisit: visit, at: hospital).map {
        KnownAuthor(.patient, [$0.visitSigningKey])
      }
    case .key(let key): return try isAsked(key) ? KnownAuthor(.keyHolder, [key]) : nil
    }
  }

  package func renewal(of author: Principal) async throws -> String? {
    if case .party(let id) = author { try await client.renewal(of: id) } else { nil }
  }

  /// As whom this doctor asks: with the key in force, then with one that may be by now.
  var authors: [Author] {
    get throws {
      try ([keys.identity] + (pendingKeys.map { [try $0.identityKey] } ?? [])).map {
        Author(.party(id), $0)
      }
    }
  }

  /// Asks somebody in an envelope, in this doctor's name.
  func ask<Request: RoleRequest>(
    _ request: Request, of recipient: String
  ) async throws -> Request.Reply {
    try await client.ask(request, of: recipient, by: authors)
  }

  package func answer(
    _ request: any RoleRequest, by author: Principal?
  ) async throws -> any CanonicalValue {
    switch request {
    case let request as FetchEnvelopeKey:
      request.reply(try envelopeKeys.statement(by: keys.identity))
    case let request as AssignVisit: request.reply(try await join(request, by: author))
    case let request as ExchangeGroupKey: request.reply(try await exchange(request, by: author))
    case let request as ShowPresence: request.reply(try keepPresence(request, by: author))
    case let request as HandOverFindings:
      request.reply(try await keepFindings(request, by: author))
    case let request as ResendFindings: request.reply(try await resend(request, by: author))
    case let request as CertifyRequestKey: request.reply(try await certify(request, by: author))
    case let request as GrantConsent: request.reply(try await keepGrant(request, by: author))
    default: throw ConsortiumError(.unsupported, "not a request to a doctor")
    }
  }
}
