/// The pairing of the paper's evaluation: PBC's "type A", symmetric, on the supersingular curve
/// y² = x³ + x over F_q.
///
/// q ≡ 7 mod 8, so −1 is no square and 2 is one; the curve has q + 1 = h·p points, p a prime of
/// the sparse form 2^a ± 2^b ± 1, and embedding degree 2. These suites serve `bcemr evaluate` and no
/// ledger: security for a given time is much worse than that of BLS12-381.
///
/// The protocol is internal so that other modules reach its members through the conformances of the
/// suites, which are compiled for these types, and never through the generic code.
protocol TypeASuite: PairingSuite
where G1 == Point, G2 == Point, GT == Target, PreparedG2 == Lines, Scalar: TypeAScalar {
  associatedtype Field: TypeAField
  associatedtype Point: TypeAPoint where Point.Suite == Self
  associatedtype Target: TypeATarget where Target.Suite == Self
  associatedtype Lines: TypeALines where Lines.Suite == Self

  /// p.
  static var order: SparsePrime { get }
  /// h = (q + 1)/p in 64-bit words, least significant first; a multiple of 2^(32n) for n words of q,
  /// which ``LongWords`` relies on.
  static var cofactor: [UInt64] { get }
  /// h times a hash, which `scripts/vectors/type_a.py` derives.
  static var generator: CompressedPoint { get }
  /// What is computed once.
  static var constants: TypeAConstants<Self> { get }
}

/// What the suites ask of their base field.
protocol TypeAField: Field {
  static var encodedByteCount: Int { get }
  static var modulusBitCount: Int { get }
  init(encoded bytes: some Collection<UInt8>) throws(PairingError)
  init(reducing bytes: some Collection<UInt8>)
  init(_ value: UInt64)
  func encoded() -> [UInt8]
  /// The canonical form in 64-bit words, least significant first.
  var words: [UInt64] { get }
  func squareRoot() -> (root: Self, exists: Mask)
  var sign0: Mask { get }
}

extension PrimeField: TypeAField {
  var words: [UInt64] {
    let integer = self.integer
    return (0..<limbCount).map { integer[$0] }
  }
}

/// A prime 2^a + s·2^b + t with s and t of 1 and −1.
struct SparsePrime: Sendable {
  let a: Int
  let b: Int
  let middleIsNegative: Bool
  let lastIsNegative: Bool

  /// p·P, whose doublings and additions do not depend on P.
  func multiplied<F>(_ point: EdwardsPoint<F>) -> EdwardsPoint<F> {
    let middle = point.doubled(times: a - b) + (middleIsNegative ? -point : point)
    return middle.doubled(times: b) + (lastIsNegative ? -point : point)
  }
}

/// A point by x in 64-bit words, least significant first, and the parity of y.
struct CompressedPoint: Sendable {
  let x: [UInt64]
  let isYOdd: Bool

  /// - Precondition: there is such a point.
  func point<Field: TypeAField>(squareRootOf2: Field) -> EdwardsPoint<Field> {
    EdwardsPoint.decompressed(
      Field(reducing: bigEndian(x)), parityOfY: isYOdd ? 1 : 0, squareRootOf2: squareRootOf2
    ).point
  }
}

private func bigEndian(_ words: [UInt64]) -> [UInt8] {
  words.reversed().flatMap { word in
    (0..<8).map { UInt8(truncatingIfNeeded: word &>> UInt64(56 - 8 * $0)) }
  }
}

/// Constants of a suite that follow from its parameters.
final class TypeAConstants<Suite: TypeASuite>: Sendable {
  /// √2: leads from Montgomery's form of the curve to that of Edwards.
  let squareRootOf2: Suite.Field
  /// h⁻¹ mod p.
  let inverseCofactor: Suite.Scalar
  let inverseCofactorDigits: [SparseDigit]
  let half: Suite.Field
  /// The digits of h in width-w non-adjacent form, most significant first.
  let cofactorDigits: [SparseDigit]
  let generator: EdwardsPoint<Suite.Field>
  let generatorTable: EdwardsTable<Suite.Field>

  init() {
    squareRootOf2 = Suite.Field(2).squareRoot().root
    let cofactor = bigEndian(Suite.cofactor).reduce(Suite.Scalar.zero) {
      $0 * Suite.Scalar(256) + Suite.Scalar(UInt64($1))
    }
    inverseCofactor = cofactor.inverted()
    inverseCofactorDigits = SparseDigit.nonAdjacentForm(
      inverseCofactor.value.words, width: CofactorWindow.width)
    half = Suite.Field(2).inverted()
    cofactorDigits = SparseDigit.nonAdjacentForm(Suite.cofactor, width: CofactorWindow.width)
    generator = Suite.generator.point(squareRootOf2: squareRootOf2)
    generatorTable = EdwardsTable(generator, bitCount: Suite.order.a + 1)
  }
}
