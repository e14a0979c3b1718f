internal import Pairings
internal import Synchronization

/// What every check needs and no input changes: ḡ, and the lines of g2.
struct SuiteConstants<Suite: PairingSuite>: Sendable {
  /// ḡ, hashed from its tag so that nobody knows its discrete logarithm.
  let base: Suite.G1
  let preparedGenerator: Suite.PreparedG2

  /// Computed at the first use.
  static var shared: Self {
    let suite = ObjectIdentifier(Suite.self)
    return constantsOfSuites.withLock { known in
      if let constants = known[suite] as? Self { return constants }
      let constants = Self(
        // Times 1, so that a suite which clears cofactors late does it here, and once.
        base: .one * Suite.hash([], .base), preparedGenerator: Suite.prepare(.generator))
      known[suite] = constants
      return constants
    }
  }
}

private let constantsOfSuites = Mutex<[ObjectIdentifier: any Sendable]>([:])
