import Synchronization

/// When members have last asked a role something that they had signed, for who runs it. All ask the delegates for what
/// is final, so that these see who is away, and nobody is asked for that.
package final class HeardMembers: Sendable {
  private let times = Mutex<[String: UInt64]>([:])

  /// In seconds since 1970 by the role's clock, by identifier.
  package var all: [String: UInt64] { times.withLock { $0 } }

  /// - Parameter author: who has asked, as it is proven.
  func note(_ author: Principal, _ known: KnownAuthor, at time: UInt64) {
    guard case .party(let id) = author, !known.kind.isDisjoint(with: .members) else { return }
    times.withLock { $0[id] = time }
  }
}
