/// Type A with p of 224 bits and q of 1023: number 326 from the seed
/// of `scripts/vectors/type_a.py`, which wrote this file.
public enum TypeA224x1024: TypeASuite {
  public static var name: String { "type-a-224-1024" }
  public typealias Scalar = TypeA224Scalar

  public struct Point: TypeAPoint {
    public typealias Scalar = TypeA224Scalar
    typealias Suite = TypeA224x1024
    package var edwards: EdwardsPoint<Field>
    let isCleared: Bool
    init(_ edwards: EdwardsPoint<Field>, isCleared: Bool) {
      (self.edwards, self.isCleared) = (edwards, isCleared)
    }
  }

  public struct Target: TypeATarget {
    public typealias Scalar = TypeA224Scalar
    typealias Suite = TypeA224x1024
    var value: GaussianExtension<Field>
    init(_ value: GaussianExtension<Field>) { self.value = value }
  }

  public struct Lines: TypeALines {
    typealias Suite = TypeA224x1024
    let lines: MillerLines<Field>
    init(_ lines: MillerLines<Field>) { self.lines = lines }
  }

  package typealias Field = PrimeField<16, BaseField>
  static var order: SparsePrime { TypeA224Scalar.order }
  static let constants = TypeAConstants<TypeA224x1024>()

  /// h = (q + 1)/p
  package static let cofactor: [UInt64] = [
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0x808a16fe5680b2fc,
    0x4f95dc60e75bbc28, 0x94448eaa9fdd4b38, 0x7135a8581562ef30,
    0x00000000a398e027,
  ]

  /// h times the point of the empty message and the tag "BCEMR-V01-type-a-224-1024-GENERATOR".
  static let generator = CompressedPoint(
    x: [
      0xfb60e84846911e2c, 0x44b0082717cc7252, 0x592f3fe77d6e697e,
      0xf90e6141ad11b62c, 0x63b3911cce363443, 0x2c70ecb367e4d9a1,
      0x82e5a97949f69299, 0x9f4b91bb3df14d8d, 0xb372b2bb0a2b7a01,
      0x91c97d3f1ff32cf0, 0x83e48d30e82a1a5c, 0x85c336316c6ac6a6,
      0x6632de18fd47c8a9, 0xc03a198d1f21e990, 0xeca0a391f5a3348c,
      0x19e2a9efefaca2b9,
    ], isYOdd: true)

  package enum BaseField: MontgomeryParameters {
    package typealias Limbs = InlineArray<16, UInt64>

    /// q = h·p − 1
    @inline(__always)
    package static var modulus: Limbs {
      [
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xffffffffffffffff, 0x098ce7582a324903,
        0x4646848674606c58, 0xb04a1bf53d6ded17, 0xefb3093b4d8c4163,
        0x73addeb7358c52c8, 0x4feea59c27caee30, 0x0ab177984a224755,
        0x51cc7013b89ad42c,
      ]
    }

    /// 2^1024 mod q
    @inline(__always)
    package static var r: Limbs {
      [
        0x0000000000000003, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x0000000000000000, 0xe35949f7816924f4,
        0x2d2c726ca2debaf7, 0xef21ac2047b638ba, 0x30e6e44e175b3bd4,
        0xa4f663da5f5b07a5, 0x10340f2b889f356e, 0xdfeb993721992a00,
        0x0a9aafc4d62f837b,
      ]
    }

    /// 2^2048 mod q
    @inline(__always)
    package static var rSquared: Limbs {
      [
        0x88cfa7a141ac5e5d, 0x912a1915118de184, 0xeb6309c1d8f4d8fe,
        0x33363531e1dbd881, 0x29a35c6fe3c9ad01, 0xfbbcb7cedea20a35,
        0x39f645279b813a3d, 0xd6c81025063925fd, 0x22911e797428af3a,
        0x3c44725e017c4a47, 0xe4ea37e3b008271c, 0xf049c1faad3eb978,
        0x1946cd6a9c61b6cd, 0x8502f1670966a4e8, 0x40808e2aacf8cc6f,
        0x486209d6871898ad,
      ]
    }
  }
}
