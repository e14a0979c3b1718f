import CFieldKernels

/// F_p¹² for processors where `bcemr_vector_kernels_are_supported`: the coefficients of w⁰…w⁵ side by side
/// in the lanes of vectors.
///
/// Everything takes a time that does not depend on the element.
package struct VectorFp12: Fp12Arithmetic {
  /// Eight digits of the real parts and eight of the imaginary ones, a lane to each coefficient.
  private var words = InlineArray<128, UInt64>(repeating: 0)

  package init(_ value: Fp12) {
    unsafe withWords(of: value) { value in
      unsafe update { words in unsafe bcemr_fp12_vector_from_words(words, value) }
    }
  }

  package var value: Fp12 {
    var value = Fp12.zero
    unsafe withWords(of: words) { words in
      unsafe withMutableWords(of: &value) { value in
        unsafe bcemr_fp12_vector_to_words(value, words)
      }
    }
    return value
  }

  package static func select(_ mask: Mask, _ a: Self, _ b: Self) -> Self {
    var result = b
    unsafe withWords(of: a.words) { a in
      unsafe result.update { words in unsafe LongWords.select(words, mask, a, count: 128) }
    }
    return result
  }

  package static func * (a: Self, b: Self) -> Self {
    var product = a
    unsafe withWords(of: b.words) { b in
      unsafe product.update { a in unsafe bcemr_fp12_vector_product(a, a, b) }
    }
    return product
  }

  package func squared() -> Self {
    unsafe updated { words in unsafe bcemr_fp12_vector_square(words, words) }
  }

  package func cyclotomicSquared() -> Self {
    unsafe updated { words in unsafe bcemr_fp12_vector_cyclotomic_square(words, words) }
  }

  package func conjugated() -> Self {
    unsafe updated { words in unsafe bcemr_fp12_vector_conjugate(words, words) }
  }

  package func frobenius() -> Self {
    var power = self
    unsafe withWords(of: Self.frobeniusFactors.words) { factors in
      unsafe power.update { words in unsafe bcemr_fp12_vector_frobenius(words, words, factors) }
    }
    return power
  }

  /// Σ γₖ·wᵏ
  private static let frobeniusFactors: Self = {
    let gamma = Fp2.frobeniusFactors
    return Self(
      Fp12(Fp6(gamma[0], gamma[2], gamma[4]), Fp6(gamma[1], gamma[3], gamma[5])))
  }()

  package func multiplied(by line: BLS12381.Line, at point: AffinePoint<G1Curve>) -> Self {
    var product = self
    unsafe withWords(of: line) { line in
      unsafe withWords(of: point) { point in
        unsafe product.update { f in unsafe bcemr_fp12_vector_multiply_line(f, f, line, point) }
      }
    }
    return product
  }

  // MARK: Memory

  private mutating func update(_ kernel: (UnsafeMutablePointer<UInt64>) -> Void) {
    unsafe withMutableWords(of: &words, kernel)
  }

  private func updated(_ kernel: (UnsafeMutablePointer<UInt64>) -> Void) -> Self {
    var result = self
    unsafe result.update(kernel)
    return result
  }
}
