/// Type A with p of 256 bits and q of 3071.
public enum TypeA256x3072: TypeASuite {
  public static var name: String { "type-a-256-3072" }
  public typealias Scalar = TypeA256Scalar

  public struct Point: TypeAPoint {
    public typealias Scalar = TypeA256Scalar
    typealias Suite = TypeA256x3072
    var edwards: EdwardsPoint<Field>
    let isCleared: Bool
    init(_ edwards: EdwardsPoint<Field>, isCleared: Bool) {
      (self.edwards, self.isCleared) = (edwards, isCleared)
    }
  }

  public struct Target: TypeATarget {
    public typealias Scalar = TypeA256Scalar
    typealias Suite = TypeA256x3072
    var value: GaussianExtension<Field>
    init(_ value: GaussianExtension<Field>) { self.value = value }
  }

  public struct Lines: TypeALines {
    typealias Suite = TypeA256x3072
    let lines: MillerLines<Field>
    init(_ lines: MillerLines<Field>) { self.lines = lines }
  }

  typealias Field = PrimeField<48, BaseField>
  static var order: SparsePrime { TypeA256Scalar.order }
  static let constants = TypeAConstants<TypeA256x3072>()

  /// h = (q + 1)/p
  static let cofactor: [UInt64] = [
    0x9bdbb98f8dc450c8, 0xa01ab328163fae9c, 0x9080c478927f534c,
    0x2f0724d08f0bfc6a, 0x414fd781194c9ee0, 0x9b9cfbf7b172ddbf,
    0xc8ca881ed0f0e31e, 0x8953f3ffc977274c, 0x3cdb9db7f1f04ff8,
    0xeefe1f074a006436, 0x7ffb2b53ec3f87c2, 0x316b40a251e4d218,
    0x84a41e6cb7ac31ac, 0x0b2f1885fce93b8b, 0x67f79a3bf6c2df34,
    0x0698bd0403a5e81c, 0x2b65376fa921d3f2, 0x829c4008b5ace4e3,
    0xff044cdd4bfc21b1, 0xe0a6b4857031973f, 0xab0256a0bcd587da,
    0x13df00c3c6d8cd9b, 0x96cfd2087ab88e24, 0xa28d486b113afe24,
    0x95ff48cd58ce456d, 0x121ca80ab1e988c5, 0xd6fe82b40ddec576,
    0xcfc8ee115f8d0b2d, 0xeffa9347de2873bc, 0x18750d61386464c8,
    0xef66e80a576ed4bf, 0xa286ae006f06ddd2, 0xea9ed47c7014f1e2,
    0xc4e0e04f03458d09, 0xad3088f5e4b162bb, 0xd43c100638246d62,
    0x06b899b398fce664, 0xc537f8a652e4da18, 0xda1fda1b9aa9f44c,
    0x4110a94cf3a6f39f, 0xe7190a68e093f926, 0xd2685db7898ec972,
    0xe48de2443fd7910e, 0x8c4d2d4d69b78472,
  ]

  enum BaseField: MontgomeryParameters {
    typealias Limbs = InlineArray<48, UInt64>

    /// q = h·p − 1
    @inline(__always)
    static var modulus: Limbs {
      [
        0x247d498f8dc450c7, 0x1f77ec5fcdb2cdb8, 0x8f275db8c7e5a379,
        0x46fff9f19094ed8f, 0x287b74a6ee786862, 0xd165d40e5c41b740,
        0xf2d1279254287c27, 0x8f261ff9a60d6323, 0xbe237a8b267e9efb,
        0x3d95097cd9f542f9, 0x636ff54150f607e6, 0x3fb96ba22cf70d97,
        0xfb7545ab87259e4c, 0x55253f12ea264715, 0x2db397fc4b13af0f,
        0x6b1e96251bccc916, 0x315f2ab33671f4cf, 0xe1fd92a27e9061fb,
        0x2b437d007fdda2b6, 0x472193057a9e45e6, 0xebc4a819decf7cb4,
        0x86c8581e265c8186, 0x076e409edeb8268a, 0x88dcebdb68f7daba,
        0x080b4f62d1c9df7d, 0xef1db39893e78a45, 0xdff157dc848b21eb,
        0xbb25edf4e52ff25b, 0x0be1b14e1c6bb932, 0xea4cf346867fb8e8,
        0xb88fa7954878f9ea, 0x1826cae7ec9d7818, 0x8c7fe3656c852c9f,
        0xdc357ad4dd20b84e, 0x87a97484d2296b21, 0x6e5a2c60d0b9c815,
        0xf5d4cd9a49276bc6, 0x715c98db45bb07ce, 0x84a0b820fcf3f250,
        0xf915f1044f6d6186, 0x1267a3c4ce65063f, 0x52973fd8e5160840,
        0x80bfecf6dde7fa48, 0x1bde67bcff4f86c2, 0x738c864d0aa49767,
        0x69342edbc4c764b9, 0x7246f1221febc887, 0x462696a6b4dbc239,
      ]
    }

