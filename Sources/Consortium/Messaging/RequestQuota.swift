import Synchronization

/// How much anybody may ask for: each who asks has so many requests in hand, which come back within a
/// minute.
final class RequestQuota: Sendable {
  private struct Bucket {
    var left: Double
    var time: UInt64
  }

  private static let period: UInt64 = 60
  /// How many are remembered: who would need more of them is refused.
  private static let bucketLimit = 1 << 14

  private let clock: @Sendable () -> UInt64
  private let buckets = Mutex<[String: Bucket]>([:])
  /// Signatures of requests, and when they came.
  private let signatures = Mutex<[[UInt8]: UInt64]>([:])

  /// - Parameter clock: seconds since 1970.
  init(clock: @escaping @Sendable () -> UInt64) { self.clock = clock }

  /// Takes note of a request by its signature; no two requests have the same.
  ///
  /// - Returns: whether it came before, as far as is remembered: then somebody repeats it, and it counts for
  ///   none of its author's.
  func isRepeated(_ signature: [UInt8]) -> Bool {
    let now = clock()
    return signatures.withLock { signatures in
      if let time = signatures[signature], now < time &+ Self.period { return true }
      if signatures.count >= Self.bucketLimit {
        signatures = signatures.filter { now < $0.value &+ Self.period }
        if signatures.count >= Self.bucketLimit { return false }
      }
      signatures[signature] = now
      return false
    }
  }

  /// Takes one of `limit`.
  ///
  /// - Returns: whether there was one left.
  func take(_ name: String, limit: Int) -> Bool {
    let now = clock()
    return buckets.withLock { buckets in
      if buckets[name] == nil, buckets.count >= Self.bucketLimit {
        buckets = buckets.filter { now < $0.value.time &+ Self.period }
        if buckets.count >= Self.bucketLimit { return false }
      }
      var bucket = buckets[name] ?? Bucket(left: Double(limit), time: now)
      let passed = now > bucket.time ? now - bucket.time : 0
      bucket.left = min(
        Double(limit), bucket.left + Double(passed) * Double(limit) / Double(Self.period))
      bucket.time = max(now, bucket.time)
      guard bucket.left >= 1 else {
        buckets[name] = bucket
        return false
      }
      bucket.left -= 1
      buckets[name] = bucket
      return true
    }
  }
}
