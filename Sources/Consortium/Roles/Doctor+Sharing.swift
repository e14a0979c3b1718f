public import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger

/// d' and an X25519 key for one visit of one request, until they are used.
package struct RequestSecrets: NamedValue {
  package static let name = "request-secrets"

  package var certificate: Signed<RequestKeyCertificate>
  /// d'.
  package var requestKey: [UInt8]
  package var agreementKey: [UInt8]

  package init(
    certificate: Signed<RequestKeyCertificate>, requestKey: [UInt8], agreementKey: [UInt8]
  ) {
    self.certificate = certificate
    self.requestKey = requestKey
    self.agreementKey = agreementKey
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("certificate", certificate)
    fields.octets("requestKey", requestKey)
    fields.octets("agreementKey", agreementKey)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    certificate = try fields.value("certificate")
    requestKey = try fields.octets("requestKey", Limits.scalarByteCounts)
    agreementKey = try fields.octets("agreementKey", count: 32)
  }
}

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

extension Doctor {
  /// How many visits have keys that wait to be used, of one request.
  private static let requestLimit = 128
  /// The same of all requests.
  private static let secretsLimit = 1024

  private static func secretsKey(_ asked: CertifyRequestKey) -> String {
    "\(secretsPrefix)\(asked.request)/\(asked.hospital)/\(asked.visit)"
  }
  /// The signing key of the address that a request went to.
  private static func requestMark(_ request: Digest32) -> String { "asked/\(request)" }
  private static func addressMark(_ key: [UInt8]) -> String {
    "asked-address/\(Digest32(sha256: key))"
  }
  /// Which secrets belong to A'.
  private static func secretsMark(_ requestKey: [UInt8]) -> String {
    "request-key/\(Digest32(sha256: requestKey))"
  }
  private static let secretsPrefix = "request/"
  /// Which secrets wait for a consent, with their A'.
  private static let ungrantedPrefix = "ungranted/"
  private static func ungrantedMark(_ certificate: RequestKeyCertificate) -> String {
    "\(ungrantedPrefix)\(certificate.request)/\(certificate.hospital)/\(certificate.visit)"
  }
  /// Which consent A' serves.
  private static func grantedMark(_ requestKey: [UInt8]) -> String {
    "\(grantedPrefix)\(Digest32(sha256: requestKey))"
  }
  /// Of consents that are not used.
  static let grantedPrefix = "granted/"
  static let grantPrefix = "grant/"
  private static func grantKey(_ consent: Digest32) -> String { "\(grantPrefix)\(consent)" }

  /// Asks a patient for earlier records (4.6, step 1).
  ///
  /// The same again, since the answer was lost, is the same request.
  /// - Parameters:
  ///   - address: told by the patient, in person.
  ///   - purpose: what the patient is told: at most 256 bytes of UTF-8.
  /// - Returns: the digest of the request.
  public func requestAccess(
    address: PatientAddress, purpose: String
  ) async throws -> Digest32 {
    try MessageLimits.requireText(purpose)
    let requestKey = Self.addressMark(address.signingKey) + "/\(Digest32(sha256: purpose.utf8))"
    let request: SubmitAccessRequest
    if let known: SubmitAccessRequest = try store.load(requestKey), isCurrent(known.request) {
      request = known
    } else {
      request = SubmitAccessRequest(
        request: Signed(
          AccessRequest(
            genesis: genesis.digest, doctor: id, hospital: hospital, address: address,
            purpose: purpose, madeAt: inbox.clock(), nonce: randomness.bytes(32)),
          by: keys.identity))
      try store.write([
        requestKey: Message(request).encoded(),
        Self.requestMark(request.request.object.digest): address.signingKey,
        Self.addressMark(address.signingKey): [],
      ])
    }
    _ = try await ask(request, of: await client.currentMembers().manager.id)
    try store.write([requestKey: nil])
    return request.request.object.digest
  }

  /// Whether a request can be sent again as it is: not long ago, and by the key in force.
  private func isCurrent(_ request: Signed<AccessRequest>) -> Bool {
    (try? request.verified(by: keys.identity.publicKey)) != nil
      && inbox.clock() <= request.object.madeAt &+ 86_400
  }

  /// Whether a request went to an address with this signing key.
  func isAsked(_ key: [UInt8]) throws -> Bool {
    try store.value(forKey: Self.addressMark(key)) != nil
  }

