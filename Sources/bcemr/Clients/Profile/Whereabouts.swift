#if Network
  import Consortium
  import Ledger
  import Synchronization

  /// Where others are, by what a role knows of the ledger; the role needs a courier before there is the role.
  final class Whereabouts: Sendable {
    /// A closure that lies in a generic place by itself is wrapped again with each look at it.
    private struct Way { let location: @Sendable (String) async -> Members.Location? }

    private let way = Mutex<Way?>(nil)

    func location(of id: String) async -> Members.Location? {
      await way.withLock { $0 }?.location(id)
    }

    func ask(_ location: (@Sendable (String) async -> Members.Location?)?) {
      way.withLock { $0 = location.map(Way.init) }
    }
  }
#endif
