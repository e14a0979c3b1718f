import Pairings
import TestSupport
import Testing

@Suite("Pairing values of BLS12-381 agree with other libraries, byte for byte")
struct PairingVectorTests {
  typealias Suite = BLS12381

  @Test("e(P, Q)", arguments: try cases("pairing") as [PairingCase])
  func pairing(_ vector: PairingCase) throws {
    let (p, q) = try points(vector.p, vector.q)
    #expect(Suite.pairing(p, q).encoded() == vector.value.bytes)
    #expect(Suite.pairingProduct([(p, Suite.prepare(q))]).encoded() == vector.value.bytes)
  }

  @Test(
    "e(P, Q)^s on any processor", arguments: try cases("target-group-power") as [PowerCase])
  func portable(_ vector: PowerCase) throws {
    let (p, q) = try points(vector.p, vector.q)
    let scalar = try Suite.Scalar(encoded: vector.scalar.bytes)
    let value = Suite.pairingProduct([(p, .init(q, inVectors: false))], in: Fp12.self)
    #expect(value.raised(to: scalar, in: Fp12.self).encoded() == vector.value.bytes)
  }

  @Test("Π e(Pᵢ, Qᵢ)", arguments: try cases("pairing-product") as [PairingProductCase])
  func product(_ vector: PairingProductCase) throws {
    let pairs = try zip(vector.ps, vector.qs).map { try points($0, $1) }
    let product = Suite.pairingProduct(pairs)
    let prepared = pairs.map { ($0, Suite.PreparedG2($1, inVectors: false)) }
    #expect(product == Suite.pairingProduct(prepared, in: Fp12.self))
    #expect(product.encoded() == vector.value.bytes)
    #expect(product.isIdentity == (vector.value.bytes == Suite.GT.one.encoded()))
    #expect(Suite.pairingProductIsIdentity(pairs) == product.isIdentity)
  }

  @Test("e(P, Q)^s", arguments: try cases("target-group-power") as [PowerCase])
  func power(_ vector: PowerCase) throws {
    let (p, q) = try points(vector.p, vector.q)
    let scalar = try Suite.Scalar(encoded: vector.scalar.bytes)
    #expect(Suite.pairing(p, q).raised(to: scalar).encoded() == vector.value.bytes)
  }

  @Test("the pairing cannot see a point of order 3: e(P + T, Q) == e(P, Q)")
  func torsion() {
    let t = Suite.G1(ProjectivePoint(x: .zero, y: Fp(2), z: .one))
    #expect(t.point.isOnCurve.declassified && !t.isIdentity && t + t == -t)
    let (p, q) = (Suite.G1.generator, Suite.G2.generator)
    #expect(p + t != p && Suite.pairing(p + t, q) == Suite.pairing(p, q))
    #expect(throws: PairingError.self) { try Suite.G1(encoded: (p + t).encoded()) }
  }

  private func points(_ p: Hex, _ q: Hex) throws -> (Suite.G1, Suite.G2) {
    try (Suite.G1(encoded: p.bytes), Suite.G2(encoded: q.bytes))
  }
}