  /// Makes fresh keys for one visit of an own request; asked again, gives the same certificate, signed by
  /// the key in force, until the keys are used, or the consent that they served is over.
  func certify(
    _ request: CertifyRequestKey, by author: Principal?
  ) throws -> Signed<RequestKeyCertificate> {
    guard let address = try store.value(forKey: Self.requestMark(request.request)),
      author == .key(address)
    else {
      throw ConsortiumError(.notEntitled, "\(id) has made no such request")
    }
    let key = Self.secretsKey(request)
    var changes: [String: [UInt8]?] = [:]
    if let known: RequestSecrets = try store.load(key) {
      let certificate = known.certificate.object
      guard request.replaced == certificate.requestKey else {
        // The identity key may be another by now.
        return Signed(certificate, by: keys.identity)
      }
      // The patient took the consent for these back, or it has expired: others take their place.
      let granted = try store.value(forKey: Self.grantedMark(certificate.requestKey))
      if let digest = granted.flatMap({ Digest32($0) }), let held = try heldConsent(digest) {
        changes = try removal(of: held.consent.object)
      }
      changes[Self.secretsMark(certificate.requestKey)] = .some(nil)
    } else {
      let prefix = "\(Self.secretsPrefix)\(request.request)/"
      guard try store.keys(withPrefix: prefix).count < Self.requestLimit else {
        throw ConsortiumError(.tooLarge, "the request has its keys already")
      }
      try makeRoom()
    }
    let requestKey = RequestKey<Suite>(using: &randomness)
    let agreementKey = try AgreementKey(seed: randomness.bytes(32))
    let certificate = RequestKeyCertificate(
      genesis: genesis.digest, request: request.request, hospital: request.hospital,
      visit: request.visit, doctor: id, requestKey: requestKey.encodedPublicKey,
      agreementKey: agreementKey.publicKey, salt: randomness.bytes(32))
    let secrets = RequestSecrets(
      certificate: Signed(certificate, by: keys.identity), requestKey: requestKey.encoded(),
      agreementKey: agreementKey.encoded())
    changes[key] = Message(secrets).encoded()
    changes[Self.secretsMark(certificate.requestKey)] = Array(key.utf8)
    changes[Self.ungrantedMark(certificate)] = certificate.requestKey
    try store.write(changes)
    return secrets.certificate
  }

  /// Makes room for the keys of one more visit. First what serves a consent that has ended goes, then keys
  /// for which no consent has come, of the request that has most of them; none goes that a patient was told
  /// is kept.
  private func makeRoom() throws {
    func isFull() throws -> Bool {
      try store.keys(withPrefix: Self.secretsPrefix).count >= Self.secretsLimit
    }
    guard try isFull() else { return }
    for key in try store.keys(withPrefix: Self.grantPrefix) {
      guard let held: HeldConsent = try store.load(key), !held.sealedGrant.isEmpty,
        case let consent = held.consent.object, consent.expiresAt < inbox.clock()
      else { continue }
      try store.write(removal(of: consent))
    }
    guard try isFull() else { return }
    let waiting = try store.keys(withPrefix: Self.ungrantedPrefix)
    let requests = Dictionary(grouping: waiting) {
      $0.dropFirst(Self.ungrantedPrefix.count).prefix { $0 != "/" }
    }
    guard let most = requests.values.max(by: { $0.count < $1.count }) else {
      throw ConsortiumError(.busy, "\(id) keeps as many consents as there is room for")
    }
    var changes: [String: [UInt8]?] = [:]
    for mark in most.prefix((most.count + 1) / 2) {
      guard let requestKey = try store.value(forKey: mark) else { continue }
      changes[mark] = .some(nil)
      changes[Self.secretsPrefix + mark.dropFirst(Self.ungrantedPrefix.count)] = .some(nil)
      changes[Self.secretsMark(requestKey)] = .some(nil)
    }
    try store.write(changes)
  }

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

  /// Takes a patient's consent; the share in it stays sealed until it is used.
  ///
  /// What takes a place here proves itself: who was asked could have it filled with consents that nobody has
  /// signed. Where nobody proves the visit now, the patient sends the consent again.
  func take(_ request: GrantConsent, by author: Principal?) async throws -> Done {
    guard let known = try place(for: request, by: author) else { return Done() }
    if !known.isHeld {
      try await prove(request.consent)
      // Meanwhile the keys may have gone, or another consent have come.
      if try place(for: request, by: author) == nil { return Done() }
    }
    let consent = request.consent.object
    try store.write([
      Self.grantedMark(consent.requestKey): consent.digest.bytes,
      Self.ungrantedMark(known.certificate): nil,
      Self.grantKey(consent.digest): Message(
        HeldConsent(consent: request.consent, sealedGrant: request.sealedGrant)
      ).encoded(),
    ])
    return Done()
  }

  /// That the patient of a visit which is complete has signed this consent, to its record.
  private func prove(_ signed: Signed<Consent>) async throws {
    let consent = signed.object
    let (completion, _) = try await client.completion(
      of: consent.visit, at: consent.hospital,
      for: VisitReader(try authors, consent: signed))
    guard completion.recordDigest == consent.recordDigest else {
      throw ConsortiumError(.consentMismatch, "the consent is to another record")
    }
    _ = try signed.verified(by: completion.context.visitSigningKey)
  }

  /// Where a consent is kept, by what is known here alone.
  ///
  /// - Returns: nil if it was used.
  private func place(
    for request: GrantConsent, by author: Principal?
  ) throws -> (certificate: RequestKeyCertificate, isHeld: Bool)? {
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
    return (secrets.certificate.object, held != nil)
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
    let view = try await ask(
      ReadConsent(
        hospital: consent.hospital, visit: consent.visit, consent: digest, doctor: id),
      of: cloud)
    let standing = try StandingConsent(
      checking: grant.consent, against: view, genesis: genesis, proxy: manager.id)
    let context = completion.context
    guard context == standing.context, completion.recordDigest == consent.recordDigest else {
      throw ConsortiumError(.consentMismatch, "the ledger holds another visit")
    }
    guard !grant.sealedGrant.isEmpty else {
      throw ConsortiumError(.reused, "the consent has been used")
    }
    let (key, secrets) = try secrets(for: consent)
    let sealed = try SealedMessage(.doctorGrant, genesis: genesis.digest, about: context.digest)
      .open(
        grant.sealedGrant, with: AgreementKey(seed: secrets.agreementKey),
        authenticating: digest)
    let received = try Message<DoctorGrant>(encoded: sealed).payload
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
