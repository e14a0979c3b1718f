import CFieldKernels

// The groups' formulas, by AVX-512 IFMA where the processor has it.

extension G1Curve {
  package static func sum(
    _ a: ProjectivePoint<Self>, _ b: ProjectivePoint<Self>
  ) -> ProjectivePoint<Self> {
    guard vector_kernels_are_supported() else { return .portableSum(a, b) }
    var sum = a
    unsafe withWords(of: b) { b in
      unsafe withMutableWords(of: &sum) { a in unsafe g1_vector_sum(a, a, b) }
    }
    return sum
  }

  package static func sum(
    _ a: ProjectivePoint<Self>, _ b: AffinePoint<Self>
  ) -> ProjectivePoint<Self> {
    guard vector_kernels_are_supported() else { return .portableSum(a, b) }
    return sum(a, ProjectivePoint(b))
  }

  package static func double(_ a: ProjectivePoint<Self>) -> ProjectivePoint<Self> {
    guard vector_kernels_are_supported() else { return a.portableDoubled() }
    var double = a
    unsafe withMutableWords(of: &double) { a in unsafe g1_vector_double(a, a) }
    return double
  }
}

extension G2Curve {
  package static func sum(
    _ a: ProjectivePoint<Self>, _ b: ProjectivePoint<Self>
  ) -> ProjectivePoint<Self> {
    guard vector_kernels_are_supported() else { return .portableSum(a, b) }
    var sum = a
    unsafe withWords(of: b) { b in
      unsafe withMutableWords(of: &sum) { a in unsafe g2_vector_sum(a, a, b) }
    }
    return sum
  }

  package static func sum(
    _ a: ProjectivePoint<Self>, _ b: AffinePoint<Self>
  ) -> ProjectivePoint<Self> {
    guard vector_kernels_are_supported() else { return .portableSum(a, b) }
    return sum(a, ProjectivePoint(b))
  }

  package static func double(_ a: ProjectivePoint<Self>) -> ProjectivePoint<Self> {
    guard vector_kernels_are_supported() else { return a.portableDoubled() }
    var double = a
    unsafe withMutableWords(of: &double) { a in unsafe g2_vector_double(a, a) }
    return double
  }
}
