import CFieldKernels

/// A curve whose formulas have kernels for AVX-512 IFMA.
protocol VectorizedCurve: ShortWeierstrassCurve {
  /// r ← a + b
  static func vectorSum(
    _ r: UnsafeMutablePointer<UInt64>, _ a: UnsafePointer<UInt64>, _ b: UnsafePointer<UInt64>)
  /// r ← 2a
  static func vectorDouble(_ r: UnsafeMutablePointer<UInt64>, _ a: UnsafePointer<UInt64>)
}

extension G1Curve: VectorizedCurve {
  static func vectorSum(
    _ r: UnsafeMutablePointer<UInt64>, _ a: UnsafePointer<UInt64>, _ b: UnsafePointer<UInt64>
  ) {
    unsafe g1_vector_sum(r, a, b)
  }

  static func vectorDouble(_ r: UnsafeMutablePointer<UInt64>, _ a: UnsafePointer<UInt64>) {
    unsafe g1_vector_double(r, a)
  }
}

extension G2Curve: VectorizedCurve {
  static func vectorSum(
    _ r: UnsafeMutablePointer<UInt64>, _ a: UnsafePointer<UInt64>, _ b: UnsafePointer<UInt64>
  ) {
    unsafe g2_vector_sum(r, a, b)
  }

  static func vectorDouble(_ r: UnsafeMutablePointer<UInt64>, _ a: UnsafePointer<UInt64>) {
    unsafe g2_vector_double(r, a)
  }
}

extension VectorizedCurve {
  package static func sum(
    _ a: ProjectivePoint<Self>, _ b: ProjectivePoint<Self>
  ) -> ProjectivePoint<Self> {
    guard vector_kernels_are_supported() else { return .portableSum(a, b) }
    var sum = a
    unsafe withWords(of: b) { b in
      unsafe withMutableWords(of: &sum) { a in unsafe vectorSum(a, a, b) }
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
    unsafe withMutableWords(of: &double) { a in unsafe vectorDouble(a, a) }
    return double
  }
}
