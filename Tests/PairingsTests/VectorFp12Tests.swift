import Pairings
import TestSupport
import Testing

@Suite(
  "F_p¹² in vectors agrees with the tower",
  .vectorKernels)
struct VectorFp12Tests {
  private var generator = SeededGenerator(seed: 17)
  private var residues = ExtremeResidues(seed: 17)

  @Test("in products, squares, conjugates and powers of p")
  mutating func ring() {
    for _ in 0..<1000 {
      let (a, b) = (element(), element())
      let (x, y) = (VectorFp12(a), VectorFp12(b))
      #expect(x.value == a)
      #expect((x * y).value == a * b)
      #expect(x.squared().value == a.squared())
      #expect(x.conjugated().value == a.conjugated())
      #expect(x.frobenius().value == a.frobenius())
      #expect(VectorFp12.select(Mask(bit: 1), x, y).value == a)
      #expect(VectorFp12.select(Mask(bit: 0), x, y).value == b)
    }
  }

  @Test("in Granger and Scott's squares, of any element")
  mutating func cyclotomicSquares() {
    for _ in 0..<1000 {
      let a = element()
      #expect(VectorFp12(a).cyclotomicSquared().value == a.cyclotomicSquared())
    }
  }

  @Test("in products with lines, at the identity as well")
  mutating func lines() {
    for round in 0..<1000 {
      let (f, line) = (element(), line())
      let point =
        round % 10 == 0 ? .identity : AffinePoint<G1Curve>(x: residues.next(), y: residues.next())
      #expect(
        VectorFp12(f).multiplied(by: line, at: point).value == f.multiplied(by: line, at: point))
    }
  }

  /// What an operation leaves is reduced but weakly, and goes into the next as it is.
  @Test("in long chains of all operations")
  mutating func chains() {
    for _ in 0..<20 {
      var (a, b) = (element(), element())
      var (x, y) = (VectorFp12(a), VectorFp12(b))
      for _ in 0..<200 {
        let operation = Operation.allCases.randomElement(using: &generator) ?? .product
        let line = line()
        (a, b) = (b, result(of: operation, a, b, line))
        (x, y) = (y, result(of: operation, x, y, line))
      }
      #expect(x.value == a && y.value == b)
    }
  }

  private enum Operation: CaseIterable {
    case square, cyclotomicSquare, conjugate, frobenius, multiplyLine, product
  }

  private func result<F: Fp12Arithmetic>(
    of operation: Operation, _ a: F, _ b: F, _ line: BLS12381.Line
  ) -> F {
    switch operation {
    case .square: a.squared()
    case .cyclotomicSquare: a.cyclotomicSquared()
    case .conjugate: a.conjugated()
    case .frobenius: a.frobenius()
    case .multiplyLine: a.multiplied(by: line, at: G1Curve.generator)
    case .product: a * b
    }
  }

  // MARK: Operands

  private mutating func line() -> BLS12381.Line {
    let coefficients = residues.nextPairs(3)
    return BLS12381.Line(l0: coefficients[0], l1: coefficients[1], l4: coefficients[2])
  }

  private mutating func element() -> Fp12 {
    let coefficients = residues.nextPairs(6)
    return Fp12(
      Fp6(coefficients[0], coefficients[1], coefficients[2]),
      Fp6(coefficients[3], coefficients[4], coefficients[5]))
  }
}
