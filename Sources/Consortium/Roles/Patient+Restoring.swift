import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger

/// A patient who has the root, and nothing else (specification 8.5).
extension Patient {
  /// Of a visit of which nothing is missing: what came of its note.
  private static func doneKey(_ visit: Digest32, _ hospital: String) -> String {
    "\(searchPrefix)done/\(hospital)/\(visit)"
  }
  private static let underWayPrefix = "under-way/"
  private static func underWayKey(_ visit: Digest32, _ hospital: String) -> String {
    "\(underWayPrefix)\(hospital)/\(visit)"
  }

  /// The visits of which this patient knows by ``restore(anew:)`` alone, and that they were under way then. What
  /// showing presence in one takes was on the machine before; once its team has completed it, ``restore(anew:)``
  /// brings it. Nobody is asked.
  public func visitsUnderWay() throws -> [NamedVisit] {
    try store.keys(withPrefix: Self.underWayPrefix).sorted().compactMap { key in
      let parts = key.dropFirst(Self.underWayPrefix.count).split(separator: "/")
      guard parts.count == 2, let visit = Digest32(hex: String(parts[1])) else { return nil }
      return NamedVisit(visit, at: String(parts[0]))
    }
  }

  /// The keys of a visit of which this patient knows, by ``restore(anew:)``, that it is under way.
  func keys(
    ofVisitUnderWay visit: Digest32, at hospital: String
  ) throws -> PatientVisitKeys<Suite>? {
    try store.value(forKey: Self.underWayKey(visit, hospital)).flatMap { Digest32($0) }
      .map { try keys(at: hospital, nonce: $0) }
  }

  /// Finds the visits of this root on all chains, and fills the store with them and what belongs to them.
  ///
  /// It can be called again at any time: it goes on where it was interrupted, and asks again who did not
  /// answer. What is in the store stays.
  /// - Parameter anew: whether chains that were looked at to their ends are looked at again.
  /// - Throws: ``StoreError``; ``ConsortiumError`` if no supernode at all says who takes part.
  public func restore(anew: Bool = false) async throws -> Restoration {
    if anew { try store.write(try store.removal(ofPrefix: Self.searchPrefix)) }
    let keepers = try await keepers()
    let members = await client.currentMembers()
    var restoration = Restoration()
    for hospital in keepers.keys.sorted() {
      // Who is not there any more has nothing that its successors do not have.
      for supernode in [hospital] + (keepers[hospital] ?? [])
      where members.supernode(supernode) != nil {
        restoration.sources.append(try await search(hospital, at: supernode))
      }
    }
    for hospital in keepers.keys.sorted() {
      for (nonce, candidates) in try found(at: hospital) {
        restoration.visits += try await restore(
          candidates, nonce, hospital, clouds: keepers[hospital] ?? [])
      }
    }
    return restoration
  }

  // MARK: What belongs to a visit

  /// Restores the visit of a nonce: the one among these identifiers that is proven to have its keys.
  private func restore(
    _ candidates: Set<Digest32>, _ nonce: Digest32, _ hospital: String, clouds: [String]
  ) async throws -> [Restoration.Visit] {
    let keys = try keys(at: hospital, nonce: nonce)
    var visits: [Restoration.Visit] = []
    for visit in candidates.sorted() {
      let restored = try await restore(visit, keys, hospital, clouds)
      if case .complete = restored.state { return [restored] }
      visits.append(restored)
    }
    return visits
  }

  private func restore(
    _ visitID: Digest32, _ keys: PatientVisitKeys<Suite>, _ hospital: String, _ clouds: [String]
  ) async throws -> Restoration.Visit {
    if let done = try done(visitID, hospital) { return done }
    let notes = try await notes(of: visitID, keys, hospital, clouds)
    var restored = Restoration.Visit(
      visit: visitID, hospital: hospital, state: .underWay, note: notes.outcome)
    let underWay = Self.underWayKey(visitID, hospital)
    let proven: Proven
    switch try await completion(of: visitID, keys, hospital, clouds) {
    case .success(let completion): proven = completion
    case .failure(let error):
      if notes.status == .abandoned { restored.state = .abandoned }
      // Not final, by hospital and cloud: that is what it is then. All else may be had later.
      if error.code != .notFinal { restored.failure = error.code }
      if notes.status == .complete { restored.failure = error.code }
      try store.write([underWay: notes.status == .abandoned ? nil : keys.nonce.bytes])
      return restored
    }
    let context = proven.completion.context
    guard try [nil, keys.nonce].contains(provenNonce(visitID, at: hospital)) else {
      restored.failure = .wrongContext
      return restored
    }
    var opened: CheckedRecord?
    do {
      let known = try known(context)
      if !known.isReceipted || known.recordDigest == nil {
        opened = try await open(proven.completion, proven.signed, keys)
      }
    } catch let error as StoreError {
      throw error
    } catch {
      restored.failure = ConsortiumError(error).code
    }
    // As it is now, whatever was stored meanwhile.
    var visit = try known(context)
    if let opened {
      visit.recordDigest = visit.recordDigest ?? opened.record?.recordDigest
      if let record = opened.record { visit.evidence = record.plaintext.alpha }
    }
    var changes = try consentChanges(notes.found.flatMap(\.consents), of: context)
    for note in notes.found {
      visit.add(note)
      changes.merge(try noteChange(note, of: context)) { $1 }
    }
    changes.merge(try provenChanges(visit)) { $1 }
    changes.updateValue(nil, forKey: underWay)
    if !visit.encounter.isEmpty {
      changes[Self.lastVisitKey(visit.encounter, hospital)] = visitID.bytes
    }
    try keepRevocations(notes.found.flatMap(\.consents))
    try store.write(changes)
    restored.state = .complete(record: visit.recordDigest != nil)
    if let opened, try await !give(opened.receipt, context, keys) {
      restored.failure = .unreachable
    }
    do {
      restored.failure = try await takeNotices(of: context) ?? restored.failure
    } catch let error as StoreError {
      throw error
    } catch {
      restored.failure = ConsortiumError(error).code
    }
    restored.undocumented = try undocumented(visitID, hospital)
    if notes.outcome == .unreachable { restored.failure = restored.failure ?? .unreachable }
    if restored.failure == nil {
      try store.write([Self.doneKey(visitID, hospital): [restored.note.rawValue]])
    }
    return restored
  }

