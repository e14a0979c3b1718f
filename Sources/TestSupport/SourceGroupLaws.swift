package import Pairings

/// The laws of a source group with its scalars and its encoding.
package enum SourceGroupLaws<G: PairingSourceGroup> {
  package typealias S = G.Scalar

  package static var all: [Law] { addition + multiplication + codec }

  private static var addition: [Law] {
    let law = { (equation: String, holds: @escaping @Sendable (G, G, G) -> Bool) in
      Law(equation) { holds(.sample(using: &$0), .sample(using: &$0), .sample(using: &$0)) }
    }
    return [
      law("P + Q == Q + P") { p, q, _ in p + q == q + p },
      law("(P + Q) + R == P + (Q + R)") { p, q, r in (p + q) + r == p + (q + r) },
      law("P + 0 == P == 0 + P") { p, _, _ in p + .identity == p && .identity + p == p },
      law("P + (−P) == 0") { p, _, _ in (p + -p).isIdentity },
      law("P − Q == P + (−Q)") { p, q, _ in p - q == p + -q },
      law("(P + Q) − Q == P") { p, q, _ in (p + q) - q == p },
      law("P == Q iff P − Q == 0") { p, q, _ in (p == q) == (p - q).isIdentity && p == p },
      law("sum([P, Q, R]) == P + Q + R") { p, q, r in G.sum([p, q, r]) == p + q + r },
      Law("wipe() leaves no trace of P") { generator in
        let p = G.generatorMultiplied(by: .random(using: &generator))
        var copy = p
        copy.wipe()
        return copy != p
      },
    ]
  }

  private static var multiplication: [Law] {
    let law = { (equation: String, holds: @escaping @Sendable (S, S, G, G) -> Bool) in
      Law(equation) {
        holds(.sample(using: &$0), .sample(using: &$0), .sample(using: &$0), .sample(using: &$0))
      }
    }
    return [
      law("aP + bP == (a + b)P") { a, b, p, _ in a * p + b * p == (a + b) * p },
      law("a(bP) == (ab)P") { a, b, p, _ in a * (b * p) == (a * b) * p },
      law("a(P + Q) == aP + aQ") { a, _, p, q in a * (p + q) == a * p + a * q },
      law("0P == 0") { _, _, p, _ in (S.zero * p).isIdentity },
      law("1P == P") { _, _, p, _ in S.one * p == p },
      law("2P == P + P") { _, _, p, _ in S(2) * p == p + p },
      law("(−1)P == −P") { _, _, p, _ in -S.one * p == -p },
      law("a0 == 0") { a, _, _, _ in (a * G.identity).isIdentity },
      law("a⁻¹(aP) == P for a ≠ 0") { a, _, p, _ in a.isZero || a.inverted() * (a * p) == p },
      law("generatorMultiplied(by: a) == aG") { a, _, _, _ in
        G.generatorMultiplied(by: a) == a * G.generator
      },
      law("multipliedVariableTime(a, P) == aP") { a, _, p, _ in
        G.multipliedVariableTime(a, p) == a * p
      },
      Law("multipliedVariableTime(k, P) == kP") { generator in
        let p = G.sample(using: &generator)
        let factors = [0, 1, 2, .random(in: .min ... .max, using: &generator), UInt64.max]
        return factors.allSatisfy { G.multipliedVariableTime($0, p) == S($0) * p }
      },
      Law("multiScalar(s, P) == Σ sᵢPᵢ") { generator in
        let count = Int.random(in: 0..<5, using: &generator)
        let scalars = (0..<count).map { _ in S.sample(using: &generator) }
        let points = (0..<count).map { _ in G.sample(using: &generator) }
        return G.multiScalar(scalars, points) == .sum(zip(scalars, points).map { $0 * $1 })
      },
      Law("multiScalarVariableTime(s, P) == Σ sᵢPᵢ") { generator in
        let count = Int.random(in: 0..<40, using: &generator)
        let scalars = (0..<count).map { _ in S.sample(using: &generator) }
        let points = (0..<count).map { _ in G.sample(using: &generator) }
        return G.multiScalarVariableTime(scalars, points)
          == .sum(zip(scalars, points).map { $0 * $1 })
      },
    ]
  }

  private static var codec: [Law] {
    [
      Law("decode(encode(P)) == P") { generator in
        let p = G.sample(using: &generator)
        return try G(encoded: p.encoded()) == p && p.encoded().count == G.encodedByteCount
      },
      Law("encode(P) == encode(Q) iff P == Q") { generator in
        let (p, q) = (G.sample(using: &generator), G.sample(using: &generator))
        return (p.encoded() == q.encoded()) == (p == q) && ((p + q) - q).encoded() == p.encoded()
      },
      Law("encoded([P, Q, …]) == [encode(P), encode(Q), …]") { generator in
        let count = Int.random(in: 0..<9, using: &generator)
        let points = (0..<count).map { _ in G.sample(using: &generator) }
        return G.encoded(points) == points.map { $0.encoded() }
      },
      Law("decode refuses a missing or an extra byte") { generator in
        let bytes = G.sample(using: &generator).encoded()
        return [[], Array(bytes.dropLast()), bytes + [0]].allSatisfy { bytes in
          refusal(of: bytes, by: G.init(encoded:)) == .length
        }
      },
      Law("a changed bit gives another point or none") { generator in
        let p = G.sample(using: &generator)
        var bytes = p.encoded()
        let bit = Int.random(in: 0..<(8 * bytes.count), using: &generator)
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        guard let q = try? G(encoded: bytes) else { return true }
        return q != p && q.encoded() == bytes
      },
      Law("decode(encodedNonIdentity: encode(P)) throws iff P == 0") { generator in
        let identity = G.identity.encoded()
        let p = G.generatorMultiplied(by: .random(using: &generator))
        return try refusal(of: identity, by: G.init(encodedNonIdentity:)) == .identity
          && G(encodedNonIdentity: p.encoded()) == p
      },
    ]
  }
}

extension PairingSourceGroup {
  /// A random point, now and then a small multiple of the generator or the identity.
  package static func sample(using generator: inout SeededGenerator) -> Self {
    generatorMultiplied(by: .sample(using: &generator))
  }
}
