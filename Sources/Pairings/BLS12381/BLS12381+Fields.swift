/// The base field of BLS12-381, of 381 bits.
package typealias Fp = PrimeField<6, BaseFieldParameters>

/// The scalar field of BLS12-381, of 255 bits.
package typealias Fr = PrimeField<4, ScalarFieldParameters>

/// p = (x − 1)²·(x⁴ − x² + 1)/3 + x for x = −0xd201000000010000.
package enum BaseFieldParameters: MontgomeryParameters {
  package typealias Limbs = InlineArray<6, UInt64>

  @inline(__always)
  package static var modulus: Limbs {
    [
      0xb9feffffffffaaab, 0x1eabfffeb153ffff, 0x6730d2a0f6b0f624,
      0x64774b84f38512bf, 0x4b1ba7b6434bacd7, 0x1a0111ea397fe69a,
    ]
  }

  /// 2^384 mod p
  @inline(__always)
  package static var r: Limbs {
    [
      0x760900000002fffd, 0xebf4000bc40c0002, 0x5f48985753c758ba,
      0x77ce585370525745, 0x5c071a97a256ec6d, 0x15f65ec3fa80e493,
    ]
  }

  /// 2^768 mod p
  @inline(__always)
  package static var rSquared: Limbs {
    [
      0xf4df1f341c341746, 0x0a76e6a609d104f1, 0x8de5476c4c95b6d5,
      0x67eb88a9939d83c0, 0x9a793e85b519952d, 0x11988fe592cae3aa,
    ]
  }
}

/// r = x⁴ − x² + 1 for x = −0xd201000000010000.
package enum ScalarFieldParameters: MontgomeryParameters {
  package typealias Limbs = InlineArray<4, UInt64>

  @inline(__always)
  package static var modulus: Limbs {
    [
      0xffffffff00000001, 0x53bda402fffe5bfe,
      0x3339d80809a1d805, 0x73eda753299d7d48,
    ]
  }

  /// 2^256 mod r
  @inline(__always)
  package static var r: Limbs {
    [
      0x00000001fffffffe, 0x5884b7fa00034802,
      0x998c4fefecbc4ff5, 0x1824b159acc5056f,
    ]
  }

  /// 2^512 mod r
  @inline(__always)
  package static var rSquared: Limbs {
    [
      0xc999e990f3f29c6d, 0x2b6cedcb87925c23,
      0x05d314967254398f, 0x0748d9d99f59ff11,
    ]
  }
}
