/// Type A with p of 224 bits and q of 1023.
public enum TypeA224x1024: TypeASuite {
  public static var name: String { "type-a-224-1024" }
  public typealias Scalar = TypeA224Scalar

  public struct Point: TypeAPoint {
    public typealias Scalar = TypeA224Scalar
    typealias Suite = TypeA224x1024
    var edwards: EdwardsPoint<Field>
    let isCleared: Bool
    init(_ edwards: EdwardsPoint<Field>, isCleared: Bool) {
      (self.edwards, self.isCleared) = (edwards, isCleared)
    }
  }

  public struct Target: TypeATarget {
    public typealias Scalar = TypeA224Scalar
    typealias Suite = TypeA224x1024
    var value: GaussianExtension<Field>
    init(_ value: GaussianExtension<Field>) { self.value = value }
  }

  public struct Lines: TypeALines {
    typealias Suite = TypeA224x1024
    let lines: MillerLines<Field>
    init(_ lines: MillerLines<Field>) { self.lines = lines }
  }

  typealias Field = PrimeField<16, BaseField>
  static var order: SparsePrime { TypeA224Scalar.order }
  static let constants = TypeAConstants<TypeA224x1024>()

  /// h = (q + 1)/p
  static let cofactor: [UInt64] = [
    0xfb83eadc6ebfeb48, 0x9991674354ca9e02, 0x6432006a5815c39f,
    0x88719be1fae3221c, 0xe12911bf561d1e92, 0xf6c8695537cc7678,
    0x0544cb5ad5ecc853, 0xece1a8f98042796a, 0xc39a59cdca8d56c6,
    0xf50ed203f1cdbe54, 0x3c2064ddbb8a5a87, 0x5b195c6787a272b9,
    0x00000000d77642aa,
  ]

  enum BaseField: MontgomeryParameters {
    typealias Limbs = InlineArray<16, UInt64>

    /// q = h·p − 1
    @inline(__always)
    static var modulus: Limbs {
      [
        0x8866f192512b5cb7, 0xf7d5dc1175d364f8, 0xcdce69edbdaddbf9,
        0x208a3bbce83efa47, 0xf24dfc9844c36964, 0xfdabcdb26172b609,
        0x3cf8208948f48bd7, 0x9fd5dfd0066fbe8c, 0x72a5af39335df905,
        0x84b99617d754cb19, 0xa465b592d172931a, 0xa389b68391411aff,
        0xf8e6e00100999497, 0xddc52d43fa876901, 0xc3d1395c9e10326e,
        0x6bbb21552d8cae33,
      ]
    }

    /// 2^1024 mod q
    @inline(__always)
    static var r: Limbs {
      [
        0xef321cdb5da94692, 0x105447dd1459360e, 0x64632c2484a4480c,
        0xbeeb88862f820b70, 0x1b6406cf76792d37, 0x04a8649b3d1a93ec,
        0x860fbeed6e16e850, 0xc054405ff32082e7, 0x1ab4a18d99440df4,
        0xf68cd3d0515669cd, 0xb73494da5d1ad9ca, 0xb8ec92f8dd7dca00,
        0x0e323ffdfeccd6d0, 0x4475a5780af12dfc, 0x785d8d46c3df9b22,
        0x2889bd55a4e6a398,
      ]
    }

    /// 2^2048 mod q
    @inline(__always)
    static var rSquared: Limbs {
      [
        0xe8109b80f0360bd8, 0x08227089a8822ea1, 0x64697224953fb388,
        0x188e5f271f3f7c8b, 0x7f764fde178dab59, 0xb3b9c83d912235e8,
        0x9d3f12dcd028c860, 0x612f69cfd538a6ef, 0x2fcc730655fe77a5,
        0xd396608a293af2e8, 0x2a2d6a7c3c064aef, 0x92416df5881f2414,
        0x27aa67f14bee0900, 0x8f6573facda857f9, 0x4736ba11fe770558,
        0x5ea7e7da7e29b11f,
      ]
    }
  }
}
