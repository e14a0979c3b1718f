/// Type A with p of 224 bits and q of 2047.
public enum TypeA224x2048: TypeASuite {
  public static var name: String { "type-a-224-2048" }
  public typealias Scalar = TypeA224Scalar

  public struct Point: TypeAPoint {
    public typealias Scalar = TypeA224Scalar
    typealias Suite = TypeA224x2048
    var edwards: EdwardsPoint<Field>
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

  typealias Field = PrimeField<32, BaseField>
  static var order: SparsePrime { TypeA224Scalar.order }
  static let constants = TypeAConstants<TypeA224x2048>()

  /// h = (q + 1)/p
  static let cofactor: [UInt64] = [
    0xffd64d6745f9a708, 0x38eb93ff05123106, 0x84917d44ff99b3fa,
    0x44f29bc794c7bc13, 0x726caa3e4805840d, 0x6c5fd980905a5842,
    0xe5dab67ba97a2edb, 0xe96cfdcac2d94552, 0x56b5fba98a1f1437,
    0xa33e0bb9f979a69e, 0xee87c81d68cec6d7, 0x629376c254b0cdc4,
    0xbda54ed1ac9b5b4e, 0x8316be6b7bcaba14, 0xdad0bddc5f0929b7,
    0xdff0933dff283ae4, 0xcd7f81b2db6eb336, 0x494df22f6a151af6,
    0x0b3795868b0e995f, 0xdb60727a0532b4b8, 0x69f5b508e85f84a5,
    0x65e9768b548a0f23, 0x386c55a002f332ad, 0x529c067f767b6aff,
    0x674745d4852cddf9, 0xa0227f33d532ae87, 0x498ebfcac6a4d117,
    0x1b8a70f0903121b1, 0x00000000e8964db7,
  ]

  enum BaseField: MontgomeryParameters {
    typealias Limbs = InlineArray<32, UInt64>

    /// q = h·p − 1
    @inline(__always)
    static var modulus: Limbs {
      [
        0xd67719deb3ad60f7, 0xb2a86b060d1ed5f8, 0x0cebc7ba9a1a463e,
        0x50a5ff5132f45771, 0x7cc6ac8d3d69afeb, 0x7346810ce673b42f,
        0xbf3fa33792fd6b33, 0xa7938efeb8e55b76, 0xa772da01ce2b78d0,
        0x6f8ac5ad365ce478, 0xfaacf7f4d8e56c09, 0xf5f2d5ae50d3760e,
        0xe466562a1a1af0e8, 0x480f107c208e6085, 0x20458565216471da,
        0xe6f058685a5c6557, 0x6fe78e32f2172b11, 0x3428d2166c913b0c,
        0x2bf20e76f0f324d8, 0xf2c961269d7a4cf2, 0x40c9e15adde4e20e,
        0xc9146178da2c0d5e, 0x3682a4bef5db457b, 0xbd9a3b49f29fcd76,
        0x8a4396425cabf5dd, 0x83d64df810709425, 0x006ec07b7a627158,
        0xb17cee9c4a3e92d8, 0xea99582b615b0c4e, 0x6352688bd0113f99,
        0x481890d8a4c75fe5, 0x744b26db8dc53878,
      ]
    }

    /// 2^2048 mod q
    @inline(__always)
    static var r: Limbs {
      [
        0x5311cc4298a53e12, 0x9aaf29f3e5c2540e, 0xe628708acbcb7382,
        0x5eb4015d9a17511d, 0x0672a6e5852ca029, 0x1972fde6331897a1,
        0x8180b990da052999, 0xb0d8e2028e354912, 0xb11a4bfc63a90e5e,
        0x20ea74a59346370e, 0x0aa610164e3527ed, 0x141a54a35e5913e2,
        0x373353abcbca1e2e, 0x6fe1df07bee33ef4, 0xbf74f535bd371c4b,
        0x321f4f2f4b473551, 0x2030e39a1bd1a9dc, 0x97ae5bd326dd89e7,
        0xa81be3121e19b64f, 0x1a6d3db2c50b661b, 0x7e6c3d4a44363be2,
        0x6dd73d0e4ba7e543, 0x92fab68214497508, 0x84cb896c1ac06513,
        0xeb78d37b46a81444, 0xf853640fdf1ed7b4, 0xff227f090b3b1d4e,
        0x9d0622c76b82da4f, 0x2acd4fa93d49e762, 0x395b2ee85fdd80cc,
        0x6fcede4eb6714035, 0x1769b248e4758f0f,
      ]
    }

    /// 2^4096 mod q
    @inline(__always)
    static var rSquared: Limbs {
      [
        0xd15154e2ea818fff, 0xb81908b51bfc5728, 0x79b834d61f98efce,
        0x2e98ba8de7e08d55, 0xfe39dbd719f0ffdc, 0x02ecf699995fe676,
        0x8bba89c93b020271, 0x41ced736fa86a2b8, 0x7f0222c632d69dcd,
        0xfc9db0740094d985, 0x58e69185a637f099, 0xc55c55aa6f0875ac,
        0xf5dd1c72a77338af, 0xf1b8e32cb906354e, 0x30217a151130438f,
        0xf6d05594ed9f2b48, 0xed52e8629978d2c2, 0x6705735fb42c34d9,
        0xb49285cb1fabc1b0, 0x55d71f58b878deff, 0x2b6fc7a264db5961,
        0x2b5e04faa6c2f9f5, 0x250e1a4a6a75a887, 0x835ef223ff37c2dc,
        0xe4d99fa0391f011e, 0xbccc838fcb0663e7, 0x86901070e01a3f9c,
        0xa99c286702d62d94, 0x71342bcce27cc234, 0x2c76f41fce31cec2,
        0x23aeefdd0b04e5d2, 0x58bd0fc010b102e4,
      ]
    }
  }
}
