package import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger

/// What the proxy keeps of a patient's consent.
package struct Deposit: NamedValue {
  package static let name = "deposit"

  package var consent: Signed<Consent>
  package var state: State

  package enum State: Equatable, Sendable {
    /// x.
    case unused(share: [UInt8])
    /// B_I, in the place of x: given to the doctor as often as its arrival is in doubt, until the consent
    /// ends, or some days later. Since when: seconds since 1970, by the proxy's clock.
    case used(result: [UInt8], at: UInt64)
    case over
  }

  package init(consent: Signed<Consent>, state: State) {
    (self.consent, self.state) = (consent, state)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("consent", consent)
    switch state {
    case .unused(let share):
      fields.integer("state", 1)
      fields.octets("share", share)
    case .used(let result, let time):
      fields.integer("state", 2)
      fields.octets("result", result)
      fields.integer("usedAt", time)
    case .over: fields.integer("state", 3)
    }
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    consent = try fields.value("consent")
    switch try fields.integer("state", in: 1...3) {
    case 1: state = .unused(share: try fields.octets("share", Limits.scalarByteCounts))
    case 2:
      state = .used(
        result: try fields.octets("result", Limits.pointByteCounts),
        at: try fields.integer("usedAt", in: 0...Limits.latestTime))
    default: state = .over
    }
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
    guard certificate.genesis == consent.genesis, certificate.hospital == consent.hospital,
      certificate.visit == consent.visit,
      certificate.doctor == consent.doctor, certificate.requestKey == consent.requestKey,
      certificate.agreementKey == consent.agreementKey, consent.proxy == id
    else { throw ConsortiumError(.consentMismatch, "the certificate is for something else") }
    let uses = [consent.theta, consent.requestKey].map { "use/\(Digest32(sha256: $0))" }
    for use in uses {
      if let owner = try store.value(forKey: use), owner != digest.bytes {
        throw ConsortiumError(.reused, "Θ or A' belongs to another consent")
      }
    }
    if let known: Deposit = try store.load(Self.key(digest)) {
      // The same again, since the answer was lost; compared by digests, as shares are secret. What was
      // used meanwhile is not replaced.
      if case .unused(let other) = known.state,
        Digest32(sha256: other) != Digest32(sha256: request.share)
      {
        throw ConsortiumError(.reused, "the consent's share is here already")
      }
    } else {
      var changes: [String: [UInt8]?] = [
        Self.key(digest): Message(
          Deposit(consent: request.consent, state: .unused(share: request.share))
        ).encoded()
      ]
      for use in uses { changes[use] = digest.bytes }
      let marks = Self.visitPrefix(consent)
      guard try store.keys(withPrefix: marks).count < Self.visitLimit else {
        throw ConsortiumError(.busy, "the visit has as many consents as there is room for")
      }
      changes["\(marks)\(digest)"] = []
      try store.write(changes)
      liveDeposits?.insert(digest)
    }
    let notice = AccessRequestNotice(visit: consent.visit, document: certificate.digest)
    try await submit(entry(notice, on: consent.hospital), until: .written)
    return Done()
  }

  /// Re-encrypts a record for the doctor of a standing consent (4.6, steps 2 and 3), and passes a piece of it
  /// on: nothing but its head is needed for B_I.
  ///
  /// x serves once: it is erased, and B_I kept in its place, before anything leaves. Asked again, since the
  /// answer was lost, the proxy gives the same B_I, if the consent still stands. The access is on the
  /// ledger before the record leaves: by more than the hospital's word.
  func reencrypt(
    _ request: Reencrypt, by author: Principal?
  ) async throws -> ReencryptedPiece {
    let deposit = try deposit(request.consent)
    let signed = deposit.consent
    guard author == .party(signed.object.doctor) else {
      throw ConsortiumError(.consentUnknown, "no patient has given this consent")
    }
    let standing = try await standing(signed)
    let (consent, context) = (standing.consent, standing.context)
    try requireResult(deposit)
    let part = try await part(request.index, under: signed, context)
    // Another request may have used the share while this one waited for the record.
    let result: [UInt8]
    let usedAt: UInt64
    switch try self.deposit(request.consent).state {
    case .unused(let share):
      let visitKey = try VerifiedVisitKey<Suite>(alreadyVerified: context)
      let head = try part.head.check(for: visitKey)
      let rk = try VerifiedReencryptionKey(
        proxyShare: ProxyShare(encoded: share),
        blinded: BlindedRequestKey(encoded: request.share), theta: consent.theta,
        requestKey: consent.requestKey, visitKey: visitKey)
      (result, usedAt) = (try rk.reencrypt(head), inbox.clock())
      try store.save(
        Deposit(consent: signed, state: .used(result: result, at: usedAt)),
        Self.key(standing.digest))
    case .used(let known, let time):
      // It may have been taken back after the notice of the access was written.
      _ = try await self.standing(signed)
      (result, usedAt) = (known, time)
    case .over: throw Self.used
    }
    if !noticed.contains(standing.digest) {
      try await note(accessUnder: consent, usedAt: usedAt)
      if noticed.count >= Self.noticedLimit { noticed = [] }
      noticed.insert(standing.digest)
    }
    return ReencryptedPiece(bI: result, part: part)
  }

  /// Puts an access where its patient sees it, whatever the hospital says: into what its cloud has confirmed,
  /// or, once the hospital has had its time, before everybody.
  ///
  /// - Throws: ``ConsortiumError`` `outcome-unknown` or `not-final` until it stands there.
  private func note(accessUnder consent: Consent, usedAt time: UInt64) async throws {
    let notice = try await entry(
      AccessNotice(visit: consent.visit, document: consent.digest), on: consent.hospital)
    do {
      try await submit(notice, until: .confirmed)
    } catch let error as StoreError {
      throw error
    } catch {
      // What was noted with another key of the manager is there too.
      let chain = try await chains.view(of: consent.hospital)
      if try chain.consent(consent.digest)?.isUsed == true { return }
      guard inbox.clock() >= time &+ Submission.patience else { throw error }
      try await demand(notice)
    }
  }

  private static let noticedLimit = 1 << 12
  /// How many consents to one visit are kept: x or B_I, and that they were used.
  private static let visitLimit = 1024
  private static func visitPrefix(_ consent: Consent) -> String {
    "visit-deposit/\(consent.hospital)/\(consent.visit)/"
  }

  /// How often what has ended is looked for, in seconds.
  private static let sweepInterval: UInt64 = 60

  /// Erases x and B_I of all consents that have ended: taken back by what is confirmed, or by a final demand;
  /// expired in ledger time; or used, days ago.
  func eraseEndedDeposits() async throws {
    let now = inbox.clock()
    guard now >= nextSweep else { return }
    nextSweep = now &+ Self.sweepInterval
    var byHospital: [String: [Consent]] = [:]
    for digest in try knownDeposits() {
      guard let deposit: Deposit = try store.load(Self.key(digest)), deposit.state != .over else {
        liveDeposits?.remove(digest)
        continue
      }
      if hasResultEnded(deposit) {
        try end(deposit.consent)
      } else {
        byHospital[deposit.consent.object.hospital, default: []].append(deposit.consent.object)
      }
    }
    if byHospital.isEmpty { return }
    try await node.catchUp()
    for (hospital, consents) in byHospital {
      do {
        let chain = try await chains.view(of: hospital)
        let consortium = await node.consortium
        for consent in consents {
          let digest = consent.digest
          let isRevoked =
            try chain.consent(digest)?.isRevoked == true
            || consortium.isRevokedByDemand(digest, of: consent.visit, at: hospital)
          if isRevoked || consortium.time > consent.expiresAt { try end(digest) }
        }
      } catch let error as StoreError {
        throw error
      } catch {
        // The cloud does not answer: it is asked again.
        inbox.failures.note(error)
      }
    }
  }

  private func knownDeposits() throws -> Set<Digest32> {
    if let liveDeposits { return liveDeposits }
    let found = Set(
      try store.keys(withPrefix: Self.prefix).compactMap {
        [UInt8](hex: String($0.dropFirst(Self.prefix.count))).flatMap { Digest32($0) }
      })
    liveDeposits = found
    return found
  }

  /// For how long B_I is given again, in seconds.
  private static let resultLifetime: UInt64 = 7 * 86_400

  /// Checks the consent; what was made under one that has ended is erased.
  private func standing(_ signed: Signed<Consent>) async throws -> StandingConsent {
    let view = try await view(of: signed.object)
    do {
      return try StandingConsent(
        checking: signed, against: view, genesis: node.genesis, proxy: id)
    } catch let error as ConsortiumError {
      if error.code == .consentRevoked || error.code == .consentExpired { try end(signed) }
      throw error
    }
  }

  private func end(_ consent: Signed<Consent>) throws { try end(consent.object.digest) }

  private func end(_ consent: Digest32) throws {
    let key = Self.key(consent)
    if var deposit: Deposit = try store.load(key), deposit.state != .over {
      deposit.state = .over
      try store.save(deposit, key)
    }
    liveDeposits?.remove(consent)
  }

  private func hasResultEnded(_ deposit: Deposit) -> Bool {
    guard case .used(_, let time) = deposit.state else { return false }
    return inbox.clock() > time &+ Self.resultLifetime
  }

  private func requireResult(_ deposit: Deposit) throws {
    if hasResultEnded(deposit) { try end(deposit.consent) }
    if hasResultEnded(deposit) || deposit.state == .over { throw Self.used }
  }

  private static var used: ConsortiumError {
    ConsortiumError(.reused, "the consent has been used")
  }

  private func deposit(_ consent: Digest32) throws -> Deposit {
    guard let deposit: Deposit = try store.load(Self.key(consent)) else {
      throw ConsortiumError(.consentUnknown, "no patient has given this consent")
    }
    return deposit
  }

  private func part(
    _ index: Int, under consent: Signed<Consent>, _ context: VisitContext
  ) async throws -> RecordPiece {
    let cloud = try await node.cloud(ofHospital: context.hospital)
    let part = try await node.ask(
      sealed: FetchConsentedRecord(consent: consent, index: index), of: cloud)
    guard
      part.head.recordDigest(visitKey: context.visitKey) == consent.object.recordDigest,
      part.piece.index == index
    else { throw ConsortiumError(.recordTampered, "the record is not the one on the ledger") }
    return part
  }

  private static let prefix = "deposit/"
  private static func key(_ consent: Digest32) -> String { "\(prefix)\(consent)" }
}
