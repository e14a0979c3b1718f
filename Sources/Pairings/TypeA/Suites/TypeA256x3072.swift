/// Type A with p of 256 bits and q of 3071: number 1889 from the seed
/// of `scripts/vectors/type_a.py`, which wrote this file.
public enum TypeA256x3072: TypeASuite {
  public static var name: String { "type-a-256-3072" }
  public typealias Scalar = TypeA256Scalar

  public struct Point: TypeAPoint {
    public typealias Scalar = TypeA256Scalar
    typealias Suite = TypeA256x3072
    package var edwards: EdwardsPoint<Field>
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

  package typealias Field = PrimeField<48, BaseField>
  static var order: SparsePrime { TypeA256Scalar.order }
  static let constants = TypeAConstants<TypeA256x3072>()

  /// h = (q + 1)/p
  package static let cofactor: [UInt64] = [
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x506658d21e50c976, 0x90eeecd4103cceb2, 0x53fe8a55f2ddd21b,
    0x20dc5cde930a8940, 0x2e4f4ff690dd4dca, 0x00bfa08bc00164c8,
    0x1c394c2b2faa3eda, 0xa0113bb8357f501b, 0x4480c899d41f3197,
    0xf38c3d5307d28a92, 0x8390a33b96c3d2db, 0x1e46200275c74cf2,
    0xcbc8ef8ea3a4c1e2, 0x1337580eba0bbf28, 0x58ed22c421f054a3,
    0x322f53c3cfd7bc94, 0xa02b49e6764d1f00, 0x32f38392b5b93fa4,
    0x7e4a80a43b389e95, 0x9a854144a675e87c,
  ]

  /// h times the point of the empty message and the tag "BCEMR-V01-type-a-256-3072-GENERATOR".
  static let generator = CompressedPoint(
    x: [
      0x8740000c173adb69, 0x31e57d568a7a3d6d, 0x38f21c932c8e1a7a,
      0x1096fdb3bbb224df, 0xeac7ff6dedf0f9a8, 0xd2da99e2d907d75a,
      0x96bebbcf74985619, 0x8b0c77a343011718, 0x034a3b7f3e17cfe9,
      0x17dab5e17317802a, 0x361e85b85e3d9d4f, 0x7c9d2cac20e02eb7,
      0xdc05979a744a551f, 0x1cf79cc5cb56ab68, 0xbc354bb4b0ebb0e0,
      0xe0aaa689a463a788, 0x27382f61317c51f2, 0x45b7f48cde552e80,
      0xe5850868756fd727, 0x2cf9f285ced0b9ed, 0xb1abd17a38465f5d,
      0xcac189e51f0affc2, 0x33a25fb8ee947433, 0xa5e4ed962a2a0d62,
      0x6df755de144b8544, 0x046ef91fe7b6bd6a, 0x25ef684d4db7b2ad,
      0xc0da8e93fbc673ce, 0xcd5649d830acd95e, 0x0e82a811ce62cfcb,
      0xfc7e01455eabca62, 0xcc1999b711fb5139, 0x1322629436b71251,
      0x242c331abf0079e4, 0x08de05b887f7c767, 0x6191905c47c220f4,
      0x7dc000c7e3232980, 0x753c67418b104cac, 0x7dc221aa24caef87,
      0x1209766c2e33c24e, 0x0c7fe87366a79283, 0x28ef36e89ec60447,
      0xb1c1d4bd2b811ccf, 0x1d49bebd94c2afa1, 0x2feccd10f2043f94,
      0xea60f79b2859d378, 0x9c52c1b8e86239c0, 0x46160e468d41eb18,
    ], isYOdd: true)

