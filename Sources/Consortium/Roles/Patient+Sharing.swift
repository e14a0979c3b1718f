public import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger

/// A consent on its way: what has to be sent, until all of it has arrived. It has x, and t sealed to
/// the doctor: neither says anything of p_v without the other.
struct PendingConsent: NamedValue {
  static let name = "pending-consent"
  var notice: Entry
  var deposit: DepositConsent
  var grant: GrantConsent

  init(notice: Entry, deposit: DepositConsent, grant: GrantConsent) {
    (self.notice, self.deposit, self.grant) = (notice, deposit, grant)
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.value("notice", notice)
    fields.value("deposit", deposit)
    fields.value("grant", grant)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    notice = try fields.value("notice")
    deposit = try fields.value("deposit")
    grant = try fields.value("grant")
  }
}

/// A consent that a patient has given, and to whose visit.
struct KnownConsent: NamedValue {
  static let name = "known-consent"

  let hospital: String
  var given: GivenConsent

  init(hospital: String, given: GivenConsent) { (self.hospital, self.given) = (hospital, given) }

  func encode(into fields: inout some FieldEncoder) {
    fields.text("hospital", hospital)
    fields.value("given", given)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    given = try fields.value("given")
  }
}

/// What a doctor has asked of a patient, by the system manager, who knows the doctor.
public struct ReceivedRequest: Sendable, Equatable {
  /// The digest of the request, to consent to.
  public let request: Digest32
  /// The identifier of the doctor who asks.
  public let doctor: String
  /// The identifier of the hospital where the doctor works.
  public let hospital: String
  /// What the doctor says that it is for.
  public let purpose: String
  /// By the doctor's clock, in seconds since 1970.
  public let madeAt: UInt64
  /// Under which this patient was asked.
  public let address: PatientAddress
}

/// One line of a patient's access log.
public struct AccessRecord: Sendable, Equatable {
  /// What an entry about sharing says.
  public enum Event: String, Sendable {
    /// The system manager passed a request on.
    case requested
    case consented
    /// The proxy re-encrypted the record.
    case accessed
    case revoked
  }

  public let event: Event
  /// The visit that it is about.
  public let visit: Digest32
  /// Whose chain has it.
  public let hospital: String
  /// The digest of what the ledger has a notice of: of a request, a certificate; else a consent.
  public let document: Digest32
  /// Who asked and why, if the patient has the consent.
  public let doctor: String?
  /// What the doctor said that it is for; nil as ``doctor``.
  public let purpose: String?
}

extension Patient {
  /// How long a doctor's request counts, in seconds.
  private static let requestLifetime: UInt64 = 30 * 86_400

  /// How many requests of one doctor are kept that came to one address, and of all doctors: whom the address
  /// was told may have told it.
  private static let (doctorLimit, addressLimit) = (16, 64)

  private static let requestPrefix = "request/"
  /// Which requests have come to an address, by doctor.
  private static func arrivalPrefix(_ address: String, _ doctor: String? = nil) -> String {
    "arrived/\(address)/" + (doctor.map { "\($0)/" } ?? "")
  }
  private static func requestKey(_ request: Digest32) -> String { "\(requestPrefix)\(request)" }
  static func consentKey(_ consent: Digest32) -> String { "consent/\(consent)" }
  /// By visit, which consents there are.
  static func consentMark(
    _ visit: Digest32, _ hospital: String, _ consent: Digest32? = nil
  ) -> String {
    "visit-consent/\(hospital)/\(visit)/" + (consent.map { "\($0)" } ?? "")
  }
  /// Which consent was given last to a request, and arrived.
  private static func givenKey(
    _ request: Digest32, _ visit: Digest32, _ hospital: String
  ) -> String { "consented/\(request)/\(hospital)/\(visit)" }
  static func useKey(_ requestKey: [UInt8]) -> String { "use/\(Digest32(sha256: requestKey))" }
  private static func pendingKey(
    _ request: Digest32, _ visit: Digest32, _ hospital: String
  ) -> String { "pending-consent/\(request)/\(hospital)/\(visit)" }

