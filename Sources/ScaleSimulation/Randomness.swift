import Foundation

/// A generator from a seed, SplitMix64, so that a simulation can be repeated.
struct SimulationGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word &>> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word &>> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word &>> 31)
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
  }

  /// How many of many independent, rare things happen of which there are so many on average.
  mutating func count(average: Double) -> Int {
    guard average > 0 else { return 0 }
    // Of parts, so that exp(-average) is not zero.
    if average > 500 { return count(average: average / 2) + count(average: average / 2) }
    let limit = exp(-average)
    var (count, product) = (0, Double.random(in: 0..<1, using: &self))
    while product > limit {
      count += 1
      product *= Double.random(in: 0..<1, using: &self)
    }
    return count
  }
}
