import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger

/// Which visit of this patient an identifier names.
///
/// A hospital may offer one identifier several times, as after an authorization that was lost. What was
/// agreed to is no more than that: one of these contexts may come to stand on the ledger, or one of another
/// program of this patient. Which one it is the ledger proves; that takes the place of all others, and
/// nothing takes its place.
extension Patient {
  /// How many contexts with one identifier this patient agrees to.
  package static let agreementLimit = 64

  private static func agreedKey(_ visit: Digest32, _ hospital: String) -> String {
    "agreed-nonces/\(hospital)/\(visit)"
  }
  /// What was agreed to under an identifier before the last, by context, until the ledger proves one of them.
  private static func agreedContextKey(
    _ visit: Digest32, _ hospital: String, _ context: Digest32? = nil
  ) -> String { "agreed-context/\(hospital)/\(visit)/" + (context.map { "\($0)" } ?? "") }
  /// The context that the hospital said last that it has opened.
  private static func openedKey(_ visit: Digest32, _ hospital: String) -> String {
    "opened-context/\(hospital)/\(visit)"
  }
  private static func provenKey(_ visit: Digest32, _ hospital: String) -> String {
    "proven/\(hospital)/\(visit)"
  }

  /// The nonces of all contexts with this identifier that were agreed to, the last one last.
  private func agreedNonces(_ visit: Digest32, at hospital: String) throws -> [Digest32] {
    let bytes = try store.value(forKey: Self.agreedKey(visit, hospital)) ?? []
    return stride(from: 0, to: bytes.count, by: 32).compactMap { Digest32(bytes[$0...].prefix(32)) }
  }

  /// The nonce in the context that the ledger has, if that was proven.
  func provenNonce(_ visit: Digest32, at hospital: String) throws -> Digest32? {
    if let bytes = try store.value(forKey: Self.provenKey(visit, hospital)) {
      return Digest32(bytes)
    }
    let known: PatientVisit? = try store.readable(Self.key(visit, hospital))
    return known?.recordDigest == nil ? nil : known?.context.keyNonce
  }

  // MARK: Agreeing

  /// Whether a visit may be agreed to: its identifier may have been offered before, but for the same
  /// Encounter alone, and not once the ledger has it.
  ///
  /// - Throws: ``ConsortiumError`` `wrong-context`.
  func requireOffer(_ visit: PatientVisit) throws {
    let (id, hospital) = (visit.context.visitID, visit.context.hospital)
    let known: PatientVisit? = try store.load(Self.key(id, hospital))
    if known?.context == visit.context { return }
    guard known.map({ $0.encounter == visit.encounter }) ?? true,
      try provenNonce(id, at: hospital) == nil,
      try keys(ofVisitUnderWay: id, at: hospital) == nil,
      try !found(at: hospital).contains(where: { $0.visits.contains(id) }),
      try agreedNonces(id, at: hospital).count < Self.agreementLimit
    else {
      throw ConsortiumError(.wrongContext, "the hospital offers a visit that there is already")
    }
  }

  /// What is to be stored to agree to a visit.
  func agreementChanges(to visit: PatientVisit) throws -> [String: [UInt8]?] {
    try requireOffer(visit)
    let (id, hospital) = (visit.context.visitID, visit.context.hospital)
    var nonces = try agreedNonces(id, at: hospital)
    if !nonces.contains(visit.context.keyNonce) { nonces.append(visit.context.keyNonce) }
    var changes: [String: [UInt8]?] = [
      Self.key(visit.context): Message(visit).encoded(),
      Self.agreedKey(id, hospital): nonces.flatMap(\.bytes),
    ]
    if let former: PatientVisit = try store.load(Self.key(id, hospital)),
      former.context != visit.context
    {
      changes[Self.agreedContextKey(id, hospital, former.context.digest)] =
        Message(former).encoded()
    }
    return changes
  }

  /// Notes that the hospital has answered an authorization: that the visit is open with this context.
  func noteOpened(_ context: VisitContext) throws {
    try store.write([
      Self.openedKey(context.visitID, context.hospital): context.digest.bytes
    ])
  }

  /// A visit as it was agreed to: with this context, or with the one that the hospital has opened, or else with
  /// the last. Once the ledger proves one, that.
  ///
  /// - Throws: ``ConsortiumError`` `unknown-visit`; `wrong-context` for a context that was not agreed to.
  func agreedVisit(
    _ visitID: Digest32, at hospital: String, _ context: Digest32? = nil
  ) throws -> PatientVisit {
    let last = try visit(visitID, at: hospital)
    let opened = try store.value(forKey: Self.openedKey(visitID, hospital)).flatMap { Digest32($0) }
    guard let wanted = context ?? opened, wanted != last.context.digest else { return last }
    guard
      let agreed: PatientVisit = try store.load(Self.agreedContextKey(visitID, hospital, wanted))
    else { throw ConsortiumError(.wrongContext, "the patient has not agreed to this context") }
    return agreed
  }

