/// An integer modulo p = 2^159 + 2^17 + 1, a prime of 160 bits.
public struct TypeA160Scalar: TypeAScalar {
  var value: PrimeField<3, Order>
  init(_ value: PrimeField<3, Order>) { self.value = value }

  static var order: SparsePrime {
    SparsePrime(a: 159, b: 17, middleIsNegative: false, lastIsNegative: false)
  }

  enum Order: MontgomeryParameters {
    package typealias Limbs = InlineArray<3, UInt64>

    /// p
    @inline(__always)
    package static var modulus: Limbs {
      [
        0x0000000000020001, 0x0000000000000000, 0x0000000080000000,
      ]
    }

    /// 2^192 mod p
    @inline(__always)
    package static var r: Limbs {
      [
        0xfffbfffe00020001, 0xffffffffffffffff, 0x000000007fffffff,
      ]
    }

    /// 2^384 mod p
    @inline(__always)
    package static var rSquared: Limbs {
      [
        0x0000000000000000, 0x0000001000100004, 0x0000000000000000,
      ]
    }
  }
}
