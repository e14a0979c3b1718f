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

extension Patient {
  static let consentPrefix = "consent/"
  static func consentKey(_ consent: Digest32) -> String { "\(consentPrefix)\(consent)" }
  /// By visit, which consents there are.
  static func consentMark(
    _ visit: Digest32, _ hospital: String, _ consent: Digest32? = nil
  ) -> String {
    "visit-consent/\(hospital)/\(visit)/" + (consent.map { "\($0)" } ?? "")
  }
  /// Which consent was given last to a request, and arrived, or has ended: ``endedKey(_:)`` says so then.
  private static func givenKey(
    _ request: Digest32, _ visit: Digest32, _ hospital: String
  ) -> String { "consented/\(request)/\(hospital)/\(visit)" }
  static func useKey(_ requestKey: [UInt8]) -> String { "use/\(Digest32(sha256: requestKey))" }
  static let pendingPrefix = "pending-consent/"
  private static func pendingKey(
    _ request: Digest32, _ visit: Digest32, _ hospital: String
  ) -> String { "\(pendingPrefix)\(request)/\(hospital)/\(visit)" }

  /// That a consent had ended for good before it arrived.
  private static func endedKey(_ consent: Digest32) -> String { "consent-ended/\(consent)" }

  /// A consent that was signed and has not wholly arrived, nor ended; nil if there is none.
  package func pendingConsent(
    to request: Digest32, visit: Digest32, at hospital: String
  ) throws -> Consent? {
    guard
      let pending: PendingConsent = try store.load(Self.pendingKey(request, visit, hospital)),
      try !isEnded(pending)
    else { return nil }
    return pending.deposit.consent.object
  }

