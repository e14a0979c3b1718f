import Synchronization

/// Buckets of requests, or of connections: each has so many in hand, which come back within a minute.
///
/// Memory is bounded. Where there is no room, the buckets that were used least lately are forgotten, so they
/// are full again: nobody is refused for what others have asked under other names.
package final class RequestQuota: Sendable {
  private struct Bucket {
    var left: Double
    var time: UInt64
  }

  private struct Generations {
    var present: [String: Bucket] = [:]
    var former: [String: Bucket] = [:]
  }

  private static let period: UInt64 = 60
  /// Of one generation; there are two.
  private static let bucketLimit = 1 << 13

  private let clock: @Sendable () -> UInt64
  private let buckets = Mutex(Generations())

  /// - Parameter clock: in seconds. One that goes back gives nothing back, and from there on it does again.
  package init(clock: @escaping @Sendable () -> UInt64) { self.clock = clock }

  /// Gives one back that was taken.
  func giveBack(_ name: String, limit: Int) {
    buckets.withLock { buckets in
      // One that was forgotten is full.
      guard var bucket = buckets.present[name] ?? buckets.former[name] else { return }
      bucket.left = min(Double(limit), bucket.left + 1)
      buckets.present[name] = bucket
    }
  }

  /// Takes one of `limit`.
  ///
  /// - Returns: whether there was one left.
  package func take(_ name: String, limit: Int) -> Bool {
    buckets.withLock { buckets in
      // In here, so that nobody goes on from an earlier reading.
      let now = clock()
      var bucket =
        buckets.present[name] ?? buckets.former[name] ?? Bucket(left: Double(limit), time: now)
      let passed = now > bucket.time ? now - bucket.time : 0
      bucket.left = min(
        Double(limit), bucket.left + Double(passed) * Double(limit) / Double(Self.period))
      bucket.time = now
      let isTaken = bucket.left >= 1
      if isTaken { bucket.left -= 1 }
      if buckets.present[name] == nil, buckets.present.count >= Self.bucketLimit {
        (buckets.former, buckets.present) = (buckets.present, [:])
      }
      buckets.present[name] = bucket
      return isTaken
    }
  }
}
