#if Network
  import Consortium
  import Ledger
  import Synchronization

  /// Where others are, by what a role knows of the ledger; the role needs a courier before there is the role.
  final class Whereabouts: Sendable {
    private let locate = Mutex<(@Sendable (String) async -> Members.Location?)?>(nil)

    func location(of id: String) async -> Members.Location? {
      await locate.withLock { $0 }?(id)
    }

    func ask(_ locate: (@Sendable (String) async -> Members.Location?)?) {
      self.locate.withLock { $0 = locate }
    }
  }
#endif
