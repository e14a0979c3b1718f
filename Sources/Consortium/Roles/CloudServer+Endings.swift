import CanonicalEncoding
import EMRScheme
import Ledger

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
        try await custody.drop(visit: visit, at: hospital)
        try store.write([Self.noteKey(visit, hospital): nil])
      } else {
        try await custody.dropOthers(
          than: try await confirmer.completion(of: record, at: hospital))
      }
      try ended.remove(visit, of: hospital)
    }
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
