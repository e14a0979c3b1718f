import CanonicalEncoding
import EMRScheme
import Ledger

/// The visits on a chain that another cloud has by now of which there are records here, and of which no final
/// end is known.
struct OpenElsewhere: Sendable {
  var visits: Set<Digest32>
  /// Which was asked about last.
  var turn = Turn<Digest32>()
  /// When somebody is asked about them again, in ledger time.
  var next: UInt64 = 0

  init(visits: Set<Digest32>) { self.visits = visits }
}

/// Records of visits that are over, which no completion names: they can be had by nobody any more, and the
/// cloud is not to keep them.
extension CloudServer {
  /// How many visits are looked at in one step.
  private static let endedLimit = 32

  /// Drops records of visits whose end is final in this cloud's own replay: of an abandoned one all, with its
  /// note, of a complete one all but the one that its completion names.
  ///
  /// - Throws: ``StoreError``, or why a chain cannot be looked at.
  func dropEnded(of hospital: String) async throws {
    let ended = EndedVisits(store: store)
    try await lookForEnded(ended)
    let visits = try ended.visits(of: hospital)
    if visits.isEmpty { return }
    let view = try await confirmer.view(of: hospital)
    // In turn, so that some whose end is not final keep out no others.
    for visit in turns[hospital, default: Turn()].next(of: visits).prefix(Self.endedLimit) {
      turns[hospital, default: Turn()].pass(visit)
      // Its leaves may have come and not be stored: then they come again.
      guard let record = try view.visit(visit), let end = try view.end(of: visit),
        try await node.isFinal(end, on: view)
      else { continue }
      if record.status == .abandoned {
        try await drop(abandoned: visit, at: hospital)
      } else {
        try await custody.dropOthers(
          than: try await confirmer.completion(of: record, at: hospital))
      }
      try ended.remove(visit, of: hospital)
    }
  }

  private func drop(abandoned visit: Digest32, at hospital: String) async throws {
    try await custody.drop(visit: visit, at: hospital)
    try store.write([Self.noteKey(visit, hospital): nil])
  }

  // MARK: Ends on a chain that another cloud has by now

  /// The same for a chain that a vote gave to another cloud, of which nothing more comes here: who has it is
  /// asked how visits have ended, and what counts is what is proven under an anchor.
  ///
  /// The record of one that was completed elsewhere stays, for the cloud that asks for it.
  func dropEndedElsewhere(of hospital: String) async throws {
    let time = await node.consortium.time
    if let known = openElsewhere[hospital], known.visits.isEmpty || time < known.next { return }
    let keepers = try await node.consortium.members(having: hospital)
    guard let present = keepers.cloud(ofHospital: hospital), present != id else { return }
    var open: OpenElsewhere
    if let known = openElsewhere[hospital] {
      open = known
    } else {
      open = OpenElsewhere(visits: try await openVisits(of: hospital))
    }
    let pause = try await node.members.numbers.maximumLag / 4
    open.next = time + pause
    openElsewhere[hospital] = open
    if open.visits.isEmpty { return }
    let view = try await confirmer.view(of: hospital)
    var isSilent = false
    for visit in open.turn.next(of: open.visits.sorted()).prefix(Self.endedLimit)
    where !isSilent {
      open.turn.pass(visit)
      do {
        guard let record = try view.visit(visit),
          let context = try await views.openedContext(of: record, at: hospital)
        else { continue }
        let end = try await provenEnd(of: context, by: [present, hospital])
        if case .visitCompletion(let completion) = end.content.body {
          try await custody.dropOthers(than: completion)
        } else {
          try await drop(abandoned: visit, at: hospital)
        }
        try EndedVisits(store: store).remove(visit, of: hospital)
        open.visits.remove(visit)
      } catch let error as StoreError {
        throw error
      } catch let error as ConsortiumError {
        // It is under way still, or nobody proves the end.
        isSilent = error.code == .unreachable
      }
    }
    openElsewhere[hospital] = open
  }

  /// The visits with records or a note here of which this cloud has seen no end that is final.
  private func openVisits(of hospital: String) async throws -> Set<Digest32> {
    let prefix = Self.noteKey(hospital)
    let noted = try store.keys(withPrefix: prefix).compactMap {
      Digest32(hex: String($0.dropFirst(prefix.count)))
    }
    let kept = try await custody.records.records().filter { $0.hospital == hospital }
    let visits = Set(noted + kept.map(\.visit))
    if visits.isEmpty { return [] }
    let ended = Set(try EndedVisits(store: store).visits(of: hospital))
    let view = try await confirmer.view(of: hospital)
    return try visits.filter { try ended.contains($0) || view.end(of: $0) == nil }
  }

  /// The item that has ended a visit, which is final.
  ///
  /// - Throws: ``ConsortiumError``; `unreachable` where nobody answers.
  private func provenEnd(of context: VisitContext, by keepers: [String]) async throws -> Entry {
    let (visit, hospital) = (context.visitID, context.hospital)
    var failure = ConsortiumError(.unreachable, "nobody has the chain of \(hospital)")
    for keeper in keepers {
      do {
        let proof = try await node.ask(
          sealed: ProveVisit(.ending, hospital: hospital, visit: visit, consent: nil, knownSize: 0),
          of: keeper)
        guard let entry = try await node.item(provenBy: proof, on: hospital),
          entry.ending(of: context) != nil
        else { throw ConsortiumError(.invalidProof, "\(keeper) does not prove how a visit ended") }
        return entry
      } catch let error as StoreError {
        throw error
      } catch {
        let error = ConsortiumError(error)
        if failure.code == .unreachable { failure = error }
      }
    }
    throw failure
  }

  /// Once for each store: records that were kept before ends were remembered.
  private func lookForEnded(_ ended: EndedVisits) async throws {
    if hasLookedForEnded { return }
    if try !ended.hasLooked {
      var found: [String: Set<Digest32>] = [:]
      for record in try await custody.records.records() {
        found[record.hospital, default: []].insert(record.visit)
      }
      for (hospital, visits) in found {
        guard let view = try? await confirmer.view(of: hospital) else { continue }
        try ended.add(visits.filter { try view.end(of: $0) != nil }.sorted(), of: hospital)
      }
      try ended.noteLooked()
    }
    hasLookedForEnded = true
  }
}
