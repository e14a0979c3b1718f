/// An integer modulo p = 2^223 + 2^8 − 1, a prime of 224 bits.
public struct TypeA224Scalar: TypeAScalar {
  var value: PrimeField<4, Order>
  init(_ value: PrimeField<4, Order>) { self.value = value }

  static var order: SparsePrime {
    SparsePrime(a: 223, b: 8, middleIsNegative: false, lastIsNegative: true)
  }

  enum Order: MontgomeryParameters {
    package typealias Limbs = InlineArray<4, UInt64>

    /// p
    @inline(__always)
    package static var modulus: Limbs {
      [
        0x00000000000000ff, 0x0000000000000000, 0x0000000000000000,
        0x0000000080000000,
      ]
    }

    /// 2^256 mod p
    @inline(__always)
    package static var r: Limbs {
      [
        0xfffffe02000000ff, 0xffffffffffffffff, 0xffffffffffffffff,
        0x000000007fffffff,
      ]
    }

    /// 2^512 mod p
    @inline(__always)
    package static var rSquared: Limbs {
      [
        0x0000000000000000, 0x000000000003f804, 0x0000000000000000,
        0x0000000000000000,
      ]
    }
  }
}
