/// Type A with p of 160 bits and q of 511.
public enum TypeA160x512: TypeASuite {
  public static var name: String { "type-a-160-512" }
  public typealias Scalar = TypeA160Scalar

  public struct Point: TypeAPoint {
    public typealias Scalar = TypeA160Scalar
    typealias Suite = TypeA160x512
    var edwards: EdwardsPoint<Field>
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

  typealias Field = PrimeField<8, BaseField>
  static var order: SparsePrime { TypeA160Scalar.order }
  static let constants = TypeAConstants<TypeA160x512>()

  /// h = (q + 1)/p
  static let cofactor: [UInt64] = [
    0x296a160810f94d10, 0x1fbfb596cfd18db0, 0xb92b3b90a5f18da5,
    0x1c857008f6c35918, 0xbc0b3e17f2a9353d, 0x00000000b5a36b4b,
  ]

  enum BaseField: MontgomeryParameters {
    typealias Limbs = InlineArray<8, UInt64>

    /// q = h·p − 1
    @inline(__always)
    static var modulus: Limbs {
      [
        0x557a37faab194d0f, 0x8aed5539eb31e084, 0x38c92dfbc13bcd24,
        0x64802467bda9d673, 0x8b33ea3ced034913, 0x7b6317d3e8d0812a,
        0xf9549a9e8e42b804, 0x5ad1b5a5de059f0b,
      ]
    }

    /// 2^512 mod q
    @inline(__always)
    static var r: Limbs {
      [
        0x550b900aa9cd65e2, 0xea25558c299c3ef7, 0x8e6da4087d8865b6,
        0x36ffb73084ac5319, 0xe9982b8625f96dd9, 0x0939d0582e5efdaa,
        0x0d56cac2e37a8ff7, 0x4a5c94b443f4c1e8,
      ]
    }

    /// 2^1024 mod q
    @inline(__always)
    static var rSquared: Limbs {
      [
        0x6a5cf60958f082aa, 0x5bf7f3e3b318ee92, 0xe8e6a8de3a617f0a,
        0x6093ba9fffbeba76, 0x158b9022cfc41b0e, 0x439035ad4e6ce092,
        0x29ec581c8b64923f, 0x3c854cb02d1c3471,
      ]
    }
  }
}