  /// Takes a doctor's request, with a final registration of that doctor.
  func take(_ request: ForwardAccessRequest) async throws -> Done {
    let asked = request.request.object
    // Before anybody is asked, or anything kept, about the doctor.
    guard asked.genesis == genesis.digest, try addressKeys(asked.address.id) != nil,
      isCurrent(asked), asked.madeAt <= inbox.clock() &+ RequestRule.skew
    else { throw ConsortiumError(.unknownDoctor, "\(asked.doctor) asks no patient here") }
    let doctor = try await client.activeDoctor(asked.doctor, by: asked.hospital)
    guard doctor.statement.hospital == asked.hospital else {
      throw ConsortiumError(.unknownDoctor, "\(asked.doctor) is not of \(asked.hospital)")
    }
    _ = try request.request.verified(by: doctor.identityKey)
    let key = Self.requestKey(asked.digest)
    if try store.value(forKey: key) != nil { return Done() }
    var changes = try forgettingRequests(to: asked.address.id)
    let arrivals = try store.keys(withPrefix: Self.arrivalPrefix(asked.address.id))
      .filter { changes[$0] == nil }
    let own = Self.arrivalPrefix(asked.address.id, asked.doctor)
    guard arrivals.count < Self.addressLimit,
      arrivals.count(where: { $0.hasPrefix(own) }) < Self.doctorLimit
    else { throw ConsortiumError(.busy, "\(asked.doctor) has asked often enough") }
    changes["\(own)\(asked.digest)"] = []
    changes[key] = Message(request).encoded()
    try store.write(changes)
    return Done()
  }

  private func isCurrent(_ asked: AccessRequest) -> Bool {
    inbox.clock() <= asked.madeAt &+ Self.requestLifetime
  }

  /// What forgets the requests to an address that do not count any more.
  private func forgettingRequests(to address: String) throws -> [String: [UInt8]?] {
    var changes: [String: [UInt8]?] = [:]
    for mark in try store.keys(withPrefix: Self.arrivalPrefix(address)) {
      guard let digest = mark.split(separator: "/").last else { continue }
      let key = Self.requestPrefix + digest
      guard let stored: ForwardAccessRequest = try store.load(key),
        !isCurrent(stored.request.object)
      else { continue }
      changes[mark] = .some(nil)
      changes[key] = .some(nil)
    }
    return changes
  }

  /// The requests that have reached this patient, answered ones too, by the time at which they were made.
  public func requests() throws -> [ReceivedRequest] {
    var found: [ReceivedRequest] = []
    for key in try store.keys(withPrefix: Self.requestPrefix) {
      guard let stored: ForwardAccessRequest = try store.load(key) else { continue }
      let asked = stored.request.object
      found.append(
        ReceivedRequest(
          request: asked.digest, doctor: asked.doctor, hospital: asked.hospital,
          purpose: asked.purpose, madeAt: asked.madeAt, address: asked.address))
    }
    return found.sorted { ($0.madeAt, $0.request) < ($1.madeAt, $1.request) }
  }