  // MARK: What the ledger has

  /// What is known of the visit with a context that is proven; what was agreed to with another one says
  /// nothing of it.
  func known(_ context: VisitContext) throws -> PatientVisit {
    let known: PatientVisit? = try store.readable(Self.key(context))
    if let known, known.context == context { return known }
    // Agreed to before, for the same Encounter.
    let isAgreed = try agreedNonces(context.visitID, at: context.hospital)
      .contains(context.keyNonce)
    return PatientVisit(
      context: context, evidence: [], opening: nil,
      encounter: isAgreed ? known?.encounter ?? "" : "")
  }

  /// What is to be stored of a visit whose context is proven: in the place of what was agreed to.
  func provenChanges(_ visit: PatientVisit) throws -> [String: [UInt8]?] {
    let context = visit.context
    var changes = try store.removal(
      ofPrefix: Self.agreedContextKey(context.visitID, context.hospital))
    changes.updateValue(nil, forKey: Self.openedKey(context.visitID, context.hospital))
    changes[Self.key(context)] = Message(visit).encoded()
    changes[Self.provenKey(context.visitID, context.hospital)] = context.keyNonce.bytes
    return changes
  }

  /// The keys that a visit may have, the likeliest first; those that were proven alone.
  func candidates(
    _ visit: Digest32, at hospital: String
  ) throws -> [PatientVisitKeys<Suite>] {
    if let proven = try provenNonce(visit, at: hospital) {
      return [try keys(at: hospital, nonce: proven)]
    }
    let known: PatientVisit? = try store.readable(Self.key(visit, hospital))
    var nonces = [known?.context.keyNonce].compactMap(\.self)
    nonces += try agreedNonces(visit, at: hospital).reversed()
    nonces += try [keys(ofVisitUnderWay: visit, at: hospital)?.nonce].compactMap(\.self)
    nonces += try found(at: hospital).filter { $0.visits.contains(visit) }.map(\.nonce)
    var seen: Set<Digest32> = []
    return try nonces.filter { seen.insert($0).inserted }.map { try keys(at: hospital, nonce: $0) }
  }

  /// The completion of a visit, proven by its hospital, with the keys that its context names; of a visit
  /// that this program has not begun, by what the hospital shows of its chain.
  ///
  /// - Throws: what says most, if none of the keys is the visit's or nothing is proven.
  func completion(
    of visit: Digest32, at hospital: String
  ) async throws -> (VisitCompletion, VerifiedSignature<Suite>, PatientVisitKeys<Suite>) {
    var tried: Set<Digest32> = []
    var failure: any Error = ConsortiumError(.unknownVisit, "the patient knows no such visit")
    // That other keys are the visit's is refused unsigned, so as if nobody had answered.
    func mayBeOfOthers(_ error: any Error) -> Bool {
      [.unreachable, .unknownVisit].contains(ConsortiumError(error).code)
    }
    for isSearched in [false, true] {
      if isSearched { _ = try await search(hospital, at: hospital, goingOn: true) }
      for keys in try candidates(visit, at: hospital) where tried.insert(keys.nonce).inserted {
        do {
          let (completion, signed) = try await client.completion(
            of: visit, at: hospital,
            for: VisitReader([author(visit, at: hospital, keys.signingKey)]))
          guard keys.areNamed(in: completion.context), completion.context.keyNonce == keys.nonce
          else { throw ConsortiumError(.unknownVisit, "the visit is not this patient's") }
          return (completion, signed, keys)
        } catch let error as StoreError {
          throw error
        } catch {
          if mayBeOfOthers(failure) { failure = error }
        }
      }
      if !mayBeOfOthers(failure) { break }
    }
    throw failure
  }

  /// The context of a visit: where several were agreed to, the one that is proven, if one is.
  func context(ofVisit visit: Digest32, at hospital: String) async throws -> VisitContext {
    let agreed = try self.visit(visit, at: hospital).context
    guard try candidates(visit, at: hospital).count > 1 else { return agreed }
    do {
      let (completion, _, _) = try await completion(of: visit, at: hospital)
      try store.write(try provenChanges(try known(completion.context)))
      return completion.context
    } catch let error as StoreError {
      throw error
    } catch {
      return agreed
    }
  }
}
