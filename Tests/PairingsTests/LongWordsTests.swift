import CFieldKernels
import Pairings
import TestSupport
import Testing

@Suite("Products of long words")
struct LongWordsTests {
  /// Modulo P·2^(32n) − 1, at random and at the edges of digits and carries.
  private func agree(_ count: Int, _ product: ([UInt64], [UInt64], [UInt64]) -> [UInt64]?) {
    var random = SeededGenerator(seed: UInt64(count))
    for round in 0..<2000 {
      let p = modulus(count, isAllOnes: round % 5 == 0, using: &random)
      let a = residue(below: p, using: &random)
      let b = round % 7 == 0 ? a : residue(below: p, using: &random)
      #expect(product(a, b, p) == schoolbookProduct(a, b, p))
    }
  }

  @Test(
    "the kernels of AVX-512 agree with the schoolbook's",
    .vectorKernels,
    arguments: [16, 24, 32, 48])
  func vectorKernels(count: Int) { agree(count, Self.vectorProduct) }

  @Test("Karatsuba's products and squares do", arguments: [16, 24, 32, 48])
  func portable(count: Int) {
    agree(count) { a, b, p in
      var r = a
      if a == b {
        unsafe LongWords.portableMontgomerySquare(&r, a, modulus: p, count: count)
      } else {
        unsafe LongWords.portableMontgomeryProduct(&r, a, b, modulus: p, count: count)
      }
      return r
    }
  }

  @Test("other lengths are left to the portable kernels", arguments: [8, 12, 20, 64])
  func otherLengths(count: Int) {
    let words = [UInt64](repeating: 1, count: count)
    #expect(Self.vectorProduct(words, words, words) == nil)
  }

  // MARK: Operands

  /// Words of zeros and ones among random ones, since those make carries run far.
  private func words(_ count: Int, using random: inout SeededGenerator) -> [UInt64] {
    (0..<count).map { _ in
      switch random.next() % 8 {
      case 0: 0
      case 1: .max
      default: random.next()
      }
    }
  }

  /// P·2^(32n) − 1 with its highest bit but one set.
  private func modulus(
    _ count: Int, isAllOnes: Bool, using random: inout SeededGenerator
  ) -> [UInt64] {
    var upper =
      isAllOnes
      ? [UInt64](repeating: .max, count: count / 2) : words(count / 2, using: &random)
    upper[count / 2 - 1] = upper[count / 2 - 1] & (.max >> 1) | 1 << 62
    return [UInt64](repeating: .max, count: count / 2) + upper
  }

  private func residue(below p: [UInt64], using random: inout SeededGenerator) -> [UInt64] {
    var residue = words(p.count, using: &random)
    residue[p.count - 1] = min(residue[p.count - 1], p[p.count - 1] - 1)
    return residue
  }

  // MARK: Both ways

  private static func vectorProduct(_ a: [UInt64], _ b: [UInt64], _ p: [UInt64]) -> [UInt64]? {
    var r = a
    let isDone = unsafe bcemr_words_vector_montgomery_product(&r, a, b, p, a.count)
    return isDone ? r : nil
  }

  private func schoolbookProduct(_ a: [UInt64], _ b: [UInt64], _ p: [UInt64]) -> [UInt64] {
    var t = [UInt64](repeating: 0, count: 2 * a.count)
    var r = [UInt64](repeating: 0, count: a.count)
    unsafe bcemr_words_multiply(&t, a, b, a.count)
    unsafe bcemr_words_reduce(&r, &t, p, a.count)
    return r
  }
}