  private func undocumented(_ visit: Digest32, _ hospital: String) throws -> [Digest32] {
    try consents(of: visit, at: hospital).filter { $0.consent == nil }.map(\.document)
  }

  /// A visit of which everything was taken in an earlier call: also the documents of all consents that the
  /// ledger knows.
  private func done(_ visitID: Digest32, _ hospital: String) throws -> Restoration.Visit? {
    guard let value = try store.value(forKey: Self.doneKey(visitID, hospital))?.first,
      let note = Restoration.Visit.Note(rawValue: value),
      let visit: PatientVisit = try store.load(Self.key(visitID, hospital)),
      try undocumented(visitID, hospital).isEmpty
    else { return nil }
    return Restoration.Visit(
      visit: visitID, hospital: hospital, state: .complete(record: visit.recordDigest != nil),
      note: note)
  }

  /// What clouds have of a visit: the present one, and those before it, whose notes nobody carried over.
  private func notes(
    of visit: Digest32, _ keys: PatientVisitKeys<Suite>, _ hospital: String, _ clouds: [String]
  ) async throws -> (
    status: VisitRecord.Status?, found: [VisitNote], outcome: Restoration.Visit.Note
  ) {
    var (status, found): (VisitRecord.Status?, [VisitNote]) = (nil, [])
    var outcome = Restoration.Visit.Note.none
    let author = author(visit, at: hospital, keys.signingKey)
    for (index, cloud) in clouds.enumerated() {
      do {
        let fetched = try await client.ask(FetchNote(), of: cloud, by: [author])
        status = status ?? fetched.status
        guard let note = fetched.note else { continue }
        if let note = try? read(note, of: visit, at: hospital, keys) {
          found.append(note)
        } else {
          outcome = .junk
        }
      } catch let error as StoreError {
        throw error
      } catch {
        if index == 0 { outcome = .unreachable }
      }
    }
    // The newest first, so that it decides.
    found.sort { $0.counter > $1.counter }
    if outcome == .none, !found.isEmpty { outcome = .taken }
    return (status, found, outcome)
  }

  private struct Proven {
    let completion: VisitCompletion
    let signed: VerifiedSignature<Suite>
  }

  /// The completion of a visit of these keys, proven by the hospital or by a cloud that has its chain.
  private func completion(
    of visit: Digest32, _ keys: PatientVisitKeys<Suite>, _ hospital: String, _ clouds: [String]
  ) async throws -> Result<Proven, ConsortiumError> {
    let author = author(visit, at: hospital, keys.signingKey)
    var (failure, others): (ConsortiumError?, ConsortiumError?)
    let members = await client.currentMembers()
    for supernode in [hospital] + clouds {
      do {
        let (completion, signed) = try await client.completion(
          of: visit, at: hospital, by: supernode, for: VisitReader([author]))
        guard completion.context.hospital == hospital, completion.context.keyNonce == keys.nonce,
          keys.areNamed(in: completion.context)
        else { throw ConsortiumError(.unknownVisit, "the visit is not this patient's") }
        return .success(Proven(completion: completion, signed: signed))
      } catch let error as StoreError {
        throw error
      } catch {
        let error = ConsortiumError(error)
        // That it is not final hospital and present cloud both have to say, as long as they are there.
        if [hospital, clouds.first].contains(supernode), members.supernode(supernode) != nil {
          if failure == nil || failure?.code == .notFinal { failure = error }
        } else {
          others = others ?? error
        }
      }
    }
    return .failure(failure ?? others ?? ConsortiumError(.unreachable, "nobody was asked"))
  }

  /// Gives the receipt of a visit, unless the ledger has it. The record counts without it.
  ///
  /// - Returns: whether the ledger has it, as far as the hospital answers.
  private func give(
    _ receipt: VisitReceipt, _ context: VisitContext, _ keys: PatientVisitKeys<Suite>
  ) async throws -> Bool {
    do {
      let standing = try await give(receipt, context, keys.signingKey).standing
      try noteReceipt(context, standing)
      return standing.isTaken
    } catch let error as StoreError {
      throw error
    } catch {
      return false
    }
  }

  /// Takes from the access log the consents of which no note has the document.
  ///
  /// - Returns: why one of those who have it was not heard.
  private func takeNotices(of context: VisitContext) async throws -> ConsortiumError.Code? {
    let log = try await accessLog(context.visitID, at: context.hospital)
    let unknown = try log.records.filter { $0.event == .consented }
      .filter { try given($0.document) == nil }
    if !unknown.isEmpty {
      try store.write(
        try consentChanges(
          unknown.map { GivenConsent(visit: context.visitID, document: $0.document) }, of: context))
    }
    return log.unheard.min { $0.key < $1.key }?.value
  }
}
