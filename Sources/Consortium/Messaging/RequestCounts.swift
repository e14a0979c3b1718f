import Synchronization

/// How often a role was asked what, and how that ended, for who runs it.
package final class RequestCounts: Sendable {
  /// What requests have in common that are counted together.
  package struct Kind: Hashable, Sendable {
    /// By ``RequestTable``; `sealed` or `bare` of what was refused before that was known.
    package let name: String
    /// `ok`, or the code of the error.
    package let outcome: String
  }

  /// Codes come from answers of others too, and may be anything.
  private static let limit = 1024

  private let counts = Mutex<[Kind: UInt64]>([:])

  package var all: [Kind: UInt64] { counts.withLock { $0 } }

  func note(_ name: String, _ outcome: String) {
    counts.withLock { counts in
      var kind = Kind(name: name, outcome: outcome)
      if counts[kind] == nil, counts.count >= Self.limit {
        kind = Kind(name: "other", outcome: "other")
      }
      counts[kind, default: 0] += 1
    }
  }
}
