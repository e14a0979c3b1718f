/// Seconds of the own clock that go by before something is done again.
///
/// A clock may be ahead for a while, and be right again. So when a pause began is kept, and not when it ends: one that
/// began in what is the future now is over too, unless the clock has gone back by no more than its length.
struct Pause: Sendable, Equatable {
  /// In seconds.
  let length: UInt64
  /// Since 1970; nil where nothing was done yet.
  private(set) var begunAt: UInt64?

  init(of seconds: UInt64, since time: UInt64? = nil) { (length, begunAt) = (seconds, time) }

  func isOver(at now: UInt64) -> Bool {
    guard let begunAt else { return true }
    return now < begunAt ? begunAt - now > length : now - begunAt >= length
  }

  mutating func begin(at now: UInt64) { begunAt = now }
}
