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
  ///
  /// - Throws: ``SchemeError`` `patient-share` for an x that is not of this consent: nothing of it is kept.
  func deposit(_ request: DepositConsent, by author: Principal?) async throws -> Done {
    let consent = request.consent.object
    guard author == .patient(visit: consent.visit, hospital: consent.hospital) else {
      throw ConsortiumError(.notEntitled, "the consent is about another patient's visit")
    }
    let digest = consent.digest
    let view = try await view(of: consent)
    guard view.standing != .revoked else {
      throw ConsortiumError(.consentRevoked, "the consent was taken back")
    }
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
    let notice = AccessRequestNotice(visit: consent.visit, document: certificate.digest)
    let pending = PendingNotice(notice, try await entry(notice, on: consent.hospital))
    let noticeKey = Self.noticeKey(digest)
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
      // The patient sends the same again where no answer came; perhaps nor did the notice.
      guard case .unused = known.state, try store.value(forKey: noticeKey) == nil else {
        return Done()
      }
      try store.save(pending, noticeKey)
    } else {
      let marks = Self.visitPrefix(consent)
      guard try store.keys(withPrefix: marks).count < Self.visitLimit else {
        throw ConsortiumError(.busy, "the visit has as many consents as there is room for")
      }
      // A wrong x would keep the right one out.
      try ProxyShare<Suite>(encoded: request.share).check(
        theta: consent.theta, visitKey: VerifiedVisitKey(alreadyVerified: context))
      var changes: [String: [UInt8]?] = [
        Self.key(digest): Message(
          Deposit(consent: request.consent, state: .unused(share: request.share))
        ).encoded(),
        noticeKey: Message(pending).encoded(),
      ]
      for use in uses { changes[use] = digest.bytes }
      changes["\(marks)\(digest)"] = []
      try store.write(changes)
      liveDeposits?.insert(digest)
    }
    // The patient is answered: the notice is the manager's, and no hospital keeps x out by taking none.
    follow(pending, of: digest)
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
    case .used(let known, let time): (result, usedAt) = (known, time)
    case .over: throw Self.used
    }
    if !noticed.contains(standing.digest) {
      try await note(accessUnder: signed, usedAt: usedAt)
      if noticed.count >= Self.noticedLimit { noticed = [] }
      noticed.insert(standing.digest)
    }
    try await requireStandingNow(signed)
    return ReencryptedPiece(bI: result, part: part)
  }

  /// That a consent still stands, as the last thing before its record leaves: whoever held back an answer
  /// that was waited for may have let it end meanwhile.
  ///
  /// - Throws: as ``standing(_:)``; ``ConsortiumError`` `out-of-time` if this too takes so long that it says
  ///   nothing of now.
  private func requireStandingNow(_ signed: Signed<Consent>) async throws {
    let asked = inbox.clock()
    _ = try await standing(signed)
    guard !Pause(of: Self.standingLifetime, since: asked).isOver(at: inbox.clock()) else {
      throw ConsortiumError(.outOfTime, "how the consent stands was told too late")
    }
  }

  /// For how many seconds it counts how a consent stands.
  private static let standingLifetime: UInt64 = 60

  /// Puts an access where its patient sees it, whatever the hospital says: into what its cloud has confirmed,
  /// or, once the hospital has had its time, before everybody.
  ///
  /// - Throws: ``ConsortiumError`` `outcome-unknown` or `not-final` until it stands there; as
  ///   ``standing(_:)``, if the consent has ended since.
  private func note(accessUnder signed: Signed<Consent>, usedAt time: UInt64) async throws {
    let consent = signed.object
    let notice = try await entry(
      AccessNotice(visit: consent.visit, document: consent.digest), on: consent.hospital)
    do {
      try await submit(notice, until: .confirmed)
    } catch let error as StoreError {
      throw error
    } catch {
      // The hospital may refuse since the consent was taken back meanwhile.
      _ = try await standing(signed)
      // What was noted with another key of the manager is there too.
      if try await isNoted(consent, on: chains.view(of: consent.hospital)) { return }
      guard inbox.clock() >= time &+ Submission.patience else { throw error }
      let height = try await demand(notice)
      _ = try await standing(signed)
      try await requireAnswered(notice, about: consent, demandedAt: height)
    }
  }

  private func isNoted(_ consent: Consent, on chain: HospitalView) throws -> Bool {
    try chain.consent(consent.digest)?.isUsed == true
  }

  /// That a demanded notice is not refused: that it stands on its chain, or that the hospital answers nobody.
  ///
  /// What the demand has met on the chain shows once that is anchored; so the hospital has maxLag for it, and
  /// where its chain has come to the demand, as long as it may go on without an answer. One that never moves
  /// again keeps no record back: then the demand shows the access.
  ///
  /// - Parameter height: of the final consortium block with the demand.
  /// - Throws: ``ConsortiumError`` `not-final` until then, and for what was refused.
  private func requireAnswered(
    _ notice: Entry, about consent: Consent, demandedAt height: UInt64
  ) async throws {
    let hospital = consent.hospital
    let chain = try await chains.view(of: hospital)
    if try isNoted(consent, on: chain) { return }
    let consortium = await node.consortium
    let count = try consortium.demandCount(on: hospital)
    guard
      try (chain.answered..<max(count, chain.answered)).contains(where: {
        try consortium.demand($0, on: hospital)?.entry == notice.digest
      })
    else { throw ConsortiumError(.notFinal, "\(hospital) has refused the access before everybody") }
    let numbers = try consortium.members.numbers
    let hasDemand = chain.base.map { $0.reference.height >= height } ?? false
    let patience = hasDemand ? numbers.answerWithin : numbers.maximumLag
    guard let demanded = try consortium.block(height),
      consortium.countedTime > demanded.countedTime &+ patience
    else { throw ConsortiumError(.notFinal, "\(hospital) has time to answer the demand") }
  }

  private static let noticedLimit = 1 << 12
  /// How many consents to one visit are kept: x or B_I, and that they were used.
  private static let visitLimit = 1024
  private static func visitPrefix(_ consent: Consent) -> String {
    "visit-deposit/\(consent.hospital)/\(consent.visit)/"
  }

  /// For how long B_I is given again, in seconds.
  private static let resultLifetime: UInt64 = 7 * 86_400

  /// Checks the consent; what was made under one that has ended is erased.
  private func standing(_ signed: Signed<Consent>) async throws -> StandingConsent {
    let view = try await view(of: signed.object)
    do {
      let standing = try StandingConsent(
        checking: signed, against: view, genesis: node.genesis, proxy: id, clock: inbox.clock())
      try await node.requireRecent()
      return standing
    } catch let error as ConsortiumError {
      // What the own clock alone ends is refused, and stays: the clock may be wrong.
      let isExpired = error.code == .consentExpired && view.time > signed.object.expiresAt
      if error.code == .consentRevoked || isExpired { try end(signed) }
      throw error
    }
  }

  private func end(_ consent: Signed<Consent>) throws { try end(consent.object.digest) }

  func hasResultEnded(_ deposit: Deposit) -> Bool {
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
    return try setRight(deposit)
  }

  /// What was used by a clock that was ahead counts as used now: else its hospital had as much more time as that was,
  /// and B_I were kept for as much longer.
  func setRight(_ deposit: Deposit) throws -> Deposit {
    let now = inbox.clock()
    guard case .used(let result, let time) = deposit.state, time > now else { return deposit }
    let right = Deposit(consent: deposit.consent, state: .used(result: result, at: now))
    try store.save(right, Self.key(deposit.consent.object.digest))
    return right
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

  static let depositPrefix = "deposit/"
  static func key(_ consent: Digest32) -> String { "\(depositPrefix)\(consent)" }
}
