/// Between questions that are asked until something has happened: each is twice the one before.
struct Pauses: Sendable {
  private var following: Duration
  private let longest: Duration

  /// For what becomes final: with some traffic that takes seconds.
  static let untilFinal = Pauses(from: .seconds(1), to: .seconds(4))

  init(from first: Duration, to longest: Duration) {
    (following, self.longest) = (first, longest)
  }

  mutating func next() -> Duration {
    defer { following = min(following * 2, longest) }
    return following
  }
}
