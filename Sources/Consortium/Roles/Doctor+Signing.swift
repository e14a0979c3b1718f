public import CanonicalEncoding
import EMRScheme
import Ledger

/// Signing in turn (4.4).
extension Doctor {
  /// Signs a finding after checking all that came before; another one withdraws the first.
  ///
  /// If the answer to a signature was lost, the same one is sent again before anything else is signed,
  /// so that this doctor can open whatever of it stands on the ledger. The finding that stands there already
  /// is not signed again, however long ago it was: what opens it is handed on once more.
  ///
  /// - Parameter content: m_k: with those before it at most ``Limits/findingsByteCount``.
  /// - Returns: how the signature stands: written at least.
  /// - Throws: ``ConsortiumError`` with the ledger's code, as `late` or `resignature-limit`; `too-large`
  ///   before anything is signed or sent.
  @discardableResult
  public func diagnose(
    _ visitID: Digest32, _ content: [UInt8]
  ) async throws -> SubmissionStanding {
    try requireRoom(for: content, behind: [])
    let gate = try gate(ofVisit: visitID)
    await gate.enter()
    defer { gate.leave() }
    if let pending = try visit(visitID).pending { _ = try await settle(pending, visitID) }
    try takeBackRefusals(ofVisit: visitID)
    let (known, view) = try await shownVisit(visitID)
    var visit = known
    if try !isSigned(content, visit, view) {
      try await makeRoom(visit, view)
      let chain = try await client.team(of: visit.context)
      let before = try await work(before: visit, view, chain)
      try requireRoom(for: content, behind: before.findings)
      visit = try self.visit(visitID)
      let signed = try sign(content, attempt: nextAttempt(visit, view), visit, before, chain)
      try await submit(signed, former: visit)
    }
    if visit.position < visit.context.signers.count {
      try await handOver(visitID, to: visit.context.signers[visit.position].doctor)
    }
    return try standing(of: .signature, about: visitID) ?? .written
  }

  /// Submits a signature, after keeping it with what opens it: what stands on the ledger must always
  /// open.
  ///
  /// - Parameter former: the visit before it.
  private func submit(_ signed: SignedFinding, former: DoctorVisit) async throws {
    let (partial, visitID) = (signed.partial, signed.partial.visit)
    let pending = try entry(partial)
    var visit = signed.visit
    visit.pending = pending
    visit.mark = SignatureMark(partial, in: pending)
    visit.former = former.mark?.entry
    // c_{k−1} has served; its sender has it still.
    var changes = try removalOfReceived(visitID).merging(formerRow(former)) { $1 }
    changes.merge(signed.lastPiece) { $1 }
    changes[signedKey(visitID, pending.digest)] = Message(OwnSignature(partial)).encoded()
    changes.merge(try rows.changes(sending: pending, at: client.clock())) { $1 }
    try save(visit, and: changes)
    try dropPieces(ofVisit: visitID)
    if let refusal = try await settle(pending, isNoted: true, visitID) { throw refusal.error }
  }

  /// Submits the pending signature until the hospital says what becomes of it. If it is refused,
  /// what was signed before counts again, and the refused finding is kept: that it is not written is the
  /// hospital's word alone. Any other failure leaves open whether it stands.
  ///
  /// - Returns: why it is refused, if it is.
  private func settle(
    _ pending: Entry, isNoted: Bool = false, _ visitID: Digest32
  ) async throws -> SignedRefusal? {
    var refusal: SignedRefusal?
    do {
      try await submit(pending, isNoted: isNoted, until: .written) { standing in
        if standing == .sent { return [:] }
        // As it is now, whatever came meanwhile.
        var visit = try visit(visitID)
        var changes = try standing.isRefused ? putBack(&visit) : [:]
        visit.pending = nil
        changes[key(visitID)] = Message(visit).encoded()
        return changes
      }
    } catch let error as SignedRefusal {
      refusal = error
    }
    try dropPieces(ofVisit: visitID)
    return refusal
  }

  /// What a doctor has signed, and not kept yet.
  private struct SignedFinding {
    let partial: PartialSignature
    /// With c_k.
    let visit: DoctorVisit
    /// Of c_k, the row that is to be written with the visit.
    let lastPiece: [String: [UInt8]?]
  }

  // Not inlined: the optimizer of Swift 6.3.1 crashes where these typed errors meet an async body.
  @inline(never)
  private func sign(
    _ content: [UInt8], attempt: UInt64, _ visit: DoctorVisit, _ before: FormerWork,
    _ chain: SigningChain<Suite>
  ) throws -> SignedFinding {
    let finding = Finding(content: content, attempt: attempt, using: &randomness)
    let findings = before.findings + [finding]
    let signature = try chain.sign(
      findings, after: before.signature, with: keys.signing, using: &randomness)
    var visit = visit
    let kept = try keep(groupKey(visit).sealing(findings), ofVisit: visit.context.visitID)
    visit.handedOver = kept.findings
    (visit.sealed, visit.completion) = (nil, nil)
    let partial = PartialSignature(
      visit: visit.context.visitID,
      commitments: [FindingCommitment](to: findings, contextDigest: chain.contextDigest),
      signature: signature.encoded())
    return SignedFinding(partial: partial, visit: visit, lastPiece: kept.last)
  }

  /// m_1 … m_{k−1} and their signature, after Eq. (2).
  private struct FormerWork {
    var findings: [Finding] = []
    var signature: VerifiedSignature<Suite>?
  }

  private func work(
    before visit: DoctorVisit, _ view: VisitView, _ chain: SigningChain<Suite>
  ) async throws -> FormerWork {
    let previous = visit.position - 1
    guard visit.presence != nil else {
      throw ConsortiumError(.wrongState, "the patient has not been with \(id)")
    }
    if previous == 0 { return FormerWork() }
    guard view.signatures.count >= previous,
      view.signatures[previous - 1].commitments.count == previous
    else { throw ConsortiumError(.noHandover, "D_\(previous) has not signed") }
    let partial = view.signatures[previous - 1]
    let signed = try chain.verify(
      SequentialSignature(encoded: partial.signature), commitments: partial.commitments)
    let findings = try await received(
      visit, groupKey(visit), partial.commitments,
      from: visit.context.signers[previous - 1].doctor)
    return FormerWork(findings: findings, signature: signed)
  }

  func groupKey(_ visit: DoctorVisit) throws -> GroupKey {
    guard let bytes = visit.groupKey else {
      throw ConsortiumError(.wrongState, "the visit has no group key yet")
    }
    return try GroupKey(encoded: bytes, context: visit.context, Suite.self)
  }
}
