/// Type A with p of 160 bits and q of 1023.
public enum TypeA160x1024: TypeASuite {
  public static var name: String { "type-a-160-1024" }
  public typealias Scalar = TypeA160Scalar

  public struct Point: TypeAPoint {
    public typealias Scalar = TypeA160Scalar
    typealias Suite = TypeA160x1024
    var edwards: EdwardsPoint<Field>
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

  typealias Field = PrimeField<16, BaseField>
  static var order: SparsePrime { TypeA160Scalar.order }
  static let constants = TypeAConstants<TypeA160x1024>()

  /// h = (q + 1)/p
  static let cofactor: [UInt64] = [
    0xaaa5e574197f7230, 0x4e267e1b15f0ec17, 0xf57ed14f5a7f3ceb,
    0x49ad1a1e29af068d, 0x06517e9972c36307, 0x215f9447a7c89130,
    0x58bf9ff043039be0, 0xc0f9d7a48bcae190, 0x3b8d0936c9150221,
    0x13605de169effcba, 0x375762cb2ee42a56, 0x59acc8500ba05397,
    0xc1c026ce443483b7, 0x00000000b3b25378,
  ]

  enum BaseField: MontgomeryParameters {
    typealias Limbs = InlineArray<16, UInt64>

    /// q = h·p − 1
    @inline(__always)
    static var modulus: Limbs {
      [
        0x758e1872fddf722f, 0x4a5ca9fcee204163, 0xa4dd3f65d455d938,
        0x08e1e3880c1de445, 0xb0c40295dfe5356f, 0x5ec6671fc4e8067a,
        0x5201d77b1f9a6bae, 0x442737d25214525c, 0x6f7c6950de084e39,
        0x1508a2898fc443cc, 0x617841a4640d3ce9, 0x9f44ddedd09546e1,
        0xa6cec46255536601, 0x05d19130f64f885e, 0x221a41dbacd66428,
        0x59d929bc60e01367,
      ]
    }

    /// 2^1024 mod q
    @inline(__always)
    static var r: Limbs {
      [
        0x14e3cf1a04411ba2, 0x6b46ac0623bf7d39, 0xb645813457544d8f,
        0xee3c38efe7c43774, 0x9e77fad440359521, 0x427331c0762ff30a,
        0x5bfc5109c0cb28a3, 0x77b1905b5bd75b47, 0x21072d5e43ef638d,
        0xd5eebaece0777867, 0x3d0f7cb737e5862d, 0xc17644245ed5723d,
        0xb262773b555933fc, 0xf45cdd9e1360ef42, 0xbbcb7c48a65337af,
        0x4c4dac873e3fd931,
      ]
    }

    /// 2^2048 mod q
    @inline(__always)
    static var rSquared: Limbs {
      [
        0x2a424cf2166577b7, 0x86e7bd131bf18f74, 0xa354ea5d2316d9d5,
        0x5ccb53274eaedad0, 0x2f1035a0f28f5014, 0xe078d2e1e4d9b838,
        0x7c3af8b1241836b1, 0xb0997bd3dc2dcdc7, 0x18cdd81c2b38616c,
        0x55977fc47be3d08f, 0x32a269cfabeb98dd, 0xf27ca3023cd276f8,
        0x356c897058b28779, 0xdf19143b5fd97e8e, 0x1a4ef5bb323844c6,
        0x21ad145f1211016c,
      ]
    }
  }
}
