import CanonicalEncoding
import EMRScheme
import Ledger

/// Notes that patients keep at the cloud of their visit: sealed, one a visit.
extension CloudServer {
  /// Two hospitals may give visits one identifier.
  static func noteKey(_ visit: Digest32, _ hospital: String) -> String {
    "note/\(hospital)/\(visit)"
  }

  /// Keeps the note of a visit whose chain this cloud confirms. Returns when it is durable.
  ///
  /// - Throws: ``ConsortiumError`` `stale-note` for one that is older than what is here, or another with
  ///   the same counter.
  func keep(_ request: KeepNote, by author: Principal?) async throws -> Done {
    let (visit, _, hospital) = try await views.visit(of: author)
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
    return Done()
  }

  /// How a visit stands, and its note: for its patient, also where another cloud has the chain by now.
  func note(for author: Principal?) async throws -> FetchedNote {
    let (visit, record, hospital) = try await views.visit(of: author)
    return FetchedNote(status: record.status, note: try store.load(Self.noteKey(visit, hospital)))
  }
}
