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

  package init(consent: Signed<Consent>, share: [UInt8]) {
    (self.consent, self.share) = (consent, share)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("consent", consent)
    fields.octets("share", share)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    consent = try fields.value("consent")
    share = try fields.octets("share", 0...64)
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
      AccessRequestNotice(visit: consent.visit, document: certificate.digest),
      on: consent.hospital)
    return Done()
  }

  /// Re-encrypts a record for the doctor of a standing consent (4.6, steps 2 and 3), once.
  ///
  /// The access is on the ledger before the record leaves, and x is erased before that.
  func reencrypt(
    _ request: Reencrypt, by author: Principal?
  ) async throws -> ReencryptedRecord {
    let deposit = try deposit(request.consent)
    guard author == .party(deposit.consent.object.doctor) else {
      throw ConsortiumError(.consentUnknown, "no patient has given this consent")
    }
    let standing = try StandingConsent(
      checking: deposit.consent, against: try await view(of: deposit.consent.object),
      genesis: node.genesis, proxy: id)
    let (consent, context) = (standing.consent, standing.context)
    try requireUnused(deposit)
    let blinded = try keys.ring.open(
      request.sealedShare,
      as: Letter(.blindedRequestKey, genesis: node.genesis.digest, about: context.digest),
      authenticating: standing.digest)
    let visitKey = try VerifiedVisitKey<Suite>(alreadyVerified: context)
    let rk = try VerifiedReencryptionKey(
      proxyShare: ProxyShare(encoded: deposit.share),
      blinded: BlindedRequestKey(encoded: blinded), theta: consent.theta,
      requestKey: consent.requestKey, visitKey: visitKey)
    let record = try await record(under: deposit.consent, context, visitKey)

    // Another request may have used the share while this one waited for the record.
    try requireUnused(try self.deposit(request.consent))
    try store.save(Deposit(consent: deposit.consent, share: []), Self.key(standing.digest))
    try await submit(
      AccessNotice(visit: consent.visit, document: standing.digest), on: consent.hospital)
    return try rk.reencrypt(record)
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
