import Pairings
import TestSupport

/// Elements of F_p and F_p² among which the least and the greatest are frequent.
struct ExtremeResidues {
  private var generator: SeededGenerator

  init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  mutating func next() -> Fp { residue(generator.next() % 8) }
  mutating func nextPair() -> Fp2 { Fp2(next(), next()) }

  /// At times the same extreme in all real parts, and one in all imaginary ones.
  mutating func nextPairs(_ count: Int) -> [Fp2] {
    let (re, im) = (generator.next() % 8, generator.next() % 8)
    return (0..<count).map { _ in
      re < 2 && im < 2 ? Fp2(residue(re), residue(im)) : nextPair()
    }
  }

  private mutating func residue(_ kind: UInt64) -> Fp {
    switch kind {
    case 0: return .zero
    case 1:
      var limbs = BaseFieldParameters.modulus
      limbs[0] -= 1
      return Fp(montgomery: limbs)
    default: return Fp(reducing: generator.bytes(64))
    }
  }
}
