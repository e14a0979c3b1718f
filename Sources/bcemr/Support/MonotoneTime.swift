/// Nanoseconds of a clock that never goes back, for measurements.
enum MonotoneTime {
  private static let origin = ContinuousClock.now

  @Sendable static func nanoseconds() -> UInt64 {
    let (seconds, attoseconds) = origin.duration(to: .now).components
    return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
  }
}
