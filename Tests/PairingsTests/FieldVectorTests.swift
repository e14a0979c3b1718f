import Pairings
import TestSupport
import Testing

@Suite("Prime fields agree with other libraries")
struct FieldVectorTests {
  @Test("F_p", arguments: try cases("base-field") as [PrimeFieldCase])
  func baseField(_ vector: PrimeFieldCase) throws {
    let (a, b) = try (Fp(encoded: vector.a.bytes), Fp(encoded: vector.b.bytes))
    try check(Fp.self, vector)
    let (root, exists) = a.squareRoot()
    #expect(exists.declassified == vector.isSquare)
    #expect(!exists.declassified || root.squared() == a)
    #expect(a.sign0.bit == UInt64(vector.a.bytes.last ?? 0) & 1)
    let isLarger = (-a).encoded().lexicographicallyPrecedes(a.encoded())
    #expect(a.isLexicographicallyLarger.declassified == isLarger)
    #expect((a == b) == (vector.a == vector.b))
  }

  @Test("F_r as a field", arguments: try cases("scalar") as [PrimeFieldCase])
  func scalarField(_ vector: PrimeFieldCase) throws { try check(Fr.self, vector) }

  private func check<let n: Int, P>(_: PrimeField<n, P>.Type, _ vector: PrimeFieldCase) throws {
    typealias F = PrimeField<n, P>
    let (a, b) = try (F(encoded: vector.a.bytes), F(encoded: vector.b.bytes))
    #expect(a.encoded() == vector.a.bytes)
    #expect((a + b).encoded() == vector.sum.bytes)
    #expect((a - b).encoded() == vector.difference.bytes)
    #expect((a * b).encoded() == vector.product.bytes)
    #expect(a.inverted().encoded() == vector.inverse.bytes)
    #expect(F(integer: a.integer) == a)
  }

  @Test("scalars", arguments: try cases("scalar") as [PrimeFieldCase])
  func scalars(_ vector: PrimeFieldCase) throws {
    typealias S = BLS12381.Scalar
    let (a, b) = try (S(encoded: vector.a.bytes), S(encoded: vector.b.bytes))
    #expect(a.encoded() == vector.a.bytes)
    #expect((a + b).encoded() == vector.sum.bytes)
    #expect((a - b).encoded() == vector.difference.bytes)
    #expect((a * b).encoded() == vector.product.bytes)
    #expect(a.inverted().encoded() == vector.inverse.bytes)
  }

  @Test("integers modulo the group order", arguments: try cases("scalar-reduce") as [ReductionCase])
  func reduction(_ vector: ReductionCase) {
    #expect(BLS12381.Scalar(reducing: vector.bytes.bytes).encoded() == vector.value.bytes)
  }
}
