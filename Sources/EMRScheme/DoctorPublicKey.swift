public import Pairings

/// A doctor's verification key (4.2): A = d1·g2, and B = d2·g, C = d3·g in both source groups.
public struct DoctorPublicKey<Suite: PairingSuite>: Sendable, Equatable {
  /// d1·g2.
  public let a: Suite.G2
  /// d2·g1.
  public let b1: Suite.G1
  /// d2·g2.
  public let b2: Suite.G2
  /// d3·g1.
  public let c1: Suite.G1
  /// d3·g2.
  public let c2: Suite.G2

  init(a: Suite.G2, b1: Suite.G1, b2: Suite.G2, c1: Suite.G1, c2: Suite.G2) {
    (self.a, self.b1, self.b2, self.c1, self.c2) = (a, b1, b2, c1, c2)
  }

  /// Decodes the five points of a statement; none is the identity.
  init(_ statement: RegistrationStatement) throws(SchemeError) {
    guard statement.suite == Suite.name else {
      throw SchemeError(.foreignContext, "a key for \(statement.suite), not \(Suite.name)")
    }
    self.init(
      a: try Suite.G2("A", statement.a),
      b1: try Suite.G1("B in G1", statement.b1), b2: try Suite.G2("B in G2", statement.b2),
      c1: try Suite.G1("C in G1", statement.c1), c2: try Suite.G2("C in G2", statement.c2))
  }
}
