import CanonicalEncoding
import Synchronization

/// The envelopes that were taken lately: whoever delivers one again, as a courier may that has read nothing,
/// costs its author nothing and has nothing done twice.
///
/// Some thousands are remembered, and none across a restart: what was done once is not done twice anyway,
/// by what it is about.
final class RecentEnvelopes: Sendable {
  private struct Generations {
    var present: Set<Digest32> = []
    var former: Set<Digest32> = []
  }

  private static let limit = 1 << 13

  private let generations = Mutex(Generations())

  func contains(_ envelope: Digest32) -> Bool {
    generations.withLock { $0.present.contains(envelope) || $0.former.contains(envelope) }
  }

  /// Takes it again, should it come.
  func forget(_ envelope: Digest32) {
    generations.withLock {
      $0.present.remove(envelope)
      $0.former.remove(envelope)
    }
  }

  /// - Returns: whether it is new.
  func insert(_ envelope: Digest32) -> Bool {
    generations.withLock { generations in
      if generations.former.contains(envelope) { return false }
      guard generations.present.insert(envelope).inserted else { return false }
      if generations.present.count >= Self.limit {
        (generations.former, generations.present) = (generations.present, [])
      }
      return true
    }
  }
}
