import HashToCurve
package import Pairings

/// The laws of the target group, of the pairing, and of hashing to G1.
package enum PairingLaws<P: PairingSuite> {
  package static var all: [Law] { targetGroup + bilinearity + products + hashing }

  private static var targetGroup: [Law] {
    let law = {
      (equation: String, holds: @escaping @Sendable (P.GT, P.GT, P.Scalar, P.Scalar) -> Bool) in
      Law(equation) {
        holds(element(&$0), element(&$0), .sample(using: &$0), .sample(using: &$0))
      }
    }
    return [
      law("f·g == g·f") { f, g, _, _ in f * g == g * f },
      law("f·1 == f") { f, _, _, _ in f * .one == f && P.GT.one.isIdentity },
      law("f·f⁻¹ == 1") { f, _, _, _ in (f * f.inverted()).isIdentity },
      law("f^a·f^b == f^(a + b)") { f, _, a, b in
        f.raised(to: a) * f.raised(to: b) == f.raised(to: a + b)
      },
      law("(f^a)^b == f^(a·b)") { f, _, a, b in
        f.raised(to: a).raised(to: b) == f.raised(to: a * b)
      },
      law("(f·g)^a == f^a·g^a") { f, g, a, _ in
        (f * g).raised(to: a) == f.raised(to: a) * g.raised(to: a)
      },
      law("f^0 == 1, f^1 == f, f^(−1) == f⁻¹") { f, _, _, _ in
        f.raised(to: .zero).isIdentity && f.raised(to: .one) == f
          && f.raised(to: -.one) == f.inverted()
      },
      law("encode(f) == encode(g) iff f == g") { f, g, _, _ in
        (f.encoded() == g.encoded()) == (f == g)
          && (f * g * g.inverted()).encoded() == f.encoded()
      },
    ]
  }

  private static var bilinearity: [Law] {
    [
      Law("e(aP, bQ) == e(P, Q)^ab") { generator in
        let (p, q) = pair(&generator)
        let (a, b) = (P.Scalar.sample(using: &generator), P.Scalar.sample(using: &generator))
        return P.pairing(a * p, b * q) == P.pairing(p, q).raised(to: a * b)
      },
      Law("e(P + R, Q) == e(P, Q)·e(R, Q)") { generator in
        let ((p, q), r) = (pair(&generator), P.G1.sample(using: &generator))
        return P.pairing(p + r, q) == P.pairing(p, q) * P.pairing(r, q)
      },
      Law("e(P, Q + R) == e(P, Q)·e(P, R)") { generator in
        let ((p, q), r) = (pair(&generator), P.G2.sample(using: &generator))
        return P.pairing(p, q + r) == P.pairing(p, q) * P.pairing(p, r)
      },
      Law("e(P, Q) == 1 iff P == 0 or Q == 0") { generator in
        let (p, q) = pair(&generator)
        return P.pairing(p, q).isIdentity == (p.isIdentity || q.isIdentity)
      },
    ]
  }

  private static var products: [Law] {
    [
      Law("pairingProduct(P, Q) == Π e(Pᵢ, Qᵢ)") { generator in
        let count = Int.random(in: 0..<8, using: &generator)
        let pairs = (0..<count).map { _ in pair(&generator) }
        return P.pairingProduct(pairs)
          == pairs.reduce(.one) { $0 * P.pairing($1.0, $1.1) }
      },
      Law("pairingProduct([(P, prepare(Q))]) == e(P, Q)") { generator in
        let (p, q) = pair(&generator)
        return P.pairingProduct([(p, P.prepare(q))]) == P.pairing(p, q)
      },
      Law("e(aP, Q)·e(−P, aQ) == 1, and with a + 1 it is not") { generator in
        let a = P.Scalar.random(using: &generator)
        let p = P.G1.generatorMultiplied(by: .random(using: &generator))
        let q = P.G2.generatorMultiplied(by: .random(using: &generator))
        return P.pairingProductIsIdentity([(a * p, q), (-p, a * q)])
          && !P.pairingProductIsIdentity([((a + .one) * p, q), (-p, a * q)])
          && P.pairingProductIsIdentity([(a * p, P.prepare(q)), (-p, P.prepare(a * q))])
      },
    ]
  }

  private static var hashing: [Law] {
    [
      Law("H(m, d) is in the subgroup and not the identity") { generator in
        let point = P.hashToG1(message(&generator), domain: "LAW")
        return try P.G1(encodedNonIdentity: point.encoded()) == point
      },
      Law("H(m, d) == H(m, d), and differs for another m or d") { generator in
        let m = message(&generator)
        let point = P.hashToG1(m, domain: "LAW")
        return point == P.hashToG1(m, domain: "LAW") && point != P.hashToG1(m + [0], domain: "LAW")
          && point != P.hashToG1(m, domain: "LAX")
      },
    ]
  }

  private static func pair(_ generator: inout SeededGenerator) -> (P.G1, P.G2) {
    (.sample(using: &generator), .sample(using: &generator))
  }

  private static func element(_ generator: inout SeededGenerator) -> P.GT {
    let (p, q) = pair(&generator)
    return P.pairing(p, q)
  }

  private static func message(_ generator: inout SeededGenerator) -> [UInt8] {
    generator.bytes(Int.random(in: 0..<300, using: &generator))
  }
}
