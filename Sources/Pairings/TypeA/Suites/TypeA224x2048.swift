/// Type A with p of 224 bits and q of 2047: number 1121 from the seed
/// of `scripts/vectors/type_a.py`, which wrote this file.
public enum TypeA224x2048: TypeASuite {
  public static var name: String { "type-a-224-2048" }
  public typealias Scalar = TypeA224Scalar

  public struct Point: TypeAPoint {
    public typealias Scalar = TypeA224Scalar
    typealias Suite = TypeA224x2048
    package var edwards: EdwardsPoint<Field>
    let isCleared: Bool
    init(_ edwards: EdwardsPoint<Field>, isCleared: Bool) {
      (self.edwards, self.isCleared) = (edwards, isCleared)
    }
  }

  public struct Target: TypeATarget {
    public typealias Scalar = TypeA224Scalar
    typealias Suite = TypeA224x2048
    var value: GaussianExtension<Field>
    init(_ value: GaussianExtension<Field>) { self.value = value }
  }

  public struct Lines: TypeALines {
    typealias Suite = TypeA224x2048
    let lines: MillerLines<Field>
    init(_ lines: MillerLines<Field>) { self.lines = lines }
  }

  package typealias Field = PrimeField<32, BaseField>
  static var order: SparsePrime { TypeA224Scalar.order }
  static let constants = TypeAConstants<TypeA224x2048>()

  /// h = (q + 1)/p
  package static let cofactor: [UInt64] = [
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0xfef371a141286238, 0xcd0063d2c3b8acab,
    0x20c576e392da7be3, 0xad07e4332308e55b, 0x4207eb1fc3b222b6,
    0x651b4925f79e1da5, 0x3de698837f23d9ec, 0x639861256c068ced,
    0x18a1d5f29cb99ccf, 0xe38cc21efe404c99, 0xd7c7a154a28e461c,
    0x528d05b2aba9c068, 0x00000000e518cc94,
  ]

  /// h times the point of the empty message and the tag "BCEMR-V01-type-a-224-2048-GENERATOR".
  static let generator = CompressedPoint(
    x: [
      0xfe9e8f6409abadc0, 0xf621cab888241286, 0xfad59ac13eed96ce,
      0x928d263e4040bbbf, 0x74c115c57fc0095f, 0xbdc4707b4bf6b74c,
      0x76b88a40b117c729, 0xbea7b48bff6b2453, 0x5321079d06a2ae59,
      0x7a1677d3d66eb616, 0x06527bd6c5e3045d, 0xa7fe2927ab11cdf0,
      0xd4c5a929e003ede5, 0x55827fe3ae7d785f, 0x9580203d5a0f0ce4,
      0x2c19711ed49a45cd, 0x689eeae00515b82e, 0xd5ed994ae31886ca,
      0x6d0e89bf3b613cfc, 0x1e0f8ec4ec021fe8, 0xd1e5202b32a3d99b,
      0x6cb8a8d73abd97ec, 0x11871315ce2787f6, 0x5edb0290f5123899,
      0x83a35eebb5f9d200, 0x57a6911f4d1a6291, 0xab3ba222de0e2a9f,
      0xad682454ec080b02, 0x97c00450917c638d, 0x561b129cb0748481,
      0x19936f47a29befec, 0x6a9a9fddbddd20d6,
    ], isYOdd: true)

  package enum BaseField: MontgomeryParameters {
    package typealias Limbs = InlineArray<32, UInt64>

    /// q = h·p − 1
    @inline(__always)
    package static var modulus: Limbs {
      [
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xf47e2f9fe739d5c7, 0x33636ef0f4f3ff52,
        0xa4b16caf47a167e9, 0xfb70800be5dc75c5, 0x27bf8af9edea4cc6,
        0x7f9b1ac38cffb986, 0x3a365da93518cdea, 0x16a1d5a1f10a526a,
        0x85032b7cbde72824, 0x68c749d57499f112, 0xa5dcf9c48aab2308,
        0x88d57b60afe2d901, 0x7f202730c004b2b7, 0x5147230e71c6610f,
        0x55d4e0346be3d0aa, 0x728c664a294682d9,
      ]
    }

    /// 2^2048 mod q
    @inline(__always)
    package static var r: Limbs {
      [
        0x0000000000000002, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x1703a0c0318c5470, 0x9939221e1618015a,
        0xb69d26a170bd302d, 0x091effe834471474, 0xb080ea0c242b6672,
        0x00c9ca78e6008cf3, 0x8b9344ad95ce642b, 0xd2bc54bc1deb5b2b,
        0xf5f9a9068431afb7, 0x2e716c5516cc1dda, 0xb4460c76eaa9b9ef,
        0xee55093ea03a4dfc, 0x01bfb19e7ff69a90, 0x5d71b9e31c733de1,
        0x54563f9728385eab, 0x1ae7336bad72fa4d,
      ]
    }

    /// 2^4096 mod q
    @inline(__always)
    package static var rSquared: Limbs {
      [
        0x2e2692672f165ac0, 0x673a7d8aefca9d6e, 0xd7204b1bc3077068,
        0x6cefd7edf98d93e3, 0x0d7cff0a1e9d6360, 0x942377804549ae30,
        0x7e0980962f80a68e, 0xa015962a7260f541, 0x082791efbca9d756,
        0xb413eb81e4aad45e, 0xe27abb54ca7fdd73, 0x0d7030f4bc81bc8b,
        0xb01a9b91fac457f2, 0x92ab41ef8ae1daab, 0xb7711b8df64f50d6,
        0x0319796146283c8a, 0x036513c019e0f7bc, 0x5f96f597ad5ed3f7,
        0xac87faacdf9162db, 0x0dea71f878ecb141, 0xc8310b248a530ece,
        0xfa18b794a391b70d, 0x0e68d467c9057bd9, 0x42df5e11adaa7a1c,
        0x2c4574ae22f5d5d5, 0xce79515489fc24a7, 0xba20914e473ee2f1,
        0xefe7186590989be3, 0x32f115bc1e46f63e, 0xe9f38c7a9e2251e0,
        0xf4cd4dede40945ad, 0x184c5e0c80403a90,
      ]
    }
  }
}
