/// A property that every implementation of an interface has, named by its equation.
///
/// Laws are written once, generic over the interface, and run for every suite and backend:
///
///     @Test(arguments: SourceGroupLaws<BLS12381.G1>.all)
///     func law(_ law: Law) throws { #expect(try law.counterexample() == nil) }
package struct Law: Sendable, CustomStringConvertible {
  package let description: String
  private let holds: @Sendable (inout SeededGenerator) throws -> Bool

  package init(
    _ equation: String, holds: @escaping @Sendable (inout SeededGenerator) throws -> Bool
  ) {
    description = equation
    self.holds = holds
  }

  /// The first seed for which the law fails, of 0, 1, 2, ….
  package func counterexample(samples: UInt64 = 16) throws -> UInt64? {
    try (0..<samples).first { seed in
      var generator = SeededGenerator(seed: seed)
      return try !holds(&generator)
    }
  }
}
