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

/// What a doctor asks patients for, and the keys that wait for their consents.
extension Doctor {
  /// How many visits have keys that wait to be used, of one request.
  private static let requestLimit = 128
  /// The same of all requests.
  private static let secretsLimit = 1024

  private static func secretsKey(_ asked: CertifyRequestKey) -> String {
    "\(secretsPrefix)\(asked.request)/\(asked.hospital)/\(asked.visit)"
  }
  /// The signing key of the address that a request went to.
  static func requestMark(_ request: Digest32) -> String { "asked/\(request)" }
  private static func addressMark(_ key: [UInt8]) -> String {
    "asked-address/\(Digest32(sha256: key))"
  }
  /// Which secrets belong to A'.
  static func secretsMark(_ requestKey: [UInt8]) -> String {
    "request-key/\(Digest32(sha256: requestKey))"
  }
  static let secretsPrefix = "request/"
  /// Which secrets wait for a consent, with their A'.
  private static let ungrantedPrefix = "ungranted/"
  static func ungrantedMark(_ certificate: RequestKeyCertificate) -> String {
    "\(ungrantedPrefix)\(certificate.request)/\(certificate.hospital)/\(certificate.visit)"
  }
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
    // Another call may have had its answer first, and a third one have made another request.
    if let stored: SubmitAccessRequest = try store.load(requestKey),
      stored.request.object.digest == request.request.object.digest
    {
      try store.write([requestKey: nil])
    }
    return request.request.object.digest
  }

  /// Whether a request can be sent again as it is: not long ago, and by the key in force. The patient takes none that
  /// was made by a clock that was ahead.
  private func isCurrent(_ request: Signed<AccessRequest>) -> Bool {
    let (now, madeAt) = (inbox.clock(), request.object.madeAt)
    return (try? request.verified(by: keys.identity.publicKey)) != nil
      && madeAt <= now &+ RequestRule.skew && now <= madeAt &+ 86_400
  }

  /// Whether a request went to an address with this signing key.
  func isAsked(_ key: [UInt8]) throws -> Bool {
    try store.value(forKey: Self.addressMark(key)) != nil
  }

  /// Makes fresh keys for one visit of an own request; asked again, gives the same certificate, signed by
  /// the key in force, until the keys are used, or the consent that they served is over.
  ///
  /// - Throws: ``ConsortiumError`` `unknown-visit` if there is no such hospital: of a consent there nobody could say
  ///   what holds, so it would wait without end.
  func certify(
    _ request: CertifyRequestKey, by author: Principal?
  ) async throws -> Signed<RequestKeyCertificate> {
    guard let address = try store.value(forKey: Self.requestMark(request.request)),
      author == .key(address)
    else {
      throw ConsortiumError(.notEntitled, "\(id) has made no such request")
    }
    guard try await client.isHospital(request.hospital) else {
      throw ConsortiumError(.unknownVisit, "there is no hospital \(request.hospital)")
    }
    let time = try isFull() ? await client.timeToForget() : 0
    return try certificate(request, at: time)
  }

  /// - Parameter time: by which a consent has ended for good.
  private func certificate(
    _ request: CertifyRequestKey, at time: UInt64
  ) throws -> Signed<RequestKeyCertificate> {
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
      try makeRoom(at: time)
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

  /// Whether there are as many keys as there is room for.
  private func isFull() throws -> Bool {
    try store.keys(withPrefix: Self.secretsPrefix).count >= Self.secretsLimit
  }

  /// Makes room for the keys of one more visit. First what serves a consent that has ended goes, then keys
  /// for which no consent has come, of the request that has most of them; none goes that a patient was told
  /// is kept.
  private func makeRoom(at time: UInt64) throws {
    guard try isFull() else { return }
    for (_, held) in try store.readable(withPrefix: Self.grantPrefix, as: HeldConsent.self) {
      guard !held.sealedGrant.isEmpty, case let consent = held.consent.object,
        consent.expiresAt < time
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
}
