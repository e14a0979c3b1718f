import Pairings
import TestSupport
import Testing

@Suite("Multiplication by split scalars equals doubling and adding")
struct GroupsTests {
  /// Scalars at which digits, windows and carries end: 0, ±1, ±2, powers of X and of 2, with
  /// their neighbours.
  private static let edges: [BLS12381.Scalar] = {
    typealias S = BLS12381.Scalar
    let x = S(BLS12381.parameter)
    let powers = [S.zero, x, x * x, x * x * x, S(1 << 63) * S(2), S(1 << 63) * S(1 << 63)]
    let windows = [S(15), S(16), S(17), S(31), S(32), S(33), S(.max)]
    return (powers + windows).flatMap { [$0, $0 + .one, $0 - .one, -$0] }
  }()

  @Test("s == Σ digitᵢ·Xⁱ with digits below X, by which sP is split", arguments: edges)
  func digits(_ s: BLS12381.Scalar) {
    let x = BLS12381.Scalar(BLS12381.parameter)
    let digits = s.value.parameterDigits
    var sum = BLS12381.Scalar.zero
    for index in (0..<4).reversed() {
      #expect(digits[index] < BLS12381.parameter)
      sum = sum * x + BLS12381.Scalar(digits[index])
    }
    #expect(sum == s)
  }

  @Test("sP in G1", arguments: edges)
  func g1(_ s: BLS12381.Scalar) { agree(BLS12381.G1.self, s) }

  @Test("sP in G2", arguments: edges)
  func g2(_ s: BLS12381.Scalar) { agree(BLS12381.G2.self, s) }

  @Test("f^s in GT", arguments: edges)
  func gt(_ s: BLS12381.Scalar) {
    let f = BLS12381.pairing(.generator, .generator)
    var power = BLS12381.GT.one
    for byte in s.encoded() {
      for bit in (0..<8).reversed() {
        power = power * power
        if byte >> bit & 1 == 1 { power = power * f }
      }
    }
    #expect(f.raised(to: s) == power)
  }

  @Test("Σ sᵢPᵢ by buckets, with equal, opposite and zero terms")
  func buckets() {
    sum(BLS12381.G1.self)
    sum(BLS12381.G2.self)
  }

  @Test("2^k·P by way of Jacobian coordinates equals k doublings, inside the subgroup and outside")
  func manyDoublings() {
    // (0, 2) has order 3.
    let torsion = ProjectivePoint<G1Curve>(x: .zero, y: Fp(2), z: .one)
    let p = ProjectivePoint(G1Curve.generator)
    for point in [p, p.doubled() + p, torsion, p + torsion, .identity] { doublings(point) }
    let q = ProjectivePoint(G2Curve.generator)
    for point in [q, q.doubled() + q, .identity] { doublings(point) }
  }

  private func doublings<Curve: ShortWeierstrassCurve>(_ point: ProjectivePoint<Curve>) {
    var expected = point
    for count in 0..<70 {
      #expect(point.portableDoubled(times: count) == expected)
      expected = expected.portableDoubled()
    }
  }

  @Test("φ and ψ tell a point of order 3 or cofactor from the subgroup")
  func subgroup() throws {
    // (0, 2) has order 3 on y² = x³ + 4.
    let torsion = ProjectivePoint<G1Curve>(x: .zero, y: Fp(2), z: .one)
    #expect(torsion.isOnCurve.declassified)
    #expect((torsion.doubled() + torsion).isIdentityMask.declassified)
    let point = ProjectivePoint(G1Curve.generator)
    #expect(G1Curve.isInSubgroup(point).declassified)
    #expect(!G1Curve.isInSubgroup(torsion).declassified)
    #expect(!G1Curve.isInSubgroup(point + torsion).declassified)
    #expect(G2Curve.isInSubgroup(ProjectivePoint(G2Curve.generator)).declassified)
    // A pairing cannot see the torsion, so only the check of each point can.
    let shifted = BLS12381.G1(point + torsion)
    #expect(
      BLS12381.pairing(shifted, .generator) == BLS12381.pairing(.generator, .generator))
    #expect(throws: PairingError.self) { try BLS12381.G1(encoded: shifted.encoded()) }
  }

  private func agree<G: PairingSourceGroup>(_: G.Type, _ s: G.Scalar) {
    let p = G.generator + G.generator + G.generator
    var product = G.identity
    for byte in s.encoded() {
      for bit in (0..<8).reversed() {
        product = product + product
        if byte >> bit & 1 == 1 { product = product + p }
      }
    }
    #expect(s * p == product)
    #expect(G.multipliedVariableTime(s, p) == product)
    #expect(G.generatorMultiplied(by: s * G.Scalar(3)) == product)
  }

  private func sum<G: PairingSourceGroup>(_: G.Type) {
    var generator = SeededGenerator(seed: 7)
    var logarithms = [G.Scalar](repeating: .one, count: 4) + [-.one, -.one, .zero]
    while logarithms.count < 300 { logarithms.append(.random(using: &generator)) }
    var scalars = [G.Scalar](repeating: G.Scalar(5), count: 6) + [G.Scalar(7)]
    while scalars.count < 298 { scalars.append(.random(using: &generator)) }
    scalars += [.zero, -.one]
    let points = logarithms.map { G.generatorMultiplied(by: $0) }
    let total = zip(scalars, logarithms).reduce(G.Scalar.zero) { $0 + $1.0 * $1.1 }
    #expect(G.multiScalarVariableTime(scalars, points) == G.generatorMultiplied(by: total))
    #expect(G.multiScalarVariableTime([], []).isIdentity)
  }
}
