import CanonicalEncoding
import EMRScheme
import Ledger

/// An exchange of a group key that a hospital has offered.
struct OfferedExchange {
  let offer: [UInt8]
  let answer: [UInt8]
  /// nil once it has brought the key.
  var exchange: DoctorKeyExchange<Suite>?
  /// What has brought it: the same again, since the answer was lost, has the same answer.
  var delivery: [UInt8]?
}

/// How a visit begins for a doctor (4.3): its assignment, and its group key.
extension Doctor {
  /// Takes note of a visit, and answers the offer of its group key. That it is open is the hospital's word, as its
  /// answer to `read-visit` is, with which the visit is compared before anything is signed.
  func join(_ request: AssignVisit, by author: Principal?) async throws -> Octets {
    try await takeNote(of: request, by: author)
    return try await answer(offer: request.offer, request.opening.context.visitID)
  }

  private func takeNote(of request: AssignVisit, by author: Principal?) async throws {
    let context = request.opening.context
    guard author == .party(hospital), context.genesis == genesis.digest,
      context.hospital == hospital,
      let index = context.signers.firstIndex(where: { $0.doctor == id })
    else { throw ConsortiumError(.notEntitled, "\(id) is not on the team of this visit") }
    do {
      try await forgetOutlasted()
    } catch  where error.isOfWholeStore {
      throw error
    } catch {
      // What is wrong with another visit is no matter of this one.
    }
    try requireNotOver(context.visitID)
    if let known = try knownVisit(context.visitID) {
      guard known.context == context else {
        throw ConsortiumError(.wrongContext, "the visit was another one before")
      }
      return
    }
    try requireRoomForVisit()
    try await requireDeadline(of: context)
    do {
      try await client.learnHalts(before: context)
    } catch let error as StoreError {
      throw error
    } catch {
      // By it deadlines are told, and nothing is judged.
    }
    // It may have come, and gone on, while this one waited.
    try requireNotOver(context.visitID)
    if try knownVisit(context.visitID) != nil { return }
    try makeRoomForAssignment()
    pendingVisits[context.visitID] = DoctorVisit(opening: request.opening, position: index + 1)
  }

  /// That a visit ends as the members have decided: T is counted time, which is never ahead of ledger time, and each
  /// doctor has w from there on. So what a hospital invents is over when it would be, too.
  ///
  /// - Throws: ``ConsortiumError`` `wrong-context`.
  private func requireDeadline(of context: VisitContext) async throws {
    guard context.openedAt <= inbox.clock() &+ RequestRule.skew else {
      throw ConsortiumError(.wrongContext, "the visit is from a time to come")
    }
    try await client.requireCurrentTeam(of: context)
    try await client.requireNumbers(of: context)
  }

  /// How many visits of the own hospital are kept in the store, until they are over (8.1).
  package static let visitLimit = 4096

  /// That one more visit can be kept.
  ///
  /// - Throws: ``ConsortiumError`` `busy`.
  func requireRoomForVisit() throws {
    let count = try store.keys(withPrefix: "\(Self.visitPrefix)\(hospital)/").count
    guard count < Self.visitLimit else {
      throw ConsortiumError(.busy, "\(id) has as many visits under way as there is room for")
    }
  }

  /// How many assignments are remembered that have no group key yet; one is at most 16 KiB long (8.1).
  package static let assignmentLimit = 256

  /// Makes room for one more assignment. The visit that opened first goes, in which nothing is under way: the
  /// hospital can assign it again.
  ///
  /// - Throws: ``ConsortiumError`` `busy`.
  private func makeRoomForAssignment() throws {
    guard pendingVisits.count >= Self.assignmentLimit else { return }
    let idle = pendingVisits.values.map(\.context).filter { visitGates[$0.visitID]?.isFree ?? true }
    guard
      let oldest = idle.min(by: { ($0.openedAt, $0.visitID) < ($1.openedAt, $1.visitID) })?.visitID
    else { throw ConsortiumError(.busy, "\(id) has as many visits assigned as there is room for") }
    (pendingVisits[oldest], exchanges[oldest], visitGates[oldest]) = (nil, nil, nil)
  }

  /// How many exchanges of one visit are remembered.
  private static let exchangeLimit = 4

  /// Begins an exchange. Somebody may bring an offer again that was brought before, also of an exchange that was
  /// given up, so none of them ends another exchange.
  private func answer(offer: [UInt8], _ id: Digest32) async throws -> Octets {
    let members = await client.currentMembers()
    let visit = try visit(id)
    let known = exchanges[id] ?? []
    if let same = known.first(where: { $0.offer == offer }) { return Octets(same.answer) }
    // Before anybody of the team takes another key.
    if try hasSigned(visit) { throw signedAlready }
    var exchange = try DoctorKeyExchange<Suite>(
      context: visit.context, position: visit.position, identityKey: keys.identity.exchangeKey(),
      hospitalKey: members.identityKey(of: visit.context.hospital) ?? [])
    let answer = try exchange.answer(offer: offer, using: &randomness)
    let offered = OfferedExchange(offer: offer, answer: answer, exchange: exchange)
    exchanges[id] = known.suffix(Self.exchangeLimit - 1) + [offered]
    return Octets(answer)
  }

  /// Answers a message of an exchange behind its offer, whichever of those under way it belongs to.
  func exchange(_ request: ExchangeGroupKey, by author: Principal?) async throws -> Octets {
    try require(author, hospital)
    var visit = try visit(request.visit)
    let known = exchanges[request.visit] ?? []
    if request.step == .delivery, known.contains(where: { $0.delivery == request.message }) {
      return Octets([])
    }
    var failure = ConsortiumError(.wrongState, "no key exchange is under way")
    for index in known.indices.reversed() {
      // A copy: what is no message of this exchange changes nothing in it.
      guard var exchange = known[index].exchange else { continue }
      do {
        if request.step == .confirmation {
          let acknowledgement = try exchange.acknowledge(confirmation: request.message)
          if try hasSigned(visit) { throw signedAlready }
          try forgetFormerKey(&visit)
          exchanges[request.visit]?[index].exchange = exchange
          exchanges[request.visit]?.removeFirst(visit.position == 1 ? index : 0)
          return Octets(acknowledgement)
        }
        let groupKey = try exchange.receive(delivery: request.message).encoded()
        guard try groupKey == visit.groupKey || !hasSigned(visit) else { throw signedAlready }
        visit.groupKey = groupKey
        try save(visit)
        let done = OfferedExchange(
          offer: known[index].offer, answer: known[index].answer, delivery: request.message)
        exchanges[request.visit] = [done] + known.dropFirst(index + 1)
        return Octets([])
      } catch let error as SchemeError {
        failure = ConsortiumError(error)
      }
    }
    throw failure
  }

  /// Has the first doctor forget the K of a former exchange before acknowledging the next one: what it acknowledges
  /// brings the others another K, and under the former one they could open nothing that it signs.
  private func forgetFormerKey(_ visit: inout DoctorVisit) throws {
    guard visit.position == 1, visit.groupKey != nil else { return }
    visit.groupKey = nil
    try save(visit)
  }

  /// Whether something was signed under a visit's group key: under another one nothing of it opens any more, also
  /// of what the hospital says that it has refused.
  private func hasSigned(_ visit: DoctorVisit) throws -> Bool {
    try visit.mark != nil || visit.former != nil
      || !store.keys(withPrefix: formerKey(visit.context.visitID)).isEmpty
  }

  private var signedAlready: ConsortiumError {
    ConsortiumError(.wrongState, "\(id) has signed under the visit's group key")
  }
}
