import CanonicalEncoding
import EMRScheme
import Ledger

/// Notes that patients keep at the cloud of their visit: sealed, one a visit.
extension CloudServer {
  /// Two hospitals may give visits one identifier.
  static func noteKey(_ visit: Digest32, _ hospital: String) -> String {
    "\(noteKey(hospital))\(visit)"
  }
  static func noteKey(_ hospital: String) -> String { "note/\(hospital)/" }

  /// Keeps the note of a visit whose chain this cloud confirms. Returns when it is durable.
  ///
  /// - Throws: ``ConsortiumError`` `stale-note` for one that is older than what is here, or another with
  ///   the same counter; `wrong-state` for one of a visit that was abandoned, which goes with the visit.
  func keep(_ request: KeepNote, by author: Principal?) async throws -> Done {
    let (visit, record, hospital) = try await views.visit(of: author)
    guard record.status != .abandoned else {
      throw ConsortiumError(.wrongState, "the visit was abandoned: there is nothing to note of it")
    }
    guard try await node.members.cloud(ofHospital: hospital) == id else {
      throw ConsortiumError(.notEntitled, "another cloud keeps the notes of that hospital's visits")
    }
    let key = Self.noteKey(visit, hospital)
    if let known: KeptNote = try store.load(key) {
      if known == request.note { return Done() }
      guard known.counter < request.note.counter else {
        throw ConsortiumError(.staleNote, "there is a newer note of this visit")
      }
    }
    try store.save(request.note, key)
    // Where it came to its end meanwhile, its note may have been dropped before this one came.
    if try await views.visit(of: author).record.status == .abandoned {
      try EndedVisits(store: store).add([visit], of: hospital)
    }
    return Done()
  }

  /// How a visit stands, and its note: for its patient, also where another cloud has the chain by now.
  func note(for author: Principal?) async throws -> FetchedNote {
    let (visit, record, hospital) = try await views.visit(of: author)
    return FetchedNote(status: record.status, note: try store.load(Self.noteKey(visit, hospital)))
  }
}