    /// 2^3072 mod q
    @inline(__always)
    static var r: Limbs {
      [
        0x9288235156b30dab, 0xa1983ae096e796d7, 0x5289e6d5a84f1594,
        0x2b00122b4e413751, 0x868da20b3496c6d9, 0x8bce83d4eb3ada3f,
        0x278c894903868b88, 0x528da0130dd7d694, 0xc595905e8c84230d,
        0x4740e38972203712, 0xd5b0203c0d1de84d, 0x40d3bd19791ad739,
        0x0da02efd6a8f251b, 0x009042c7418d2abe, 0x76e5380b1ec4f2d2,
        0xbea43d90ac99a4bd, 0x6be27fe65caa2191, 0x5a074818844eda0e,
        0x7e3588fe806717db, 0x2a9b46ef90252e4d, 0x3cb207b2639189e3,
        0x6ba6f7a58cea7b6b, 0xe9b53e2363d78c60, 0x65693c6dc5186fd1,
        0xe7de11d78aa26187, 0x32a6e53644496130, 0x602bf86a725e9a3c,
        0xce8e3621507028ec, 0xdc5aec15aabcd467, 0x4119262c6c80d547,
        0xd65109402695123f, 0xb78b9f483a2797b5, 0x5a8055cfba707a22,
        0x6b5f8f81689dd714, 0x6903a2718983be9a, 0xb4f17add8dd2a7bf,
        0x1e8197312489bcac, 0xabea356e2ecee893, 0x721dd79d0924290e,
        0x14be2cf311b7db6c, 0xc8c914b194d0ed40, 0x083a407550bde73f,
        0x7dc0391b66481127, 0xac64c8c902116bb8, 0xa55a6d18e01239ca,
        0xc463736cb1a9d1d3, 0xa92b2c99a03ca669, 0x2d8c3c0be16cb953,
      ]
    }

    /// 2^6144 mod q
    @inline(__always)
    static var rSquared: Limbs {
      [
        0x165fb4f2767f913f, 0x79ef2d39a3e8babf, 0x8d466ffdb348248a,
        0xc9d568712cba55c0, 0x2f561b0c41a34edb, 0xa307e47131b41526,
        0x387f74e361e94836, 0x8c26d3a192d496f4, 0x844ef0e864217f0a,
        0xe35f45055d6f29a0, 0x8baee6ce474838d6, 0xdc904742a64df929,
        0xcfbdea991864e832, 0x1b821dcd401496e2, 0xbb685d8a52efbe06,
        0x4eb0af5d3a3f7534, 0x15388502f2f538fe, 0x719b34649375aa02,
        0xaf731f3d62122d88, 0x0c3645c3050e06b3, 0x654ea495cd10ac60,
        0x29804de5393ade0d, 0xb3e5e19949febc8f, 0xc6401aaaabc35f46,
        0x6bf1c6e1d9347545, 0x06d40c8ad9f84416, 0x53e21aff4be9dd5a,
        0x5ee2e5c3e4c4496e, 0x8c951e1a3224c6c1, 0x00cb6e4b13d10c6f,
        0x82862e44cf59b23d, 0x9618017e3b410e58, 0xad0606b7eb077a28,
        0x678bc35d46cde65a, 0xd91adfdeb7793122, 0x8839e67396822f6c,
        0xa821c9d01c6f4a0e, 0x202ecfd5425cc911, 0xdeba46c8d53e4b02,
        0xb19ac458254bca17, 0xb10f717306b0748b, 0x8183e054022f9d6d,
        0x18ae1d0b21ee8b44, 0x6334b34c9e25f332, 0xdfb2e145258ea74f,
        0x597b74c49d9c276c, 0xfdf17e5b1ef9af00, 0x1d4b613bb9d13fb2,
      ]
    }
  }
}
