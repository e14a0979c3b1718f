internal import HashToCurve
package import Pairings

/// BC-EMR as the paper prints it (4.2), with its holes: **insecure on purpose**.
///
/// It exists to be attacked by the evaluation, which shows that the attacks work against something
/// that functions. Nothing else may import this module, and `scripts/check-docs` sees to it. The names
/// are the paper's; its groups are written additively here, so its g^d is d·g. Nothing is encoded,
/// checked beyond what the paper checks, or kept in constant time.
///
/// The paper's pairing is symmetric; so is the suite: `Suite.G1 == Suite.G2`.
package struct PrintedSystem<Suite: PairingSuite>: Sendable where Suite.G1 == Suite.G2 {
  /// ḡ, "a random number ḡ ∈ G1" that SM selects.
  package let base: Suite.G1
  /// Y = x·g. The paper never uses it again.
  package let managerKey: Suite.G1

  /// 4.2 (1). Nothing in the paper keeps SM from selecting ḡ by its logarithm.
  ///
  /// - Parameters:
  ///   - baseLogarithm: log ḡ.
  ///   - x: SM's master key.
  package init(baseLogarithm: Suite.Scalar, masterKey x: Suite.Scalar) {
    base = .generatorMultiplied(by: baseLogarithm)
    managerKey = .generatorMultiplied(by: x)
  }

  /// An honest SM, who forgets log ḡ.
  package init(using random: inout some RandomNumberGenerator) {
    self.init(baseLogarithm: .random(using: &random), masterKey: .random(using: &random))
  }
}

/// The paper's hash functions to G1.
package enum PrintedHash {
  package static func h0<Suite: PairingSuite>(_ m: [UInt8], _ suite: Suite.Type) -> Suite.G1 {
    Suite.hashToG1(m, domain: "PRINTED-H0")
  }

  package static func h1<Suite: PairingSuite>(_ a: [UInt8], _ suite: Suite.Type) -> Suite.G1 {
    Suite.hashToG1(a, domain: "PRINTED-H1")
  }

  package static func h2<Suite: PairingSuite>(_ a: [UInt8], _ suite: Suite.Type) -> Suite.G1 {
    Suite.hashToG1(a, domain: "PRINTED-H2")
  }
}

/// A doctor's private key (d1, d2, d3) (4.2 (4)).
package struct PrintedDoctor<Suite: PairingSuite>: Sendable where Suite.G1 == Suite.G2 {
  package let d1, d2, d3: Suite.Scalar
  package let publicKey: PrintedDoctorKey<Suite>

  package init(using random: inout some RandomNumberGenerator) {
    (d1, d2, d3) = (
      .random(using: &random), .random(using: &random), .random(using: &random)
    )
    publicKey = PrintedDoctorKey(
      a: .generatorMultiplied(by: d1), b: .generatorMultiplied(by: d2),
      c: .generatorMultiplied(by: d3))
  }
}

/// PK_k = (A_k, B_k, C_k). Whoever publishes one proves nothing about it.
package struct PrintedDoctorKey<Suite: PairingSuite>: Sendable where Suite.G1 == Suite.G2 {
  package let a, b, c: Suite.G1

  package init(a: Suite.G1, b: Suite.G1, c: Suite.G1) { (self.a, self.b, self.c) = (a, b, c) }
}

/// A patient's one and lasting key pair (4.2 (3)).
package struct PrintedPatient<Suite: PairingSuite>: Sendable where Suite.G1 == Suite.G2 {
  /// p_j.
  package let p: Suite.Scalar
  /// PK_j = p_j·g.
  package let publicKey: Suite.G1

  package init(using random: inout some RandomNumberGenerator) {
    p = .random(using: &random)
    publicKey = .generatorMultiplied(by: p)
  }

  /// T_α = p_j·H0(α) (4.6 (1)).
  package func trapdoor(evidence alpha: [UInt8]) -> Suite.G1 {
    p * PrintedHash.h0(alpha, Suite.self)
  }
}

/// ⊥: a check of the paper fails.
package struct PrintedRefusal: Error, Equatable, Sendable {
  /// Which one, as `equation-2`.
  package let check: String

  package init(_ check: String) { self.check = check }
}
