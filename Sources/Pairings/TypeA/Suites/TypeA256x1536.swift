/// Type A with p of 256 bits and q of 1535.
public enum TypeA256x1536: TypeASuite {
  public static var name: String { "type-a-256-1536" }
  public typealias Scalar = TypeA256Scalar

  public struct Point: TypeAPoint {
    public typealias Scalar = TypeA256Scalar
    typealias Suite = TypeA256x1536
    var edwards: EdwardsPoint<Field>
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

  typealias Field = PrimeField<24, BaseField>
  static var order: SparsePrime { TypeA256Scalar.order }
  static let constants = TypeAConstants<TypeA256x1536>()

  /// h = (q + 1)/p
  static let cofactor: [UInt64] = [
    0x916fa38421f61340, 0x3428361ee397c3a3, 0x7726379e47c2feec,
    0xe405b0f9d0a58419, 0xf9363a33c755cc96, 0xb7010ed43db0b188,
    0x15086405787e0904, 0x5c287a52d00abd47, 0x933704b6eca34e3a,
    0xafecaacc80e3cfd4, 0xeea46238bcd99ebc, 0x2a56a41f5f81386e,
    0xaa160c653cc23ece, 0x1dad6c2a4c4cdee7, 0xaec7542362601344,
    0xe837edfb65e59072, 0x1bd51864dffb3ff1, 0xaf4fde4c965dc9fe,
    0x74ed5de7fc6e5c38, 0xacf3c1cd0d0eeabb,
  ]

  enum BaseField: MontgomeryParameters {
    typealias Limbs = InlineArray<24, UInt64>

    /// q = h·p − 1
    @inline(__always)
    static var modulus: Limbs {
      [
        0x7d96238421f6133f, 0x63af7d41c2decbe7, 0xfd241006982f3cb3,
        0x2f0de3e81d14c0a8, 0x6d8739bde3b2c9d8, 0x32783bd61bf0fae9,
        0xccad89429e7d30f6, 0xe3a5e0f9c9258a44, 0x566e96892142da25,
        0xd30cdb5d0dc59672, 0x2c660d9b526e3c40, 0x5adbbf26104b088c,
        0x782f2b15605c24aa, 0x0f6190e4b8d7914b, 0xe6400d7b1ba5373b,
        0xc8842568a44e736e, 0xe7600267ee385624, 0x79ba909966b50331,
        0xa90979584d5aff07, 0xbee52fb49abd82ed, 0x0dea8d8c57813a13,
        0x57a7ef264b2ee4ff, 0xba76aef3fe372e1c, 0x5679e0e68687755d,
      ]
    }

    /// 2^1536 mod q
    @inline(__always)
    static var r: Limbs {
      [
        0x04d3b8f7bc13d982, 0x38a1057c7a426831, 0x05b7dff2cfa18699,
        0xa1e4382fc5d67eae, 0x24f18c84389a6c4f, 0x9b0f8853c81e0a2d,
        0x66a4ed7ac3059e13, 0x38b43e0c6db4eb76, 0x5322d2edbd7a4bb4,
        0x59e64945e474d31b, 0xa733e4c95b23877e, 0x4a4881b3df69eee7,
        0x0fa1a9d53f47b6ab, 0xe13cde368e50dd69, 0x337fe509c8b59189,
        0x6ef7b52eb7631922, 0x313ffb30238f53b6, 0x0c8adecd3295f99c,
        0xaded0d4f654a01f1, 0x8235a096ca84fa24, 0xe42ae4e750fd8bd8,
        0x50b021b369a23601, 0x8b12a2180391a3c7, 0x530c3e32f2f11544,
      ]
    }

    /// 2^3072 mod q
    @inline(__always)
    static var rSquared: Limbs {
      [
        0xc600561ddf50860e, 0x1b3a8bcaf5ea6448, 0x3bccd4da0fe59df8,
        0x11b78144ba033106, 0xf211d6c7e3895756, 0x18f0cf626e0a966d,
        0x91cc594c7d0559c7, 0x18136f41be430163, 0xda10cb75034de7ac,
        0xe95b97e3bc074d99, 0xbce6335e9474b1de, 0xd2c1365f06b47f72,
        0x7e3855823915f866, 0xbec537a266ed16ff, 0xb925629eb95faf93,
        0x3d53dcfb3eec0219, 0x8099f2f10f52fd75, 0xc493ef06ba160311,
        0xfd11c20f01ee88d7, 0xf9fe111feafd6fe0, 0x2c688ee93747a7cc,
        0x1c3dd90e5a808a87, 0xd8d5797871869459, 0x2fae41cb311cad45,
      ]
    }
  }
}
