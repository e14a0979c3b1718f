/// Arithmetic on words with carries that are words, 0 or 1.
///
/// An overflow flag becomes an integer on the spot, by its bits and not by `? :`, which is a jump
/// until some optimization removes it. The compiler turns these into `adc` and `sbb`.
@inline(__always)
func addingCarry(_ a: UInt64, _ b: UInt64, _ carry: inout UInt64) -> UInt64 {
  let (partial, first) = a.addingReportingOverflow(b)
  let (sum, second) = partial.addingReportingOverflow(carry)
  carry = word(first) | word(second)
  return sum
}

@inline(__always)
func subtractingBorrow(_ a: UInt64, _ b: UInt64, _ borrow: inout UInt64) -> UInt64 {
  let (partial, first) = a.subtractingReportingOverflow(b)
  let (difference, second) = partial.subtractingReportingOverflow(borrow)
  borrow = word(first) | word(second)
  return difference
}

@inline(__always)
private func word(_ flag: Bool) -> UInt64 {
  UInt64(unsafe unsafeBitCast(flag, to: UInt8.self))
}

/// a·b + c + carry, which fits into two words; the high one becomes the carry.
@inline(__always)
func multiplyingAdding(
  _ a: UInt64, _ b: UInt64, _ c: UInt64, _ carry: inout UInt64
) -> UInt64 {
  let sum = UInt128(a) &* UInt128(b) &+ UInt128(c) &+ UInt128(carry)
  carry = UInt64(truncatingIfNeeded: sum &>> 64)
  return UInt64(truncatingIfNeeded: sum)
}

/// Lends the words of a value that consists of words alone.
@inline(__always)
func withWords<T: BitwiseCopyable>(of value: T, _ body: (UnsafePointer<UInt64>) -> Void) {
  unsafe withUnsafeBytes(of: value) { bytes in
    guard let base = bytes.baseAddress else { return }
    unsafe body(base.assumingMemoryBound(to: UInt64.self))
  }
}

@inline(__always)
func withMutableWords<T: BitwiseCopyable>(
  of value: inout T, _ body: (UnsafeMutablePointer<UInt64>) -> Void
) {
  unsafe withUnsafeMutableBytes(of: &value) { bytes in
    guard let base = bytes.baseAddress else { return }
    unsafe body(base.assumingMemoryBound(to: UInt64.self))
  }
}
