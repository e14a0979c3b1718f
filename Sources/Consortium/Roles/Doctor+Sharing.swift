public import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger

/// A consent that a doctor holds.
struct HeldConsent: NamedValue {
  static let name = "held-consent"

  var consent: Signed<Consent>
  /// Empty once the consent was used.
  var sealedGrant: [UInt8]

  init(consent: Signed<Consent>, sealedGrant: [UInt8]) {
    (self.consent, self.sealedGrant) = (consent, sealedGrant)
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.value("consent", consent)
    fields.octets("sealedGrant", sealedGrant)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    consent = try fields.value("consent")
    sealedGrant = try fields.octets("sealedGrant", 0...4096)
  }
}

/// Consents that a doctor was given, and what opens with them.
extension Doctor {
  /// Which consent A' serves.
  static func grantedMark(_ requestKey: [UInt8]) -> String {
    "\(grantedPrefix)\(Digest32(sha256: requestKey))"
  }
  /// Of consents that are not used.
  static let grantedPrefix = "granted/"
  static let grantPrefix = "grant/"
  private static func grantKey(_ consent: Digest32) -> String { "\(grantPrefix)\(consent)" }

  func heldConsent(_ consent: Digest32) throws -> HeldConsent? {
    try store.load(Self.grantKey(consent))
  }

  /// What removes a consent that was not used, and the keys made for it.
  func removal(of consent: Consent) throws -> [String: [UInt8]?] {
    let secretsMark = Self.secretsMark(consent.requestKey)
    var changes: [String: [UInt8]?] = [
      Self.grantKey(consent.digest): nil, secretsMark: nil,
      Self.grantedMark(consent.requestKey): nil,
    ]
    if let mark = try store.value(forKey: secretsMark) {
      changes.updateValue(nil, forKey: String(decoding: mark, as: UTF8.self))
    }
    return changes
  }

  private func secrets(for consent: Consent) throws -> (key: String, RequestSecrets) {
    let mark = try store.value(forKey: Self.secretsMark(consent.requestKey))
    guard let key = mark.map({ String(decoding: $0, as: UTF8.self) }),
      let secrets: RequestSecrets = try store.load(key),
      case let certificate = secrets.certificate.object,
      certificate.hospital == consent.hospital, certificate.visit == consent.visit,
      certificate.agreementKey == consent.agreementKey, consent.doctor == id
    else { throw ConsortiumError(.consentMismatch, "the consent is not for a key of \(id)") }
    return (key, secrets)
  }

  /// Keeps a patient's consent; the share in it is kept sealed until it is used.
  ///
  /// What takes a place here proves itself, consent and grant: who was asked, or has the key of the address, could
  /// have it filled with what nobody has signed, or with shares that open nothing. Where nobody proves the visit
  /// now, the patient sends the consent again. What has proven itself stays: only the patient knows t, so another
  /// grant that fits is the same, sealed anew.
  func keepGrant(_ request: GrantConsent, by author: Principal?) async throws -> Done {
    guard let known = try place(for: request, by: author) else { return Done() }
    if let held = known.held, held.sealedGrant == request.sealedGrant { return Done() }
    let context = try await prove(request.consent)
    guard isGrant(request.sealedGrant, of: request.consent.object, context, known.secrets) else {
      throw ConsortiumError(.consentMismatch, "the grant is not that of the consent")
    }
    // Meanwhile the keys may have gone, or another consent have come.
    guard let now = try place(for: request, by: author) else { return Done() }
    let consent = request.consent.object
    if let held = now.held, isGrant(held.sealedGrant, of: consent, context, now.secrets) {
      return Done()
    }
    try store.write([
      Self.grantedMark(consent.requestKey): consent.digest.bytes,
      Self.ungrantedMark(now.secrets.certificate.object): nil,
      Self.grantKey(consent.digest): Message(
        HeldConsent(consent: request.consent, sealedGrant: request.sealedGrant)
      ).encoded(),
    ])
    return Done()
  }

  /// Whether a sealed grant opens, and has t of the consent's Θ and a trapdoor. Whether that one fits the record
  /// is seen when the record is opened; who does not know t could not have made it.
  private func isGrant(
    _ sealedGrant: [UInt8], of consent: Consent, _ context: Digest32, _ secrets: RequestSecrets
  ) -> Bool {
    do {
      let grant = try open(sealedGrant, of: consent, context, secrets)
      _ = try Trapdoor<Suite>(encoded: grant.trapdoor)
      return try DoctorShare<Suite>(encoded: grant.share).fits(theta: consent.theta)
    } catch {
      return false
    }
  }

  private func open(
    _ sealedGrant: [UInt8], of consent: Consent, _ context: Digest32, _ secrets: RequestSecrets
  ) throws -> DoctorGrant {
    let sealed = try SealedMessage(.doctorGrant, genesis: genesis.digest, about: context).open(
      sealedGrant, with: AgreementKey(seed: secrets.agreementKey),
      authenticating: consent.digest)
    return try Message<DoctorGrant>(encoded: sealed).payload
  }

  /// That the patient of a visit which is complete has signed this consent, to its record.
  ///
  /// - Returns: the digest of the visit's context.
  private func prove(_ signed: Signed<Consent>) async throws -> Digest32 {
    let consent = signed.object
    let (completion, _) = try await client.completion(
      of: consent.visit, at: consent.hospital,
      for: VisitReader(try authors, consent: signed))
    guard completion.recordDigest == consent.recordDigest else {
      throw ConsortiumError(.consentMismatch, "the consent is to another record")
    }
    _ = try signed.verified(by: completion.context.visitSigningKey)
    return completion.context.digest
  }

