package import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger

/// What the proxy keeps between a patient's consent and the doctor's use of it.
package struct Deposit: NamedValue {
  package static let name = "deposit"

  package var consent: Signed<Consent>
  /// x; empty once it was used.
  package var share: [UInt8]
  /// What came of it, until the consent is taken back.
  var use: ConsentUse?

  init(consent: Signed<Consent>, share: [UInt8], use: ConsentUse? = nil) {
    (self.consent, self.share, self.use) = (consent, share, use)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("consent", consent)
    fields.octets("share", share)
    fields.optional("use", use)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    consent = try fields.value("consent")
    share = try fields.octets("share", 0...64)
    use = try fields.optional("use")
  }
}

/// The one use of a consent: its answer may be lost, or somebody else may bring the doctor's request first,
/// so the doctor is given the same again.
struct ConsentUse: CanonicalValue {
  /// B_I, which only the doctor's d' opens.
  var bI: [UInt8]
  /// The `AccessNotice`, which is written before B_I leaves.
  var notice: Entry

  init(bI: [UInt8], notice: Entry) { (self.bI, self.notice) = (bI, notice) }

  func encode(into fields: inout some FieldEncoder) {
    fields.octets("bI", bI)
    fields.value("notice", notice)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    bI = try fields.octets("bI", Limits.pointByteCounts)
    notice = try fields.value("notice")
  }
}

extension SystemManager {
  private func view(of consent: Consent) async throws -> ConsentView {
    try await views.consent(
      ReadConsent(
        hospital: consent.hospital, visit: consent.visit, consent: consent.digest,
        doctor: consent.doctor))
  }

  /// Takes the patient's share x under a consent that the ledger holds.
  ///
  /// Θ and A' serve one consent each: two proxy shares under one t give the ratio of two visit
  /// keys, and so does one d' (specification, item 1).
  func deposit(_ request: DepositConsent, by author: Principal?) async throws -> Done {
    let consent = request.consent.object
    guard author == .patient(visit: consent.visit, hospital: consent.hospital) else {
      throw ConsortiumError(.notEntitled, "the consent is about another patient's visit")
    }
    let digest = consent.digest
    let view = try await view(of: consent)
    guard view.standing == .pending || view.standing == .final, let context = view.context else {
      throw ConsortiumError(.consentUnknown, "the ledger holds no such consent")
    }
    _ = try request.consent.verified(by: context.visitSigningKey)
    let doctor = try await node.consortium.activeDoctor(consent.doctor)
    let certificate = try request.certificate.verified(by: doctor.identityKey)
    guard certificate.genesis == consent.genesis, certificate.visit == consent.visit,
      certificate.doctor == consent.doctor, certificate.requestKey == consent.requestKey,
      certificate.agreementKey == consent.agreementKey, consent.proxy == id
    else { throw ConsortiumError(.consentMismatch, "the certificate is for something else") }
    let uses = [consent.theta, consent.requestKey].map { "use/\(Digest32(sha256: $0))" }
    for use in uses {
      if let owner = try store.value(forKey: use), owner != digest.bytes {
        throw ConsortiumError(.reused, "Θ or A' belongs to another consent")
      }
    }
    let share = try keys.ring.open(
      request.sealedShare,
      as: Letter(.proxyShare, genesis: node.genesis.digest, about: context.digest),
      authenticating: digest)
    if let known: Deposit = try store.load(Self.key(digest)) {
      // The same again, since the answer was lost; compared by digests, as shares are secret.
      guard Digest32(sha256: known.share) == Digest32(sha256: share) else {
        throw ConsortiumError(.reused, "the consent's share is here already")
      }
    } else {
      var changes: [String: [UInt8]?] = [
        Self.key(digest): Message(Deposit(consent: request.consent, share: share)).encoded()
      ]
      for use in uses { changes[use] = digest.bytes }
      try store.write(changes)
    }
    try await submit(
      entry(
        AccessRequestNotice(visit: consent.visit, document: certificate.digest),
        on: consent.hospital))
    return Done()
  }

