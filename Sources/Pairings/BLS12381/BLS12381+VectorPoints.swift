import CFieldKernels

/// A curve whose formulas have kernels for AVX-512 IFMA, and its chains of doublings for ADX.
protocol VectorizedCurve: ShortWeierstrassCurve {
  typealias MutableWords = UnsafeMutablePointer<UInt64>
  typealias Words = UnsafePointer<UInt64>

  /// r ← a + b
  static var vectorSum: (_ r: MutableWords?, _ a: Words?, _ b: Words?) -> Void { get }
  /// r ← 2a
  static var vectorDouble: (_ r: MutableWords?, _ a: Words?) -> Void { get }
  /// a ← 2^count·a in Jacobian coordinates
  static var jacobianDoublings: (_ a: MutableWords?, _ count: Int) -> Void { get }
}

extension G1Curve: VectorizedCurve {
  static var vectorSum: (MutableWords?, Words?, Words?) -> Void { unsafe bcemr_g1_vector_sum }
  static var vectorDouble: (MutableWords?, Words?) -> Void { unsafe bcemr_g1_vector_double }
  static var jacobianDoublings: (MutableWords?, Int) -> Void {
    unsafe bcemr_g1_adx_double_repeatedly
  }
}

extension G2Curve: VectorizedCurve {
  static var vectorSum: (MutableWords?, Words?, Words?) -> Void { unsafe bcemr_g2_vector_sum }
  static var vectorDouble: (MutableWords?, Words?) -> Void { unsafe bcemr_g2_vector_double }
  static var jacobianDoublings: (MutableWords?, Int) -> Void {
    unsafe bcemr_g2_adx_double_repeatedly
  }
}

extension VectorizedCurve {
  package static func sum(
    _ a: ProjectivePoint<Self>, _ b: ProjectivePoint<Self>
  ) -> ProjectivePoint<Self> {
    guard bcemr_vector_kernels_are_supported() else { return .portableSum(a, b) }
    var sum = a
    unsafe withWords(of: b) { b in
      unsafe withMutableWords(of: &sum) { a in unsafe vectorSum(a, a, b) }
    }
    return sum
  }

  package static func sum(
    _ a: ProjectivePoint<Self>, _ b: AffinePoint<Self>
  ) -> ProjectivePoint<Self> {
    guard bcemr_vector_kernels_are_supported() else { return .portableSum(a, b) }
    return sum(a, ProjectivePoint(b))
  }

  package static func double(_ a: ProjectivePoint<Self>) -> ProjectivePoint<Self> {
    guard bcemr_vector_kernels_are_supported() else { return a.portableDoubled() }
    var double = a
    unsafe withMutableWords(of: &double) { a in unsafe vectorDouble(a, a) }
    return double
  }

  package static func double(
    _ a: ProjectivePoint<Self>, times count: Int
  ) -> ProjectivePoint<Self> {
    guard bcemr_vector_kernels_are_supported() else {
      guard bcemr_adx_kernels_are_supported() else { return a.portableDoubled(times: count) }
      return a.doubled(times: count) { point in
        unsafe withMutableWords(of: &point) { unsafe jacobianDoublings($0, count) }
      }
    }
    var double = a
    unsafe withMutableWords(of: &double) { a in
      for _ in 0..<count { unsafe vectorDouble(a, a) }
    }
    return double
  }
}
