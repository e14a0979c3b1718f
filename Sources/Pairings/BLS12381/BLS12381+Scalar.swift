extension BLS12381 {
  /// An integer modulo r, the order of all three groups.
  public struct Scalar: ScalarField {
    package var value: Fr

    @inline(__always)
    package init(_ value: Fr) { self.value = value }

    public static var zero: Scalar { Scalar(Fr.zero) }
    public static var one: Scalar { Scalar(Fr.one) }
    public static var encodedByteCount: Int { 32 }

    public init(_ value: UInt64) { self.init(Fr(value)) }
    public init(encoded bytes: [UInt8]) throws(PairingError) {
      self.init(try Fr(encoded: bytes))
    }
    public init(reducing bytes: [UInt8]) { self.init(Fr(reducing: bytes)) }
    public func encoded() -> [UInt8] { value.encoded() }

    /// a + b·X² for a and b of 64 bits: the endomorphism of G1 halves the doublings, which it would
    /// not for an integer of 128 bits. All are different, since r > 2^64·X².
    public static func randomWeight(
      using generator: inout some RandomNumberGenerator
    ) -> Scalar {
      let x = Scalar(BLS12381.parameter)
      return Scalar(generator.next() as UInt64) + Scalar(generator.next() as UInt64) * x * x
    }

    public static func + (a: Scalar, b: Scalar) -> Scalar { Scalar(a.value + b.value) }
    public static func - (a: Scalar, b: Scalar) -> Scalar { Scalar(a.value - b.value) }
    public static func * (a: Scalar, b: Scalar) -> Scalar { Scalar(a.value * b.value) }
    public static prefix func - (a: Scalar) -> Scalar { Scalar(-a.value) }
    public func inverted() -> Scalar { Scalar(value.inverted()) }
    public var isZero: Bool { value.isZero }
    public mutating func wipe() { zeroize(&value) }
  }
}