  /// Consents that the requesting doctor reads one visit, until `expiresAt` in ledger time.
  ///
  /// If some of it did not arrive, the same call sends the same consent again. Where it has expired by the own clock,
  /// another one that ends later takes its place, once the doctor has made other keys for that.
  /// - Parameter request: the digest of the request.
  /// - Returns: the digest of the consent. Nothing opens before it is final.
  /// - Throws: ``ConsortiumError`` `too-large` for an `expiresAt` behind the year 9999; `consent-expired` for the one on
  ///   its way, once the own clock is behind its end.
  public func consent(
    to request: Digest32, visit visitID: Digest32, at hospital: String, expiresAt: UInt64
  ) async throws -> Digest32 {
    guard expiresAt <= Limits.latestTime else {
      throw ConsortiumError(.tooLarge, "a consent ends at \(Limits.latestTime) or before")
    }
    guard let stored: ForwardAccessRequest = try store.load(Self.requestKey(request)) else {
      throw ConsortiumError(.consentUnknown, "the patient has received no such request")
    }
    let pendingKey = Self.pendingKey(request, visitID, hospital)
    let onItsWay: PendingConsent? = try store.load(pendingKey)
    if let pending = onItsWay {
      let isSame = pending.deposit.consent.object.expiresAt == expiresAt
      if try !isEnded(pending) {
        guard isSame else {
          throw ConsortiumError(
            .wrongState, "a consent to this request that ends at another time is on its way")
        }
        let renewed = try await renewed(pending, pendingKey, stored.request.object)
        return try await give(renewed, pendingKey, stored.request.object)
      }
      // Taken back it may be given anew until then.
      if isSame, try given(pending.deposit.consent.object.digest)?.given.revocation == nil {
        throw ConsortiumError(.consentExpired, "the consent on its way has expired by this clock")
      }
    }
    let asked = stored.request.object
    let visit = try visit(visitID, at: hospital)
    let context = visit.context
    guard let recordDigest = visit.recordDigest else {
      throw ConsortiumError(.wrongState, "the patient has not opened this record")
    }
    // A' of a consent that has ended serves no other: the doctor is asked for one in its place.
    let ended =
      try onItsWay?.deposit.certificate.object.requestKey
      ?? lastConsent(request, visitID, hospital).flatMap {
        try isEnded($0) ? $0.given.consent?.requestKey : nil
      }
    let certificate = try await certificate(asked, request, context, replacing: ended ?? [])
    // As it is now.
    if let last = try lastConsent(request, visitID, hospital), try !isEnded(last),
      let consent = last.given.consent, consent.requestKey == certificate.object.requestKey,
      consent.expiresAt == expiresAt
    {
      // It arrived, and who did not hear of it asks again.
      return consent.digest
    }
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
      notice: try entry(
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
    var changes: [String: [UInt8]?] = [
      Self.useKey(certificate.object.requestKey): visitID.bytes,
      Self.consentKey(digest): Message(
        KnownConsent(hospital: hospital, given: GivenConsent(consent: consent))
      ).encoded(),
      Self.consentMark(visitID, hospital, digest): try nextConsentNumber(context),
      pendingKey: Message(pending).encoded(),
    ]
    if let former: PendingConsent = try store.load(pendingKey) {
      // The doctor has other keys by now, so it can arrive no more.
      changes[Self.endedKey(former.deposit.consent.object.digest)] = []
    }
    try store.write(changes)
    return try await give(pending, pendingKey, asked)
  }

  /// As whom this patient answers a request: under the address that it came to.
  private func author(_ asked: AccessRequest) throws -> Author {
    guard let keys = try addressKeys(asked.address.id) else {
      throw ConsortiumError(.consentUnknown, "the request is to another patient")
    }
    return Author(.key(keys.signing.publicKey), keys.signing)
  }

  /// With these the proxy says nothing of the consent: it has not answered, or cannot judge now.
  private static let passingFailures: [ConsortiumError.Code] = [
    .unreachable, .unavailable, .busy, .outOfTime, .behindAnchor,
  ]

  /// Sends a consent to all who need it; to send it again changes nothing.
  private func give(
    _ pending: PendingConsent, _ key: String, _ asked: AccessRequest
  ) async throws -> Digest32 {
    let consent = pending.deposit.consent.object
    let context = try visit(consent.visit, at: consent.hospital).context
    let patient = author(context, try keys(of: context).signingKey)
    // Known elsewhere too before it is given: a device that is lost then takes nothing with it.
    try await keepNote(of: consent.visit, at: consent.hospital)
    try requireStanding(consent)
    do {
      try await submit(pending.notice, until: .confirmed)
    } catch let refusal as SignedRefusal {
      // A consent that was taken back meanwhile has its notice refused.
      try requireStanding(consent)
      throw refusal
    }
    var failure: ConsortiumError?
    do {
      try await give(pending.deposit, of: consent, to: consent.proxy, by: patient)
    } catch let error as ConsortiumError where Self.passingFailures.contains(error.code) {
      // The doctor is given the other half meanwhile.
      failure = error
    }
    try await give(pending.grant, of: consent, to: consent.doctor, by: author(asked))
    if let failure { throw failure }
    // It may have been taken back meanwhile, and another one given in its place.
    if let stored: PendingConsent = try store.load(key),
      stored.deposit.consent.object.digest == consent.digest
    {
      let certificate = pending.deposit.certificate.object
      try store.write([
        key: nil,
        Self.givenKey(certificate.request, consent.visit, consent.hospital): consent.digest.bytes,
      ])
    }
    return consent.digest
  }

  /// Gives somebody what belongs to a consent, unless it was taken back meanwhile: also while nobody said under
  /// which key it is to be sent.
  private func give<Request: RoleRequest>(
    _ request: Request, of consent: Consent, to recipient: String, by author: Author
  ) async throws {
    func give(to contact: Contact) async throws {
      try requireStanding(consent)
      _ = try await client.sealedRequests.ask(request, of: contact, by: [author])
    }
    let contact = try await client.contact(recipient, isRenewed: false)
    do {
      try await give(to: contact)
    } catch let error as ConsortiumError where error.code == .unreachable {
      // It may have another key by now.
      let newer = try await client.contact(recipient, isRenewed: true)
      guard newer != contact else { throw error }
      try await give(to: newer)
    }
  }

  /// That a consent on its way was not taken back: of one that was, nothing more is given to anybody.
  ///
  /// - Throws: ``ConsortiumError`` `consent-revoked`.
  private func requireStanding(_ consent: Consent) throws {
    guard try given(consent.digest)?.given.revocation == nil else {
      throw ConsortiumError(.consentRevoked, "the patient has taken the consent back")
    }
  }

  /// The doctor's keys for a visit.
  ///
  /// - Parameter ended: A' of a consent that has ended; empty for none.
  private func certificate(
    _ asked: AccessRequest, _ request: Digest32, _ context: VisitContext, replacing ended: [UInt8]
  ) async throws -> Signed<RequestKeyCertificate> {
    let (visit, hospital) = (context.visitID, context.hospital)
    let doctor = try await doctor(of: asked)
    let signed = try await client.ask(
      CertifyRequestKey(request: request, hospital: hospital, visit: visit, replaced: ended),
      of: asked.doctor, by: [author(asked)])
    let certificate = try signed.verified(by: doctor.identityKey)
    guard certificate.genesis == genesis.digest, certificate.request == request,
      certificate.hospital == hospital, certificate.visit == visit,
      certificate.doctor == asked.doctor
    else { throw ConsortiumError(.consentMismatch, "the certificate is for something else") }
    return signed
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

  // MARK: Consents that have ended

  /// Whether a time has passed for good: by the own clock, and by ledger time, as somebody proves it. A clock alone may
  /// be ahead.
  ///
  /// - Throws: ``StoreError``.
  public func hasPassed(_ time: UInt64) async throws -> Bool {
    guard inbox.clock() > time else { return false }
    return try await client.timeToForget() > time
  }

  /// Whether nothing opens under a consent any more: it was taken back, or has expired, by the own clock too.
  func isEnded(_ known: KnownConsent) throws -> Bool {
    try known.given.revocation != nil
      || known.given.consent.map {
        try $0.expiresAt < inbox.clock() || store.value(forKey: Self.endedKey($0.digest)) != nil
      } ?? false
  }

  private func isEnded(_ pending: PendingConsent) throws -> Bool {
    try given(pending.deposit.consent.object.digest).map(isEnded) ?? false
  }

  /// The consent to a request that was given last, and arrived or has ended.
  private func lastConsent(
    _ request: Digest32, _ visit: Digest32, _ hospital: String
  ) throws -> KnownConsent? {
    try store.value(forKey: Self.givenKey(request, visit, hospital)).flatMap { Digest32($0) }
      .flatMap { try given($0) }
  }

  /// Forgets a consent on its way that has ended for good, with x: nobody needs it any more. That it did not arrive is
  /// kept: a clock may not agree with the one by which it had ended.
  private func forgetEnded(_ pendingKey: String, at time: UInt64) throws {
    guard let pending: PendingConsent = try store.load(pendingKey),
      case let consent = pending.deposit.consent.object, let known = try given(consent.digest),
      known.given.revocation != nil || consent.expiresAt < time
    else { return }
    let request = pending.deposit.certificate.object.request
    try store.write([
      pendingKey: nil, Self.endedKey(consent.digest): [],
      Self.givenKey(request, consent.visit, consent.hospital): consent.digest.bytes,
    ])
  }

  /// The same of all that are on their way.
  ///
  /// - Parameter time: by which a consent has expired for good.
  func forgetEndedConsents(at time: UInt64) throws {
    var steps = SeparateSteps()
    for key in try store.keys(withPrefix: Self.pendingPrefix) {
      try steps.takeNow { try forgetEnded(key, at: time) }
    }
    try steps.finish()
  }

  /// The same; what has expired by the own clock alone is on its way until it is proven that it has.
  func forgetEndedConsents() async throws {
    let hasExpired = try store.readable(withPrefix: Self.pendingPrefix, as: PendingConsent.self)
      .contains { $0.value.deposit.consent.object.expiresAt < inbox.clock() }
    try forgetEndedConsents(at: hasExpired ? await client.timeToForget() : 0)
  }

  /// A consent on its way, with the doctor's keys signed by the key that the doctor has by now: the proxy
  /// takes them with no other.
  private func renewed(
    _ pending: PendingConsent, _ key: String, _ asked: AccessRequest
  ) async throws -> PendingConsent {
    let certificate = pending.deposit.certificate
    let doctor = try await doctor(of: asked)
    if (try? certificate.verified(by: doctor.identityKey)) != nil { return pending }
    let consent = pending.deposit.consent.object
    let context = try visit(consent.visit, at: consent.hospital).context
    let again = try await self.certificate(
      asked, certificate.object.request, context, replacing: [])
    guard again.object.digest == certificate.object.digest else {
      throw ConsortiumError(
        .consentMismatch, "the doctor has other keys by now: the consent has to be taken back")
    }
    var renewed = pending
    renewed.deposit.certificate = again
    // It may have arrived, or have been taken back, meanwhile.
    if let stored: PendingConsent = try store.load(key),
      stored.deposit.consent.object.digest == consent.digest
    {
      try store.save(renewed, key)
    }
    return renewed
  }
}