  /// Re-encrypts a record for the doctor of a standing consent (4.6, steps 2 and 3), once; asked again while
  /// the consent holds, gives the same.
  ///
  /// The access is on the ledger before the record leaves, and x is erased before that.
  func reencrypt(
    _ request: Reencrypt, by author: Principal?
  ) async throws -> ReencryptedRecord {
    let deposit = try deposit(request.consent)
    guard author == .party(deposit.consent.object.doctor) else {
      throw ConsortiumError(.consentUnknown, "no patient has given this consent")
    }
    let standing = try await standing(deposit)
    let (consent, context) = (standing.consent, standing.context)
    let visitKey = try VerifiedVisitKey<Suite>(alreadyVerified: context)
    if let use = deposit.use {
      return try await answer(use, try await record(under: deposit.consent, context, visitKey))
    }
    try requireUnused(deposit)
    let blinded = try keys.ring.open(
      request.sealedShare,
      as: Letter(.blindedRequestKey, genesis: node.genesis.digest, about: context.digest),
      authenticating: standing.digest)
    let rk = try VerifiedReencryptionKey(
      proxyShare: ProxyShare(encoded: deposit.share),
      blinded: BlindedRequestKey(encoded: blinded), theta: consent.theta,
      requestKey: consent.requestKey, visitKey: visitKey)
    let record = try await record(under: deposit.consent, context, visitKey)
    let notice = try await entry(
      AccessNotice(visit: consent.visit, document: standing.digest), on: consent.hospital)

    // Another request may have used the share while this one waited.
    let now = try self.deposit(request.consent)
    if let use = now.use { return try await answer(use, record) }
    try requireUnused(now)
    let use = ConsentUse(bI: try rk.reencrypt(record).bI, notice: notice)
    try store.save(
      Deposit(consent: deposit.consent, share: [], use: use), Self.key(standing.digest))
    return try await answer(use, record)
  }

  /// What leaves once the access is written.
  private func answer(
    _ use: ConsentUse, _ record: VerifiedSealedRecord<Suite>
  ) async throws -> ReencryptedRecord {
    try await submit(use.notice)
    return ReencryptedRecord(bI: use.bI, record: record.record)
  }

  /// The one consent check. Of a consent that was taken back nothing is kept that could still leave.
  private func standing(_ deposit: Deposit) async throws -> StandingConsent {
    let consent = deposit.consent.object
    do {
      return try StandingConsent(
        checking: deposit.consent, against: try await view(of: consent), genesis: node.genesis,
        proxy: id)
    } catch let error as ConsortiumError where error.code == .consentRevoked {
      if deposit.use != nil {
        try store.save(Deposit(consent: deposit.consent, share: []), Self.key(consent.digest))
      }
      throw error
    }
  }

  private func deposit(_ consent: Digest32) throws -> Deposit {
    guard let deposit: Deposit = try store.load(Self.key(consent)) else {
      throw ConsortiumError(.consentUnknown, "no patient has given this consent")
    }
    return deposit
  }

  private func requireUnused(_ deposit: Deposit) throws {
    guard !deposit.share.isEmpty else {
      throw ConsortiumError(.reused, "the consent has been used")
    }
  }

  private func record(
    under consent: Signed<Consent>, _ context: VisitContext, _ visitKey: VerifiedVisitKey<Suite>
  ) async throws -> VerifiedSealedRecord<Suite> {
    let cloud = try await node.cloud(ofHospital: context.hospital)
    let bytes = try await node.ask(sealed: FetchConsentedRecord(consent: consent), of: cloud).bytes
    let record = try SealedRecord(encoded: bytes).check(for: visitKey)
    guard record.recordDigest == consent.object.recordDigest else {
      throw ConsortiumError(.recordTampered, "the record is not the one on the ledger")
    }
    return record
  }

  private static func key(_ consent: Digest32) -> String { "deposit/\(consent)" }
}
