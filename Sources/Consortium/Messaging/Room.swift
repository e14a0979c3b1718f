import Synchronization

/// Whether a role takes what it would have to store. Who runs it closes the room while its disk is almost full.
package final class Room: Sendable {
  private let closed = Atomic(false)

  package var isOpen: Bool {
    get { !closed.load(ordering: .relaxed) }
    set { closed.store(!newValue, ordering: .relaxed) }
  }

  /// - Throws: ``NoRoom``.
  func require(_ rule: RequestRule) throws {
    if !isOpen, rule.stores { throw NoRoom() }
  }
}

/// There is no room for what was asked; others are told `unavailable`.
struct NoRoom: Error {}

extension RequestRule {
  /// What is only read, or was stored before.
  private static let reading: Set<String> = [
    FetchEnvelopeKey.name, FetchOwnRecord.name, FetchConsentedRecord.name, TakeOverRecord.name,
    FindVisits.name, FetchNote.name, FetchOutbox.name, FetchBlock.name, FetchConsortium.name,
    FetchLeaves.name, FetchEpochEnds.name, FetchMembers.name, Prove.name, ProveVisit.name,
    ProveDoctors.name, ReadVisit.name, ReadConsent.name, ReadAccessLog.name, FetchMail.name,
    AnswerMail.name,
  ]

  /// Whether the recipient has more to keep by it.
  package var stores: Bool { !Self.reading.contains(name) }
}
