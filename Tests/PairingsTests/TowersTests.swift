import Pairings
import TestSupport
import Testing

@Suite("Shortcuts in the towers equal the general operations")
struct TowersTests {
  @Test("u² == −1, v³ == ξ, w² == v")
  func definingEquations() {
    let u = Fp2(.zero, .one)
    let v = Fp6(.zero, .one, .zero)
    let w = Fp12(.zero, .one)
    #expect(u * u == -.one)
    #expect(v * v * v == Fp6(.one + u, .zero, .zero))
    #expect(w * w == Fp12(v, .zero))
  }

  @Test("a·ξ == a·(1 + u), ā == a^p, N(a) == a·ā")
  func quadratic() {
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<16 {
      let a = element(&generator).c0.c0
      #expect(a.multipliedByXi() == a * Fp2(.one, .one))
      #expect(Fp2(a.norm, .zero) == a * a.conjugated())
      #expect(raised(a, toModulus: .one) == a.conjugated())
    }
  }

  @Test("f·(l₀ + l₁v + l₄vw) by the sparse product")
  func sparseProduct() {
    var generator = SeededGenerator(seed: 4)
    for _ in 0..<16 {
      let (f, l) = (element(&generator), element(&generator))
      let line = Fp12(Fp6(l.c0.c0, l.c0.c1, .zero), Fp6(.zero, l.c1.c1, .zero))
      #expect(Fp12.multiply(f, by014: l.c0.c0, l.c0.c1, l.c1.c1) == f * line)
    }
  }

  @Test("frobenius(f) == f^p, and its twelfth power is the identity")
  func frobenius() {
    var generator = SeededGenerator(seed: 5)
    let f = element(&generator)
    #expect(f.frobenius() == raised(f, toModulus: .one))
    #expect(f.frobenius(power: 6) == f.conjugated())
    #expect(f.frobenius(power: 12) == f)
  }

  @Test("cyclotomicSquared(f) == f² in the cyclotomic subgroup, and only there")
  func cyclotomicSquaring() {
    var generator = SeededGenerator(seed: 6)
    let f = element(&generator)
    let easy = f.conjugated() * f.inverted()
    let unit = easy.frobenius(power: 2) * easy
    #expect(unit.cyclotomicSquared() == unit.squared())
    #expect(unit.conjugated() == unit.inverted())
    #expect(f.cyclotomicSquared() != f.squared())
  }

  /// a^p, by squaring and multiplying along the bits of p.
  private func raised<F: Field>(_ a: F, toModulus one: F) -> F {
    let bytes = (-Fp.one).encoded()  // p − 1
    var power = one
    for byte in bytes {
      for bit in (0..<8).reversed() {
        power = power.squared()
        if byte >> bit & 1 == 1 { power *= a }
      }
    }
    return power * a
  }

  private func element(_ generator: inout SeededGenerator) -> Fp12 {
    var coefficients = [Fp2]()
    for _ in 0..<6 {
      coefficients.append(
        Fp2(Fp(reducing: generator.bytes(64)), Fp(reducing: generator.bytes(64))))
    }
    return Fp12(
      Fp6(coefficients[0], coefficients[1], coefficients[2]),
      Fp6(coefficients[3], coefficients[4], coefficients[5]))
  }
}
