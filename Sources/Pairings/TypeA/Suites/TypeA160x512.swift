/// Type A with p of 160 bits and q of 511: number 246 from the seed
/// of `scripts/vectors/type_a.py`, which wrote this file.
public enum TypeA160x512: TypeASuite {
  public static var name: String { "type-a-160-512" }
  public typealias Scalar = TypeA160Scalar

  public struct Point: TypeAPoint {
    public typealias Scalar = TypeA160Scalar
    typealias Suite = TypeA160x512
    package var edwards: EdwardsPoint<Field>
    let isCleared: Bool
    init(_ edwards: EdwardsPoint<Field>, isCleared: Bool) {
      (self.edwards, self.isCleared) = (edwards, isCleared)
    }
  }

  public struct Target: TypeATarget {
    public typealias Scalar = TypeA160Scalar
    typealias Suite = TypeA160x512
    var value: GaussianExtension<Field>
    init(_ value: GaussianExtension<Field>) { self.value = value }
  }

  public struct Lines: TypeALines {
    typealias Suite = TypeA160x512
    let lines: MillerLines<Field>
    init(_ lines: MillerLines<Field>) { self.lines = lines }
  }

  package typealias Field = PrimeField<8, BaseField>
  static var order: SparsePrime { TypeA160Scalar.order }
  static let constants = TypeAConstants<TypeA160x512>()

  /// h = (q + 1)/p
  package static let cofactor: [UInt64] = [
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x2d1c4b35579a4e92, 0x00000000e4204ce4,
  ]

  /// h times the point of the empty message and the tag "BCEMR-V01-type-a-160-512-GENERATOR".
  static let generator = CompressedPoint(
    x: [
      0xa11e6889e88afc9b, 0x2510fae4246256e8, 0x17b29c242e7d4be3,
      0x6934c4a3163b3df0, 0x0b08a9cbafd58216, 0xb482417457e019b3,
      0xd828a93beac7adbb, 0x05199b0e0a02a330,
    ], isYOdd: false)

  package enum BaseField: MontgomeryParameters {
    package typealias Limbs = InlineArray<8, UInt64>

    /// q = h·p − 1
    @inline(__always)
    package static var modulus: Limbs {
      [
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xc386fa69f4be4e91, 0x0001c8417de8a71c,
        0xabcd274900000000, 0x72102672168e259a,
      ]
    }

    /// 2^512 mod q
    @inline(__always)
    package static var r: Limbs {
      [
        0x0000000000000002, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x78f20b2c168362dc, 0xfffc6f7d042eb1c6,
        0xa865b16dffffffff, 0x1bdfb31bd2e3b4ca,
      ]
    }

    /// 2^1024 mod q
    @inline(__always)
    package static var rSquared: Limbs {
      [
        0x25aa5fa2dbb7ae21, 0x5d411a99c3dc6436, 0x737f657303d7a6f6,
        0x933fd828bb10e2c9, 0xd4d1a93b71d701a7, 0xd4a2724fed20a52e,
        0x4695f7d9cc0d9355, 0x63b13460daae42ac,
      ]
    }
  }
}