  /// Consents that the requesting doctor reads one visit, until `expiresAt` in ledger time.
  ///
  /// If some of it did not arrive, the same call sends the same consent again.
  /// - Parameter request: the digest of the request.
  /// - Returns: the digest of the consent. Nothing opens before it is final.
  public func consent(
    to request: Digest32, visit visitID: Digest32, at hospital: String, expiresAt: UInt64
  ) async throws -> Digest32 {
    guard let stored: ForwardAccessRequest = try store.load(Self.requestKey(request)) else {
      throw ConsortiumError(.consentUnknown, "the patient has received no such request")
    }
    let pendingKey = Self.pendingKey(request, visitID, hospital)
    if let pending: PendingConsent = try store.load(pendingKey) {
      guard pending.deposit.consent.object.expiresAt == expiresAt else {
        throw ConsortiumError(
          .wrongState, "a consent to this request that ends at another time is on its way")
      }
      return try await give(pending, pendingKey, stored.request.object)
    }
    let asked = stored.request.object
    let visit = try visit(visitID, at: hospital)
    let context = visit.context
    guard let recordDigest = visit.recordDigest else {
      throw ConsortiumError(.wrongState, "the patient has not opened this record")
    }
    let certificate = try await certificate(asked, request, context)
    if let given = try given(under: certificate.object, expiresAt: expiresAt) { return given }
    try requireUnused(certificate.object)
    let visitKeys = try keys(of: context)
    let blinding = ConsentBlinding(for: visitKeys.visitKey, using: &randomness)
    let manager = await client.currentMembers().manager.id
    let consent = Consent(
      genesis: genesis.digest, hospital: context.hospital, visit: visitID,
      recordDigest: recordDigest, doctor: asked.doctor, purpose: asked.purpose,
      expiresAt: expiresAt, theta: blinding.theta,
      requestKey: certificate.object.requestKey,
      agreementKey: certificate.object.agreementKey, proxy: manager, salt: randomness.bytes(32))
    let signed = Signed(consent, by: visitKeys.signingKey)
    let digest = consent.digest
    let grant = DoctorGrant(
      share: try blinding.doctorShare.encoded(),
      trapdoor: Trapdoor<Suite>(
        evidence: try Evidence(visit.evidence), visitKey: visitKeys.visitKey
      ).encoded())
    let pending = PendingConsent(
      notice: entry(
        ConsentNotice(visit: visitID, document: digest), context, visitKeys.signingKey),
      deposit: DepositConsent(
        consent: signed, certificate: certificate, share: try blinding.proxyShare.encoded()),
      grant: GrantConsent(
        consent: signed,
        sealedGrant: try SealedMessage(
          .doctorGrant, genesis: genesis.digest, about: context.digest
        ).seal(Message(grant).encoded(), to: consent.agreementKey, authenticating: digest)))
    // The same call may have come here first, while this one waited.
    try requireUnused(certificate.object)
    // Known before it is given, so that it can always be taken back.
    try store.write([
      Self.useKey(certificate.object.requestKey): visitID.bytes,
      Self.consentKey(digest): Message(
        KnownConsent(hospital: hospital, given: GivenConsent(consent: consent))
      ).encoded(),
      Self.consentMark(visitID, hospital, digest): try nextConsentNumber(context),
      pendingKey: Message(pending).encoded(),
    ])
    return try await give(pending, pendingKey, asked)
  }

  /// As whom this patient answers a request: under the address that it came to.
  private func author(_ asked: AccessRequest) throws -> Author {
    guard let keys = try addressKeys(asked.address.id) else {
      throw ConsortiumError(.consentUnknown, "the request is to another patient")
    }
    return Author(.key(keys.signing.publicKey), keys.signing)
  }

  /// Sends a consent to all who need it; to send it again changes nothing.
  private func give(
    _ pending: PendingConsent, _ key: String, _ asked: AccessRequest
  ) async throws -> Digest32 {
    let consent = pending.deposit.consent.object
    let context = try visit(consent.visit, at: consent.hospital).context
    let patient = author(context, try keys(of: context).signingKey)
    // Known elsewhere too before it is given: a device that is lost then takes nothing with it.
    try await keepNote(of: consent.visit, at: consent.hospital)
    try await submit(pending.notice, until: .confirmed)
    _ = try await client.ask(pending.deposit, of: consent.proxy, by: [patient])
    _ = try await client.ask(pending.grant, of: consent.doctor, by: [author(asked)])
    let certificate = pending.deposit.certificate.object
    try store.write([
      key: nil,
      Self.givenKey(certificate.request, consent.visit, consent.hospital): consent.digest.bytes,
    ])
    return consent.digest
  }

  /// The doctor's keys for a visit.
  private func certificate(
    _ asked: AccessRequest, _ request: Digest32, _ context: VisitContext
  ) async throws -> Signed<RequestKeyCertificate> {
    let (visit, hospital) = (context.visitID, context.hospital)
    let doctor = try await client.activeDoctor(asked.doctor, by: asked.hospital)
    let signed = try await client.ask(
      CertifyRequestKey(request: request, hospital: hospital, visit: visit), of: asked.doctor,
      by: [author(asked)])
    let certificate = try signed.verified(by: doctor.identityKey)
    guard certificate.genesis == genesis.digest, certificate.request == request,
      certificate.hospital == hospital, certificate.visit == visit,
      certificate.doctor == asked.doctor
    else { throw ConsortiumError(.consentMismatch, "the certificate is for something else") }
    return signed
  }

