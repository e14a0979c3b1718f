public import CanonicalEncoding
import Credentials
package import EMRScheme
package import Ledger

/// What a doctor keeps of a visit.
package struct DoctorVisit: NamedValue {
  package static let name = "doctor-visit"

  package var opening: VisitOpening
  /// k.
  package var position: Int
  /// What the patient has shown, once it is known to be the patient who did.
  package var presence: PresenceCode?
  /// What came by courier; both compare words of it.
  package var unconfirmed: PresenceCode?
  /// K, once it was delivered.
  package var groupKey: [UInt8]?
  /// c_k, with this doctor's own finding as signed last, unless the hospital says that it refuses that.
  package var handedOver: KeptFindings?
  /// The signature of c_k's last finding.
  package var mark: SignatureMark?
  /// What was signed before it, where the row of that one is: ``FormerFindings``.
  package var former: Digest32?
  /// The sealed record, for the last doctor.
  package var sealed: KeptRecord?
  /// The signature of c_k's last finding, until an answer says whether it stands on the ledger.
  package var pending: Entry?
  /// The completion, for the last doctor; submitted until it is confirmed.
  package var completion: Entry?

  package init(opening: VisitOpening, position: Int) {
    (self.opening, self.position) = (opening, position)
  }

  package var context: VisitContext { opening.context }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("opening", opening)
    fields.integer("position", UInt64(position))
    fields.optional("presence", presence)
    fields.optional("unconfirmed", unconfirmed)
    fields.octets("groupKey", groupKey ?? [])
    fields.optional("handedOver", handedOver)
    fields.optional("mark", mark)
    fields.octets("former", former?.bytes ?? [])
    fields.optional("sealed", sealed)
    fields.optional("pending", pending)
    fields.optional("completion", completion)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    opening = try fields.value("opening")
    position = Int(try fields.integer("position", in: 1...UInt64(Limits.teamSize)))
    presence = try fields.optional("presence")
    unconfirmed = try fields.optional("unconfirmed")
    let groupKey = try fields.octets("groupKey", 0...1024)
    self.groupKey = groupKey.isEmpty ? nil : groupKey
    handedOver = try fields.optional("handedOver")
    mark = try fields.optional("mark")
    former = Digest32(try fields.octets("former", 0...32))
    sealed = try fields.optional("sealed")
    pending = try fields.optional("pending")
    completion = try fields.optional("completion")
  }
}

/// An exchange of a group key that a hospital has offered.
struct OfferedExchange {
  let offer: [UInt8]
  let answer: [UInt8]
  var exchange: DoctorKeyExchange<Suite>
}

extension Doctor {
  static let visitPrefix = "visit/"
  /// Of a visit of the own hospital: another one can give a visit the same identifier.
  func key(_ visit: Digest32) -> String { "\(Self.visitPrefix)\(hospital)/\(visit)" }

  func knownVisit(_ visit: Digest32) throws -> DoctorVisit? {
    try pendingVisits[visit] ?? store.load(key(visit))
  }

  func visit(_ visit: Digest32) throws -> DoctorVisit {
    guard let visit = try knownVisit(visit) else {
      try requireNotOver(visit)
      throw ConsortiumError(.unknownVisit, "\(id) is not on the team of this visit")
    }
    return visit
  }

  /// Stores a visit.
  func save(_ visit: DoctorVisit, and changes: [String: [UInt8]?] = [:]) throws {
    let visitID = visit.context.visitID
    var changes = changes
    changes[key(visitID)] = Message(visit).encoded()
    if pendingVisits[visitID] != nil {
      changes[joinedKey(visitID)] = inbox.clock().stateBytes
    }
    try store.write(changes)
    pendingVisits[visitID] = nil
  }

  /// What is done to a visit over several steps is done one after another: whoever holds back an answer
  /// would have what was stored meanwhile written over.
  ///
  /// - Throws: ``ConsortiumError`` `unknown-visit`: nobody has gates made for visits of others.
  private func gate(ofVisit visit: Digest32) throws -> SerialGate {
    _ = try self.visit(visit)
    let gate = visitGates[visit] ?? SerialGate()
    visitGates[visit] = gate
    return gate
  }

  /// The context of a visit on whose team this doctor is.
  func context(ofVisit visit: Digest32, at hospital: String) throws -> VisitContext? {
    try knownVisit(visit).flatMap { $0.context.hospital == hospital ? $0.context : nil }
  }

