/// An integer modulo p = 2^255 + 2^41 + 1, a prime of 256 bits.
public struct TypeA256Scalar: TypeAScalar {
  var value: PrimeField<5, Order>
  init(_ value: PrimeField<5, Order>) { self.value = value }

  static var order: SparsePrime {
    SparsePrime(a: 255, b: 41, middleIsNegative: false, lastIsNegative: false)
  }

  enum Order: MontgomeryParameters {
    package typealias Limbs = InlineArray<5, UInt64>

    /// p
    @inline(__always)
    package static var modulus: Limbs {
      [
        0x0000020000000001, 0x0000000000000000, 0x0000000000000000,
        0x8000000000000000, 0x0000000000000000,
      ]
    }

    /// 2^320 mod p
    @inline(__always)
    package static var r: Limbs {
      [
        0x0000020000000001, 0xfffffbfffffffffe, 0xffffffffffffffff,
        0x7fffffffffffffff, 0x0000000000000000,
      ]
    }

    /// 2^640 mod p
    @inline(__always)
    package static var rSquared: Limbs {
      [
        0x0000000000000000, 0x0000000000000000, 0x0000100000000004,
        0x0000000000100000, 0x0000000000000000,
      ]
    }
  }
}
