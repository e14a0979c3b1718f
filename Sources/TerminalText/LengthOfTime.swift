/// A length of time that somebody has typed, or that stands in a configuration: seconds, at most a week. A text may
/// say any number, as 1e300 or nan, of which no `Duration` can be made.
package struct LengthOfTime: Sendable, Equatable {
  package static let longest = 604_800.0

  package let seconds: Double

  /// - Returns: nil unless this is 0 to ``longest``.
  package init?(seconds: Double) {
    // What is no number is in no range.
    guard (0...Self.longest).contains(seconds) else { return nil }
    self.seconds = seconds
  }

  /// - Parameter text: as `60` or `0.5`.
  package init?(_ text: String) {
    guard let seconds = Double(text) else { return nil }
    self.init(seconds: seconds)
  }

  package static let zero = Self(checked: 0)
  package static let minute = Self(checked: 60)

  private init(checked seconds: Double) { self.seconds = seconds }

  package var duration: Duration { .seconds(seconds) }
}

extension LengthOfTime: CustomStringConvertible {
  package var description: String {
    let whole = Int(seconds)
    return Double(whole) == seconds ? "\(whole)" : "\(seconds)"
  }
}
