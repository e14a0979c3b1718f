import Pairings
import TestSupport
import Testing

/// p = 2^511 − 187: eight limbs, so that the loops over limbs are not unrolled.
private enum EightLimbParameters: MontgomeryParameters {
  typealias Limbs = InlineArray<8, UInt64>
  static var modulus: Limbs {
    var limbs = Limbs(repeating: .max)
    limbs[0] = 0 &- 187
    limbs[7] = .max >> 1
    return limbs
  }
  /// 2^512 − 2p = 374
  static var r: Limbs { small(374) }
  static var rSquared: Limbs { small(374 * 374) }

  private static func small(_ value: UInt64) -> Limbs {
    var limbs = Limbs(repeating: 0)
    limbs[0] = value
    return limbs
  }
}

private typealias EightLimbField = PrimeField<8, EightLimbParameters>

@Suite("Prime fields agree with schoolbook arithmetic on bytes")
struct FieldsReferenceTests {
  @Test("F_p, six limbs")
  func baseField() throws { try agree(Fp.self) }

  @Test("F_r, four limbs")
  func scalarField() throws { try agree(Fr.self) }

  @Test("2^511 − 187, eight limbs")
  func eightLimbs() throws { try agree(EightLimbField.self) }

  @Test("the eight-limb field obeys the laws of a field", arguments: eightLimbLaws)
  func laws(_ law: Law) throws { #expect(try law.counterexample() == nil) }

  private static let eightLimbLaws = FieldLaws<EightLimbField>.all {
    EightLimbField(reducing: $0.bytes(80))
  }

  private func agree<let n: Int, P: MontgomeryParameters>(_: PrimeField<n, P>.Type) throws {
    typealias F = PrimeField<n, P>
    var generator = SeededGenerator(seed: UInt64(n))
    // The modulus by way of its largest residue, so that the reference shares no constant.
    let modulus = Reference(bytes: (-F.one).encoded()).adding(Reference(bytes: [1]))
    let edges = [F.zero, .one, -.one, -.one - .one, F(.max), F(.max) * F(.max)]
    let samples = edges + (0..<6).map { _ in F(reducing: generator.bytes(2 * F.encodedByteCount)) }
    for a in samples {
      for b in samples {
        let (x, y) = (Reference(bytes: a.encoded()), Reference(bytes: b.encoded()))
        #expect(Reference(bytes: (a * b).encoded()) == x.multiplied(by: y).reduced(by: modulus))
        #expect(Reference(bytes: (a + b).encoded()) == x.adding(y).reduced(by: modulus))
        #expect(Reference(bytes: (a - b + b).encoded()) == x)
        #expect(try F(encoded: a.encoded()) == a)
      }
      #expect(a.isZero ? a.inverted().isZero : a * a.inverted() == .one)
    }
    let wide = generator.bytes(16 * n)
    #expect(
      Reference(bytes: F(reducing: wide).encoded()) == Reference(bytes: wide).reduced(by: modulus))
  }
}

/// A natural number as bytes, least significant first and without leading zeros: slow and plain.
private struct Reference: Equatable {
  private var bytes: [UInt8]

  /// - Parameter bytes: big-endian
  init(bytes: [UInt8]) {
    self.bytes = bytes.reversed()
    trim()
  }

  func adding(_ other: Reference) -> Reference {
    var sum = self
    sum.bytes = []
    var carry = 0
    for index in 0..<max(bytes.count, other.bytes.count) + 1 {
      carry += Int(byte(index)) + Int(other.byte(index))
      sum.bytes.append(UInt8(carry & 255))
      carry >>= 8
    }
    sum.trim()
    return sum
  }

  func multiplied(by other: Reference) -> Reference {
    var columns = [Int](repeating: 0, count: bytes.count + other.bytes.count + 1)
    for (i, a) in bytes.enumerated() {
      for (j, b) in other.bytes.enumerated() { columns[i + j] += Int(a) * Int(b) }
    }
    var product = self
    product.bytes = []
    var carry = 0
    for column in columns {
      carry += column
      product.bytes.append(UInt8(carry & 255))
      carry >>= 8
    }
    product.trim()
    return product
  }

  /// The remainder, by long division bit by bit.
  func reduced(by modulus: Reference) -> Reference {
    var rest = Reference(bytes: [])
    for bit in (0..<8 * bytes.count).reversed() {
      rest = rest.adding(rest)
      if bytes[bit / 8] >> (bit % 8) & 1 == 1 { rest = rest.adding(Reference(bytes: [1])) }
      if !rest.isBelow(modulus) { rest.subtract(modulus) }
    }
    return rest
  }

  private func byte(_ index: Int) -> UInt8 { index < bytes.count ? bytes[index] : 0 }

  private func isBelow(_ other: Reference) -> Bool {
    bytes.count == other.bytes.count
      ? bytes.reversed().lexicographicallyPrecedes(other.bytes.reversed())
      : bytes.count < other.bytes.count
  }

  private mutating func subtract(_ other: Reference) {
    var borrow = 0
    for index in bytes.indices {
      let difference = Int(bytes[index]) - Int(other.byte(index)) - borrow
      bytes[index] = UInt8(truncatingIfNeeded: difference)
      borrow = difference < 0 ? 1 : 0
    }
    trim()
  }

  private mutating func trim() {
    while bytes.last == 0 { bytes.removeLast() }
  }
}