  /// Where a consent is kept, by what is known here alone.
  ///
  /// - Returns: nil if it was used.
  private func place(
    for request: GrantConsent, by author: Principal?
  ) throws -> (secrets: RequestSecrets, held: HeldConsent?)? {
    let consent = request.consent.object
    let held = try heldConsent(consent.digest)
    // Used meanwhile: the patient sends it again if the answer was lost.
    if let held, held.sealedGrant.isEmpty { return nil }
    guard consent.genesis == genesis.digest else {
      throw ConsortiumError(.consentMismatch, "the consent is of another consortium")
    }
    let (_, secrets) = try secrets(for: consent)
    let asked = secrets.certificate.object.request
    guard let address = try store.value(forKey: Self.requestMark(asked)), author == .key(address)
    else { throw ConsortiumError(.notEntitled, "the consent is not by who was asked") }
    // A' serves one consent, or who was asked could fill the store with them.
    let (mark, digest) = (Self.grantedMark(consent.requestKey), consent.digest)
    guard try store.value(forKey: mark) ?? digest.bytes == digest.bytes else {
      throw ConsortiumError(.reused, "A' belongs to another consent")
    }
    return (secrets, held)
  }

  /// How a consent stands on the chain of its hospital, as a cloud has it.
  func view(of consent: Consent, by cloud: String) async throws -> ConsentView {
    try await ask(
      ReadConsent(
        hospital: consent.hospital, visit: consent.visit, consent: consent.digest, doctor: id),
      of: cloud)
  }

  /// Opens the record that a patient consented to, and checks it against the ledger (4.6, step 4).
  ///
  /// d' and t serve once: they are erased when the record is where the doctor keeps it. Until then the same
  /// opening may be tried again.
  /// - Parameters:
  ///   - consent: the digest of the consent.
  ///   - keep: returns when the record is kept.
  /// - Throws: ``ConsortiumError`` as `consent-not-final`, `consent-revoked`, `consent-expired` or `reused`.
  @discardableResult
  public func open(
    consent digest: Digest32,
    keepingBy keep: @Sendable (OpenedRecord) async throws -> Void = { _ in }
  ) async throws -> OpenedRecord {
    guard let grant: HeldConsent = try store.load(Self.grantKey(digest)) else {
      throw ConsortiumError(.consentUnknown, "no patient has given \(id) this consent")
    }
    let consent = grant.consent.object
    let manager = await client.currentMembers().manager
    let (completion, signed) = try await client.completion(
      of: consent.visit, at: consent.hospital,
      for: VisitReader(try authors, consent: grant.consent))
    // As of the newest checkpoint, under which that was proven: a former cloud does not know of the consent.
    let cloud = try await client.cloud(ofHospital: consent.hospital)
    let view = try await view(of: consent, by: cloud)
    let standing = try StandingConsent(
      checking: grant.consent, against: view, genesis: genesis, proxy: manager.id,
      clock: client.clock())
    let context = completion.context
    guard context == standing.context, completion.recordDigest == consent.recordDigest else {
      throw ConsortiumError(.consentMismatch, "the ledger holds another visit")
    }
    guard !grant.sealedGrant.isEmpty else {
      throw ConsortiumError(.reused, "the consent has been used")
    }
    let (key, secrets) = try secrets(for: consent)
    let received = try open(grant.sealedGrant, of: consent, context.digest, secrets)
    let requestKey = try RequestKey<Suite>(encoded: secrets.requestKey)
    let blinded = try DoctorShare<Suite>(encoded: received.share)
      .blind(requestKey, theta: consent.theta)
    let authors = try authors
    var bI: [UInt8] = []
    let (head, c) = try await unfinishedRecord.read(
      consent.recordDigest, visitKey: context.visitKey, from: manager.id
    ) { index in
      let given = try await client.ask(
        Reencrypt(consent: digest, share: blinded.encoded(), index: index), of: manager.id,
        by: authors)
      bI = given.bI
      return given.part
    }
    // G = H3(e(T_α, B)): the record that the patient meant.
    guard
      try head.check(for: VerifiedVisitKey<Suite>(alreadyVerified: context))
        .matches(Trapdoor(encoded: received.trapdoor))
    else { throw ConsortiumError(.recordTampered, "the trapdoor does not fit the record") }
    let record = try head.check(
      reencrypted: bI, for: requestKey, context: context, recordDigest: consent.recordDigest
    ).open(c, signed: signed)
    let opened = OpenedRecord(record)
    try await keep(opened)
    var changes: [String: [UInt8]?] = [
      Self.grantKey(digest): Message(
        HeldConsent(consent: grant.consent, sealedGrant: [])
      ).encoded(),
      Self.secretsMark(consent.requestKey): nil, Self.grantedMark(consent.requestKey): nil,
    ]
    // Keys for another consent to the same may have taken their place meanwhile.
    if let now: RequestSecrets = try store.load(key),
      now.certificate.object.requestKey == consent.requestKey
    {
      changes.updateValue(nil, forKey: key)
    }
    try store.write(changes)
    return opened
  }
}