  /// That a colleague on the team of a visit, or its hospital, asks.
  func require(_ author: Principal?, _ party: String) throws {
    guard author == .party(party) else {
      throw ConsortiumError(.notEntitled, "this is for \(party) alone")
    }
  }

  /// The visit as the hospital's log has it, signed by the hospital: an open visit is only written.
  func ledgerView(_ context: VisitContext) async throws -> VisitView {
    let view = try await ask(
      ReadVisit(hospital: context.hospital, visit: context.visitID), of: context.hospital)
    guard view.contextDigest == context.digest, view.attempts.count == context.signers.count,
      view.signatures.count <= context.signers.count
    else { throw ConsortiumError(.wrongContext, "the ledger holds another context") }
    guard view.isConsistent else {
      throw ConsortiumError(.malformed, "the attempts are not those of the signatures")
    }
    guard view.status == .open else {
      throw ConsortiumError(.wrongState, "the visit is not open on the ledger")
    }
    return view
  }

  // MARK: Joining a visit (4.3)

  /// Takes note of a visit, after comparing it with the ledger.
  func join(_ request: AssignVisit, by author: Principal?) async throws -> Done {
    let context = request.opening.context
    guard author == .party(hospital), context.genesis == genesis.digest,
      context.hospital == hospital,
      let index = context.signers.firstIndex(where: { $0.doctor == id })
    else { throw ConsortiumError(.notEntitled, "\(id) is not on the team of this visit") }
    do {
      try forgetOutlasted()
    } catch let error as StoreError {
      throw error
    } catch {
      // What is wrong with another visit is no matter of this one.
    }
    try requireNotOver(context.visitID)
    _ = try await ledgerView(context)
    if let known = try knownVisit(context.visitID) {
      guard known.context == context else {
        throw ConsortiumError(.wrongContext, "the visit was another one before")
      }
      return Done()
    }
    try await client.requireCurrentTeam(of: context)
    // It may have come, and gone on, while this one waited.
    try requireNotOver(context.visitID)
    if try knownVisit(context.visitID) != nil { return Done() }
    pendingVisits[context.visitID] = DoctorVisit(opening: request.opening, position: index + 1)
    return Done()
  }

  /// How many exchanges of one visit are remembered.
  private static let exchangeLimit = 4

  /// Answers a message of an exchange. Somebody may bring one again that was brought before, also an offer
  /// of an exchange that was given up, so none of them ends another exchange.
  func exchange(_ request: ExchangeGroupKey, by author: Principal?) async throws -> Octets {
    try require(author, hospital)
    let members = await client.currentMembers()
    var visit = try visit(request.visit)
    let known = exchanges[request.visit] ?? []
    if request.step == .offer {
      if let same = known.first(where: { $0.offer == request.message }) {
        return Octets(same.answer)
      }
      var exchange = try DoctorKeyExchange<Suite>(
        context: visit.context, position: visit.position, identityKey: keys.identity.exchangeKey(),
        hospitalKey: members.identityKey(of: visit.context.hospital) ?? [])
      let answer = try exchange.answer(offer: request.message, using: &randomness)
      let offered = OfferedExchange(
        offer: request.message, answer: answer, exchange: exchange)
      exchanges[request.visit] = known.suffix(Self.exchangeLimit - 1) + [offered]
      return Octets(answer)
    }
    var failure = ConsortiumError(.wrongState, "no key exchange is under way")
    for index in known.indices.reversed() {
      // A copy: what is no message of this exchange changes nothing in it.
      var exchange = known[index].exchange
      do {
        if request.step == .confirmation {
          let acknowledgement = try exchange.acknowledge(confirmation: request.message)
          exchanges[request.visit]?[index].exchange = exchange
          return Octets(acknowledgement)
        }
        let groupKey = try exchange.receive(delivery: request.message).encoded()
        // Under another key nothing opens any more of what this doctor has signed, also of what the hospital
        // says that it has refused.
        let hasSigned =
          try visit.mark != nil || visit.former != nil
          || !store.keys(withPrefix: formerKey(request.visit)).isEmpty
        guard !hasSigned || groupKey == visit.groupKey else {
          throw ConsortiumError(.wrongState, "\(id) has signed under the visit's group key")
        }
        visit.groupKey = groupKey
        try save(visit)
        exchanges[request.visit] = Array(known.dropFirst(index + 1))
        return Octets([])
      } catch let error as SchemeError {
        failure = ConsortiumError(error)
      }
    }
    throw failure
  }

