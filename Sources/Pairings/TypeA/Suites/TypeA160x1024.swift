/// Type A with p of 160 bits and q of 1023: number 995 from the seed
/// of `scripts/vectors/type_a.py`, which wrote this file.
public enum TypeA160x1024: TypeASuite {
  public static var name: String { "type-a-160-1024" }
  public typealias Scalar = TypeA160Scalar

  public struct Point: TypeAPoint {
    public typealias Scalar = TypeA160Scalar
    typealias Suite = TypeA160x1024
    package var edwards: EdwardsPoint<Field>
    let isCleared: Bool
    init(_ edwards: EdwardsPoint<Field>, isCleared: Bool) {
      (self.edwards, self.isCleared) = (edwards, isCleared)
    }
  }

  public struct Target: TypeATarget {
    public typealias Scalar = TypeA160Scalar
    typealias Suite = TypeA160x1024
    var value: GaussianExtension<Field>
    init(_ value: GaussianExtension<Field>) { self.value = value }
  }

  public struct Lines: TypeALines {
    typealias Suite = TypeA160x1024
    let lines: MillerLines<Field>
    init(_ lines: MillerLines<Field>) { self.lines = lines }
  }

  package typealias Field = PrimeField<16, BaseField>
  static var order: SparsePrime { TypeA160Scalar.order }
  static let constants = TypeAConstants<TypeA160x1024>()

  /// h = (q + 1)/p
  package static let cofactor: [UInt64] = [
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0xbb8abcf40528cb2e,
    0x50532880eccca10f, 0x382d2d050844a59e, 0xaac83be1809c4b8d,
    0xca40a5efa2f628ae, 0x00000000be5ccb86,
  ]

  /// h times the point of the empty message and the tag "BCEMR-V01-type-a-160-1024-GENERATOR".
  static let generator = CompressedPoint(
    x: [
      0x5df7a80fed6929b3, 0x0ea4eaafa8316a7a, 0x0ccf021099a6af6b,
      0x9124c9539edec2d4, 0x93b24534b2068da0, 0x00fe9777eb58b6a7,
      0x0a18915df9264ea2, 0x41e838a32b6bd106, 0x53583cb6ed0f4a89,
      0xac8d63a21f9704bc, 0x2ad8e823f6473c5e, 0x2e9cdb1959e4b457,
      0x43a4bfc98fdbdef6, 0x2cafaa14b0539aca, 0xf89197723e97a22e,
      0x3a3ac3d0a19846e1,
    ], isYOdd: false)

  package enum BaseField: MontgomeryParameters {
    package typealias Limbs = InlineArray<16, UInt64>

    /// q = h·p − 1
    @inline(__always)
    package static var modulus: Limbs {
      [
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xffffffffffffffff, 0x3572c7459b84cb2d,
        0xa155021a2eec1825, 0x94cba32553814644, 0x98f18da1f57c1a61,
        0x9a423eab1c7d127f, 0xc04fa280f180f68a, 0xd17b145755641df0,
        0x5f2e65c3652052f7,
      ]
    }

    /// 2^1024 mod q
    @inline(__always)
    package static var r: Limbs {
      [
        0x0000000000000002, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x0000000000000000, 0x951a7174c8f669a4,
        0xbd55fbcba227cfb5, 0xd668b9b558fd7376, 0xce1ce4bc1507cb3c,
        0xcb7b82a9c705db00, 0x7f60bafe1cfe12ea, 0x5d09d7515537c41e,
        0x41a3347935bf5a10,
      ]
    }

    /// 2^2048 mod q
    @inline(__always)
    package static var rSquared: Limbs {
      [
        0x33fbbb337f7b457d, 0x22110a53eedf5338, 0x60c03fbb9c70191f,
        0xa0eb2afcc41328e1, 0x4a48e62fd8c41476, 0x5d9824611faf9240,
        0x662d277440893a3d, 0xf32f2d899724bb1b, 0x31f174ae2f4ce0b1,
        0x7cd0640deb78e54e, 0x1df7582adc9d3dc3, 0x7cb64b7bf96f6f4d,
        0xbaf24d8d5ba13174, 0x65709a69f0068d93, 0xef11923fc405e09e,
        0x48aea69b82e76ca8,
      ]
    }
  }
}