  package enum BaseField: MontgomeryParameters {
    package typealias Limbs = InlineArray<48, UInt64>

    /// q = h·p − 1
    @inline(__always)
    package static var modulus: Limbs {
      [
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff,
        0xf1f944d21e50c975, 0x0a8c5174dcee72ee, 0x0fa2c177d0b77a3c,
        0x35eedd86901f3526, 0x111e10a158bf6fab, 0xcc00a75266bfb943,
        0x9ab64557a85a3f67, 0xaf1fa05ff19ceb1a, 0x9a0b9fd53f0548e7,
        0x99013221e964709e, 0x9953013847139858, 0x7ce8a2e5b1cd6c2d,
        0x378d181819f45f99, 0x247bc84fcfd421b9, 0x7b5eba885c025b85,
        0xf0cb8c76e500eb51, 0xa04dc21226c70790, 0x2f0e78da6952ec25,
        0x1bfe3c6c3337ee52, 0x9f6de42323630f3d, 0x5015a62845a918cd,
        0x9979c1c95adc9fd2, 0x3f2540521d9c4f4a, 0x4d42a0a2533af43e,
      ]
    }

    /// 2^3072 mod q
    @inline(__always)
    package static var r: Limbs {
      [
        0x0000000000000003, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
        0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
        0x2a143189a50da39e, 0xe05b0ba16934a733, 0xd117bb988dd9914b,
        0x5e33676c4fa2608d, 0xcca5ce1bf5c1b0fe, 0x9bfe0a08cbc0d436,
        0x2fdd2ff906f141c8, 0xf2a11ee02b293eb0, 0x31dd208042f02548,
        0x34fc699a43d2ae24, 0x3406fc572ac536f6, 0x8946174eea97bb77,
        0x5958b7b7b222e133, 0x928ca71090839ad4, 0x8de3d066ebf8ed70,
        0x2d9d5a9b50fd3e0b, 0x1f16b9c98baae94d, 0x72d49570c4073b8f,
        0xac054abb66583509, 0x21b6539695d6d248, 0x0fbf0d872f04b597,
        0x3392baa3ef6a2089, 0x42903f09a72b1220, 0x18381e19064f2345,
      ]
    }

    /// 2^6144 mod q
    @inline(__always)
    package static var rSquared: Limbs {
      [
        0x77973fcc31bf2689, 0x8dc166c5f71e1fe0, 0xcc4963e9925cd27a,
        0xb7693f42cf0671c9, 0xad3a11540cf61987, 0x411338cbaaa22a12,
        0x7e31ae018e8765b1, 0x54c750392aee6054, 0xd81e3e25b3f45ddd,
        0xba782af677d99c6a, 0xa48d302c669894a6, 0x1151f4cbc0fbdcd4,
        0xe6960d2c46a02b52, 0x7f114aedbb01e793, 0x390a1874fa3183f2,
        0x0f6aeff136b54806, 0x72e49ede784b15c2, 0xdfa059f9857caae5,
        0xad91432b5579ae4d, 0x00c3081cdf148a53, 0x5276f8c25bafbb9e,
        0x044a1311669c5013, 0xd67858066ecc1e94, 0x30eb8237fae6c0de,
        0x5c1d68f46141c45c, 0x6923fb1174577ef1, 0x86916751109fcd6f,
        0xa29be634b1a64e06, 0x5ec24268f5e9ba68, 0x372c597c520dc153,
        0x689c69c3472a68d7, 0xc0fc6623ea58486e, 0x9da501c89dbfa95f,
        0x4bc717d5c20823bb, 0x9a7a26812b11df0d, 0x233ec0d0dc1f305e,
        0x06dc223268b8ff93, 0x1a92554817b69907, 0xa40e59ae6695905e,
        0x4730c6cf29ccc47e, 0xb2a3ec8c181dca83, 0x63adb01e4e98640c,
        0xe83af3f70d411c47, 0xc4d7189e49056f92, 0x24ebc62122ebc649,
        0x8ae4bb7bf9107abe, 0x786ab030d0e28920, 0x371b2f4a73422bce,
      ]
    }
  }
}