  // MARK: Diagnose (4.4)

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
    let (known, view) = try await shownVisit(visitID)
    var visit = known
    if try !isSigned(content, visit, view) {
      try await makeRoom(inVisit: visitID)
      let chain = try await client.team(of: visit.context)
      let before = try await work(before: visit, view, chain)
      try requireRoom(for: content, behind: before.findings)
      visit = try self.visit(visitID)
      let (signed, partial) = try sign(
        content, attempt: nextAttempt(visit, view), visit, before, chain)
      try await submit(partial, signed, former: visit)
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
  private func submit(
    _ partial: PartialSignature, _ signed: DoctorVisit, former: DoctorVisit
  ) async throws {
    let visitID = partial.visit
    let pending = entry(partial)
    var signed = signed
    signed.pending = pending
    signed.mark = SignatureMark(partial, in: pending)
    signed.former = former.mark?.entry
    // c_{k−1} has served; its sender has it still.
    var changes = formerRow(former)
    changes.updateValue(nil, forKey: receivedKey(visitID))
    try save(signed, and: changes)
    try dropPieces(ofVisit: visitID)
    if let refusal = try await settle(pending, visitID) { throw refusal.error }
  }

  /// Submits the pending signature until the hospital says what becomes of it. If it is refused,
  /// what was signed before counts again, and the refused finding is kept: that it is not written is the
  /// hospital's word alone. Any other failure leaves open whether it stands.
  ///
  /// - Returns: why it is refused, if it is.
  private func settle(
    _ pending: Entry, _ visitID: Digest32
  ) async throws -> SignedRefusal? {
    var refusal: SignedRefusal?
    do {
      try await submit(pending, until: .written)
    } catch let error as SignedRefusal {
      refusal = error
    }
    // As it is now, whatever came meanwhile.
    var visit = try visit(visitID)
    let changes = try refusal == nil ? [:] : putBack(&visit)
    visit.pending = nil
    try save(visit, and: changes)
    try dropPieces(ofVisit: visitID)
    return refusal
  }

  // Not inlined: the optimizer of Swift 6.3.1 crashes where these typed errors meet an async body.
  @inline(never)
  private func sign(
    _ content: [UInt8], attempt: UInt64, _ visit: DoctorVisit, _ before: FormerWork,
    _ chain: SigningChain<Suite>
  ) throws -> (DoctorVisit, PartialSignature) {
    let finding = Finding(content: content, attempt: attempt, using: &randomness)
    let findings = before.findings + [finding]
    let signature = try chain.sign(
      findings, after: before.signature, with: keys.signing, using: &randomness)
    var visit = visit
    visit.handedOver = try keep(groupKey(visit).sealing(findings), ofVisit: visit.context.visitID)
    (visit.sealed, visit.completion) = (nil, nil)
    let partial = PartialSignature(
      visit: visit.context.visitID,
      commitments: [FindingCommitment](to: findings, contextDigest: chain.contextDigest),
      signature: signature.encoded())
    return (visit, partial)
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

  // MARK: Completing a visit (4.4, step 3)

  /// As the last doctor: seals all findings to the patient's visit key.
  package func sealRecord(_ visitID: Digest32) async throws {
    let gate = try gate(ofVisit: visitID)
    await gate.enter()
    defer { gate.leave() }
    // What completes the visit was signed, with what was sealed.
    if try visit(visitID).completion == nil { try await sealFindings(visitID) }
  }

  /// For which signature the record is sealed that is kept.
  func sealedKey(_ visit: Digest32) -> String { "sealed/\(hospital)/\(visit)" }

  /// Has a record of what the hospital shows to stand: the same again, after a restart too, but none that was
  /// sealed for another signature, as a hospital may have shown one that was withdrawn.
  ///
  /// - Returns: the signature that is shown.
  @discardableResult
  private func sealFindings(_ visitID: Digest32) async throws -> PartialSignature {
    let view = try await ledgerView(try visit(visitID).context)
    var visit = try visit(visitID)
    let last = try lastSignature(visit, view)
    let signature = last.digest.bytes
    let known = try store.value(forKey: sealedKey(visitID))
    // Of earlier programs nothing says for which.
    if visit.sealed != nil, known ?? signature == signature { return last }
    visit.sealed = try seal(visit, last)
    try save(visit, and: [sealedKey(visitID): signature])
    try dropPieces(ofVisit: visitID)
    return last
  }

  private func lastSignature(
    _ visit: DoctorVisit, _ view: VisitView
  ) throws -> PartialSignature {
    guard visit.position == visit.context.signers.count,
      view.signatures.count == visit.position, let last = view.signatures.last
    else { throw ConsortiumError(.wrongState, "the team has not signed yet") }
    return last
  }

  /// As the last doctor: gives the sealed record to the cloud, and completes the visit on the
  /// ledger with the cloud's receipt.
  ///
  /// If it is not known whether the completion stands, the same one is submitted again.
  /// - Returns: how the completion stands: confirmed at least.
  @discardableResult
  public func completeVisit(_ visitID: Digest32) async throws -> SubmissionStanding {
    let gate = try gate(ofVisit: visitID)
    await gate.enter()
    defer { gate.leave() }
    var visit = try visit(visitID)
    let completion: Entry
    if let known = visit.completion {
      completion = known
      try await giveAgain(visit)
    } else {
      completion = entry(try await storeRecord(visitID))
      visit = try self.visit(visitID)
      visit.completion = completion
      try save(visit)
    }
    do {
      return try await submit(completion, until: .confirmed)
    } catch let refusal as SignedRefusal {
      visit = try self.visit(visitID)
      visit.completion = nil
      try save(visit)
      throw refusal.error
    }
  }

  /// Gives the record to the cloud; the completion has its receipt.
  private func storeRecord(_ visitID: Digest32) async throws -> VisitCompletion {
    let last = try await sealFindings(visitID)
    let visit = try visit(visitID)
    let context = visit.context
    guard let sealed = visit.sealed else {
      throw ConsortiumError(.recordMissing, "the record is not sealed")
    }
    let receipt = try await give(sealed, ofVisit: visitID)
    return VisitCompletion(
      context: context, commitments: last.commitments, signature: last.signature,
      recordDigest: sealed.head.recordDigest(visitKey: context.visitKey),
      storageSignature: receipt)
  }

  /// Gives a record to the hospital's cloud.
  ///
  /// - Returns: its signature over the receipt.
  private func give(_ sealed: KeptRecord, ofVisit visitID: Digest32) async throws -> [UInt8] {
    let (authors, rows) = (try authors, pieceRows(visitID))
    return try await client.asking(cloudOf: hospital) { [client, hospital] cloud in
      try await Self.give(sealed, in: rows, to: cloud) { part in
        try await client.ask(
          StoreRecord(hospital: hospital, visit: visitID, part: part), of: cloud, by: authors)
      }
    }
  }

  /// Gives a record again whose completion is not confirmed: the cloud may have lost it since it has signed for
  /// it, and confirms nothing more of the hospital then. One that has it says so to the first piece; one for
  /// which the visit is not open has no need of it.
  private func giveAgain(_ visit: DoctorVisit) async throws {
    guard let completion = visit.completion, let sealed = visit.sealed,
      let standing = try rows.row(completion.digest)?.standing, !standing.isConfirmed
    else { return }
    do {
      _ = try await give(sealed, ofVisit: visit.context.visitID)
    } catch let error as StoreError {
      throw error
    } catch {
      return
    }
  }

  /// The same of all that this doctor has completed, each by itself.
  func giveRecordsAgain() async throws {
    var steps = SeparateSteps()
    for row in try rows.open() where row.kind == .completion && row.hospital == hospital {
      // One that is over has no record here any more.
      if try isOver(row) { continue }
      try await steps.take {
        let gate = try gate(ofVisit: row.visit)
        await gate.enter()
        defer { gate.leave() }
        try await giveAgain(try visit(row.visit))
      }
    }
    try steps.finish()
  }

  /// Seals what c_n holds, once it opens the commitments that stand on the ledger.
  private func seal(_ visit: DoctorVisit, _ last: PartialSignature) throws -> KeptRecord {
    let context = visit.context
    guard let presence = visit.presence else {
      throw ConsortiumError(.wrongState, "\(id) has not signed")
    }
    let findings = try findings(visit, last.commitments).findings
    let rows = pieceRows(context.visitID)
    let visitKey = try VerifiedVisitKey<Suite>(
      verifying: visit.opening.visitKeyProof, of: context)
    var sealing = try SealedRecord.sealing(
      RecordPlaintext(
        context: context, evidence: Evidence(presence.evidence), findings: findings),
      to: visitKey, using: &randomness)
    let pieces = try rows.keep(as: Digest32(sha256: randomness.bytes(32))) { try sealing.next() }
    return KeptRecord(head: try sealing.head(), pieces: pieces)
  }

  private func entry(_ body: some CanonicalObject) -> Entry {
    Entry(
      EntryContent(genesis: genesis.digest, chain: hospital, signer: .party(id), body: body),
      signedBy: keys.identity)
  }
}
