/// Type A with p of 256 bits and q of 1535: number 225 from the seed
/// of `scripts/vectors/type_a.py`, which wrote this file.
public enum TypeA256x1536: TypeASuite {
  public static var name: String { "type-a-256-1536" }
  public typealias Scalar = TypeA256Scalar

  public struct Point: TypeAPoint {
    public typealias Scalar = TypeA256Scalar
    typealias Suite = TypeA256x1536
    package var edwards: EdwardsPoint<Field>
    let isCleared: Bool
    init(_ edwards: EdwardsPoint<Field>, isCleared: Bool) {
      (self.edwards, self.isCleared) = (edwards, isCleared)
    }
  }

  public struct Target: TypeATarget {
    public typealias Scalar = TypeA256Scalar
    typealias Suite = TypeA256x1536
    var value: GaussianExtension<Field>
    init(_ value: GaussianExtension<Field>) { self.value = value }
  }

  public struct Lines: TypeALines {
    typealias Suite = TypeA256x1536
    let lines: MillerLines<Field>
    init(_ lines: MillerLines<Field>) { self.lines = lines }
  }

  package typealias Field = PrimeField<24, BaseField>
  static var order: SparsePrime { TypeA256Scalar.order }
  static let constants = TypeAConstants<TypeA256x1536>()

  /// h = (q + 1)/p
  package static let cofactor: [UInt64] = [
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x21deb36e3507cbf6, 0x3b8015fe4e6903cb, 0x01b535e33fdda4fd,
    0xd9d42fcf51e96738, 0x73d4e9e069ca84f2, 0x950f8bcf12403892,
    0x7cb22ffa88c0d689, 0x986a376c8b9c4e3f,
  ]

  /// h times the point of the empty message and the tag "BCEMR-V01-type-a-256-1536-GENERATOR".
  static let generator = CompressedPoint(
    x: [
      0x46afe0bc589c50d7, 0x669a5e7dd652b93f, 0x8935eb433db38eff,
      0x726bdba54a67fff4, 0x6ce366a94f5d9a38, 0x0cdba0e6569d91a7,
      0x7c1d45dbd7f9bd09, 0x95096e26d13300ad, 0xd69d98610047eb12,
      0x9c4d4db75a128289, 0xc7df3029eb7e5c26, 0x874cfef3759077c9,
      0x373cc8020a3acfa8, 0x75bd4a4ed9a653bf, 0xf8e7f9f9d3ad3d3a,
      0x87f3fff26fc23320, 0x7e1e8a9037c44483, 0xfd2a4542de4af84a,
      0x0e51e30b8538d9aa, 0xeaa9ea29e4dd330e, 0x64ccd9a80a4a0092,
      0xefd985de5930b0db, 0x8d08ace2c4867ee2, 0x38578bcace08f061,
    ], isYOdd: false)

  package enum BaseField: MontgomeryParameters {
    package typealias Limbs = InlineArray<24, UInt64>

    /// q = h·p − 1
    @inline(__always)
    package static var modulus: Limbs {
      [
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0x31769f6e3507cbf5, 0x0d87ac420bcfe035, 0xbcff305a4009a19a,
        0xaca29fd2bc552db7, 0x99ce294b2cae0991, 0xb340bbb5e3487b4b,
        0xff39de1647c7472c, 0x3df0ce4d98f0f6ec, 0x39ea762109541b91,
        0xca87c5e789201c49, 0xbe5917fd44606b44, 0x4c351bb645ce271f,
      ]
    }

    /// 2^1536 mod q
    @inline(__always)
    package static var r: Limbs {
      [
        0x0000000000000003, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
        0x6b9c21b560e89c1e, 0xd768fb39dc905f60, 0xc9026ef13fe31b31,
        0xfa182087cb0076d8, 0x3295841e79f5e34a, 0xe63dccde56268e1d,
        0x025265bd28aa2a79, 0x462d9517352d1b39, 0x52409d9ce403ad4c,
        0xa068ae49649fab24, 0xc4f4b80832debe31, 0x1b60acdd2e958aa0,
      ]
    }

    /// 2^3072 mod q
    @inline(__always)
    package static var rSquared: Limbs {
      [
        0x53a3e46034de1d1d, 0xe25450d17c255e6e, 0x90628f6739066478,
        0x0ed66146bc081a13, 0xfe05afa6e88885c5, 0x98b7c7214766bee7,
        0x58929b19064d2b3b, 0x2cda72d4929f5d00, 0xc7b9d0a9e14c0674,
        0x5a943cd356144442, 0xf072b723d27e050a, 0x349ab3d1243bcb47,
        0x2d85e19336a709c3, 0xad6be96ebec3265c, 0x7764d2e579cf63d9,
        0x1545b31d77744239, 0xe1b0ba1a2ec4e583, 0x478892883b9c5a43,
        0xdc15ba3db0cc0d1c, 0x132671f4b41454a6, 0x7e99944e114e3992,
        0xd7f9dade04805ce9, 0x4e604b56123ca929, 0x192f273a2edf058e,
      ]
    }
  }
}