  /// The consent that was given with the keys of a certificate, and arrived: who did not hear of it asks
  /// again.
  private func given(
    under certificate: RequestKeyCertificate, expiresAt: UInt64
  ) throws -> Digest32? {
    let key = Self.givenKey(certificate.request, certificate.visit, certificate.hospital)
    guard let digest = try store.value(forKey: key).flatMap({ Digest32($0) }),
      let consent = try given(digest)?.given.consent, consent.requestKey == certificate.requestKey,
      consent.expiresAt == expiresAt
    else { return nil }
    return digest
  }

  private func requireUnused(_ certificate: RequestKeyCertificate) throws {
    guard try store.value(forKey: Self.useKey(certificate.requestKey)) == nil else {
      throw ConsortiumError(.reused, "the doctor offers a key for the second time")
    }
  }

  /// A consent that this patient knows of.
  func given(_ consent: Digest32) throws -> KnownConsent? {
    try store.load(Self.consentKey(consent))
  }

  /// Takes a consent back. Openings that have not happened do not happen any more.
  ///
  /// - Returns: how the revocation stands: confirmed at least.
  @discardableResult
  public func revoke(_ consent: Digest32) async throws -> SubmissionStanding {
    let entry = try revocation(of: consent)
    await keepNote(ofRevoked: consent)
    return try await submit(entry, until: .confirmed)
  }

  /// The entry that takes a consent back. It is signed once and stored before it is sent, so that it
  /// is one entry however often and on whatever way it goes: were it signed anew, it could stand on a
  /// chain twice.
  private func revocation(of consent: Digest32) throws -> Entry {
    guard var known = try given(consent) else {
      throw ConsortiumError(.consentUnknown, "the patient has given no such consent")
    }
    if let signed = known.given.revocation { return signed }
    let visit = try visit(known.given.visit, at: known.hospital)
    let signed = entry(
      Revocation(visit: known.given.visit, document: consent), visit.context,
      try keys(of: visit.context).signingKey)
    known.given.revocation = signed
    try store.save(known, Self.consentKey(consent))
    return signed
  }

  /// Takes a consent back by a demand, where the hospital does not take the revocation: it counts once
  /// the demand is final, even if the hospital never moves again.
  ///
  /// That a consent of this visit was taken back becomes visible to all who read the consortium chain.
  /// - Returns: how the revocation stands: demanded at least.
  @discardableResult
  public func demandRevocation(
    _ consent: Digest32, through supernode: String
  ) async throws -> SubmissionStanding {
    let entry = try revocation(of: consent)
    await keepNote(ofRevoked: consent)
    return try await demand(entry, through: supernode)
  }

  /// Who asked for a visit's record and was given it, by the ledger.
  public func accessLog(_ visitID: Digest32, at hospital: String) async throws -> [AccessRecord] {
    let visit = try visit(visitID, at: hospital)
    let context = visit.context
    let key = try keys(of: visit.context).signingKey
    let cloud = try await client.currentCloud(ofHospital: context.hospital)
    let reply = try await client.ask(ReadAccessLog(), of: cloud, by: [author(context, key)])
    // The keys that the manager has had since.
    let managerKeys = try await client.memberships(
      since: genesis.epoch(ofHeight: context.baseHeight), by: cloud
    ).map(\.manager.identityKey)
    return try reply.entries.map { entry in
      let authors =
        entry.content.signer == .patient(visit: visitID)
        ? [context.visitSigningKey] : managerKeys
      guard let notice = entry.content.body.object as? any SharingNotice,
        notice.visit == visitID,
        authors.contains(where: {
          IdentityKey.isValid(entry.signature, of: entry.content, by: $0)
        })
      else { throw ConsortiumError(.malformed, "the access log holds a foreign entry") }
      let event: AccessRecord.Event =
        switch notice {
        case is AccessRequestNotice: .requested
        case is ConsentNotice: .consented
        case is AccessNotice: .accessed
        default: .revoked
        }
      let consent = try given(notice.document)?.given.consent
      return AccessRecord(
        event: event, visit: visitID, hospital: hospital, document: notice.document,
        doctor: consent?.doctor, purpose: consent?.purpose)
    }
  }
}
