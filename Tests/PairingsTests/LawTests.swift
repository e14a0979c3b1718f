import Pairings
import TestSupport
import Testing

@Suite("BLS12-381 obeys the laws of a pairing suite")
struct PairingSuiteLawTests {
  @Test("scalars", arguments: ScalarFieldLaws<BLS12381.Scalar>.all)
  func scalar(_ law: Law) throws { #expect(try law.counterexample(samples: 64) == nil) }

  @Test("G1", arguments: SourceGroupLaws<BLS12381.G1>.all)
  func g1(_ law: Law) throws { #expect(try law.counterexample() == nil) }

  @Test("G2", arguments: SourceGroupLaws<BLS12381.G2>.all)
  func g2(_ law: Law) throws { #expect(try law.counterexample() == nil) }

  @Test("GT, pairing and hash", arguments: PairingLaws<BLS12381>.all)
  func pairing(_ law: Law) throws { #expect(try law.counterexample() == nil) }
}

@Suite("The fields of BLS12-381 obey the laws of a field")
struct FieldLawTests {
  @Test("F_r", arguments: FieldLaws<Fr>.all { Fr(reducing: $0.bytes(48)) })
  func scalarField(_ law: Law) throws { #expect(try law.counterexample(samples: 64) == nil) }

  @Test("F_p", arguments: FieldLaws<Fp>.all(random: Fp.random))
  func baseField(_ law: Law) throws { #expect(try law.counterexample(samples: 64) == nil) }

  @Test("F_p²", arguments: FieldLaws<Fp2>.all(random: Fp2.random))
  func quadratic(_ law: Law) throws { #expect(try law.counterexample(samples: 64) == nil) }

  @Test("F_p⁶", arguments: FieldLaws<Fp6>.all(random: Fp6.random))
  func sextic(_ law: Law) throws { #expect(try law.counterexample() == nil) }

  @Test("F_p¹²", arguments: FieldLaws<Fp12>.all(random: Fp12.random))
  func dodecic(_ law: Law) throws { #expect(try law.counterexample() == nil) }

  @Test("√(a²) == ±a in F_p and F_p², and a non-square has none")
  func squareRoots() {
    var generator = SeededGenerator(seed: 2)
    for _ in 0..<32 {
      let (a, b) = (Fp.random(&generator), Fp2.random(&generator))
      let (rootA, rootB) = (a.squared().squareRoot(), b.squared().squareRoot())
      #expect(rootA.exists.declassified && (rootA.root == a || rootA.root == -a))
      #expect(rootB.exists.declassified && (rootB.root == b || rootB.root == -b))
      // −1 is no square in F_p, and ξ = 1 + u none in F_p².
      #expect(!(-a.squared()).squareRoot().exists.declassified)
      #expect(!b.squared().multipliedByXi().squareRoot().exists.declassified)
    }
    for a in [Fp2.zero, .one, -.one, Fp2(.zero, .one), Fp2(.zero, -.one), Fp2(-Fp(2), .zero)] {
      let (root, exists) = a.squareRoot()
      #expect(exists.declassified && root.squared() == a)
    }
  }
}

@Suite("A false law is found out")
struct LawCheckerTests {
  @Test("a counterexample is reported by its seed")
  func counterexample() throws {
    let false1 = Law("a == 0") { UInt8.random(in: 0...255, using: &$0) == 0 }
    #expect(try false1.counterexample() == 0)
    let true1 = Law("a == a") { _ in true }
    #expect(try true1.counterexample() == nil)
  }

  @Test("SplitMix64 gives its published values")
  func generator() {
    var generator = SeededGenerator(seed: 1_234_567)
    #expect(generator.next() == 6_457_827_717_110_365_317)
    #expect(generator.next() == 3_203_168_211_198_807_973)
    #expect(generator.next() == 9_817_491_932_198_370_423)
  }
}

extension Fp {
  fileprivate static func random(_ generator: inout SeededGenerator) -> Fp {
    Fp(reducing: generator.bytes(64))
  }
}

extension Fp2 {
  fileprivate static func random(_ generator: inout SeededGenerator) -> Fp2 {
    Fp2(.random(&generator), .random(&generator))
  }
}

extension Fp6 {
  fileprivate static func random(_ generator: inout SeededGenerator) -> Fp6 {
    Fp6(.random(&generator), .random(&generator), .random(&generator))
  }
}

extension Fp12 {
  fileprivate static func random(_ generator: inout SeededGenerator) -> Fp12 {
    Fp12(.random(&generator), .random(&generator))
  }
}
