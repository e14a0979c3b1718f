import CFieldKernels

/// A truth value of secret data: all ones or all zeros, never a `Bool`, so that nothing can jump
/// on it.
package struct Mask: Sendable {
  @usableFromInline let bits: UInt64

  /// - Parameter bit: 0 or 1.
  @inline(__always)
  package init(bit: UInt64) { bits = bcemr_field_value_barrier(0 &- bit) }

  @inline(__always)
  init(bits: UInt64) { self.bits = bits }

  /// Whether the word is 0.
  @inline(__always)
  package init(isZero word: UInt64) { self.init(bit: (~word & (word &- 1)) &>> 63) }

  @inline(__always)
  package init(_ a: UInt64, equals b: UInt64) { self.init(isZero: a ^ b) }

  @inline(__always)
  package func select(_ whenSet: UInt64, _ otherwise: UInt64) -> UInt64 {
    otherwise ^ (bits & (whenSet ^ otherwise))
  }

  @inline(__always)
  package static func & (a: Mask, b: Mask) -> Mask { Mask(bits: a.bits & b.bits) }
  @inline(__always)
  package static func | (a: Mask, b: Mask) -> Mask { Mask(bits: a.bits | b.bits) }
  @inline(__always)
  package static func ^ (a: Mask, b: Mask) -> Mask { Mask(bits: a.bits ^ b.bits) }
  @inline(__always)
  package static prefix func ~ (a: Mask) -> Mask { Mask(bits: ~a.bits) }

  /// 0 or 1.
  @inline(__always)
  package var bit: UInt64 { bits & 1 }

  /// Gives the truth value away, where it is public or the protocol reveals it.
  @inline(__always)
  package var declassified: Bool { bits != 0 }
}

/// Overwrites a value's storage with zeros. Only for types without references.
@inline(__always)
package func zeroize<Value: BitwiseCopyable>(_ value: inout Value) {
  unsafe withUnsafeMutableBytes(of: &value) { bytes in
    guard let base = bytes.baseAddress else { return }
    unsafe bcemr_field_zeroize(base, bytes.count)
  }
}

/// Overwrites the elements of an array with zeros.
package func zeroize<Element: BitwiseCopyable>(_ values: inout [Element]) {
  unsafe values.withUnsafeMutableBytes { bytes in
    guard let base = bytes.baseAddress else { return }
    unsafe bcemr_field_zeroize(base, bytes.count)
  }
}
