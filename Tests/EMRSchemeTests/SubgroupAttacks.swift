import CanonicalEncoding
import EMRScheme
import Pairings
import Testing

/// What points outside the subgroups would do, mounted on bare curve arithmetic.
@Suite("Attacks with points outside the subgroups")
struct SubgroupAttacks {
  typealias Point<Curve: ShortWeierstrassCurve> = ProjectivePoint<Curve>

  /// (0, 2) on y² = x³ + 4: of order 3.
  private let torsion3 = Point<G1Curve>(
    AffinePoint(x: .zero, y: Fp.one.doubled()))

  /// A point of order 13 on y² = x³ + 4·(1 + u): a point of the curve times h2·r/169, and 13.
  private let torsion13: Point<G2Curve>

  init() throws {
    func element(_ hex: String) throws -> Fp {
      try Fp(encoded: #require([UInt8](hex: hex)))
    }
    torsion13 = Point<G2Curve>(
      AffinePoint(
        x: Fp2(
          try element(
            "157573f4c77585787c2c988585c1f6afe39f5b91aacb37509b42ec71fceb51a1"
              + "576fda15dac1031f8d26785d6b139784"),
          try element(
            "0e074268358ced055a27ab8de3bbdeb6d0c2949685103095e491dc537fc8ee47"
              + "4a73ce0b2826fae8eabfb3078a910b64")),
        y: Fp2(
          try element(
            "1409bd0f66a342adbd89fd4c49a9a06580309dbfaeac7449cd8a58ba5d71f8cb"
              + "e0299d203f9ff6a6ad6e05649125132e"),
          try element(
            "1020564df685fc6f4568cc6f629ad422e43d4dd78d42c2771f48cd192290803a"
              + "19fecc8a030e65cf4efb07d4158771c7"))))
  }

  /// k·P by doubling and adding, right for every point of the curve.
  private func multiply<Curve>(_ scalar: [UInt8], _ point: Point<Curve>) -> Point<Curve> {
    scalar.reduce(.identity) { product, byte in
      (0..<8).reduce(product) { product, bit in
        product.doubled() + (byte >> (7 - bit) & 1 == 1 ? point : .identity)
      }
    }
  }

  @Test("the points used here have the orders 3 and 13")
  func orders() {
    #expect(torsion3.isOnCurve.declassified && torsion13.isOnCurve.declassified)
    #expect(torsion3 != .identity && multiply([3], torsion3) == .identity)
    #expect(torsion13 != .identity && multiply([13], torsion13) == .identity)
  }

  @Test("[attack] item 23: 3-torsion cancels in a batched subgroup check")
  func cancellingTorsion() throws {
    var visit = try Visit(team: 1)
    let signed = try visit.sign()
    let outside = G1(signed.signature.q.point + torsion3)
    let opposite = G1(signed.signature.q.point - torsion3)
    // The pairing cannot see the torsion: Eq. (3) holds of a point that is no group element.
    #expect(
      equation3Holds(
        .init(r: signed.signature.r, q: outside),
        [SecondChain(visit.context.digest, signed.commitments).w], visit.keys))
    // Σ δ_j·Q_j is in the subgroup whenever the δ_j agree modulo 3: every third batch.
    func combined(_ a: UInt8, _ b: UInt8) -> Bool {
      G1Curve.isInSubgroup(multiply([a], outside.point) + multiply([b], opposite.point))
        .declassified
    }
    #expect(combined(4, 7) && combined(9, 9) && !combined(4, 5))

    for q in [outside, opposite] {
      let bytes = signed.signature.r.encoded() + q.encoded()
      expectRefusal(.invalidPoint) { _ = try SequentialSignature<BLS12381>(encoded: bytes) }
      let nonce = q.encoded() + signed.signature.q.encoded()
      expectRefusal(.invalidPoint) { _ = try SequentialSignature<BLS12381>(encoded: nonce) }
    }
  }

  @Test("[attack] item 1: B outside the subgroup would leak rk modulo 13")
  func leakingReencryption() throws {
    var visit = try Visit(team: 1)
    var record = try visit.seal()
    let b = try G2(encoded: record.b)
    let rk = Scalar.random(using: &visit.random)
    // A proxy that does not look multiplies; a search among 13 candidates gives rk mod 13.
    let returned = multiply(rk.encoded(), b.point + torsion13)
    let honest = multiply(rk.encoded(), b.point)
    let found = (0..<13).first { multiply([UInt8($0)], torsion13) == returned - honest }
    let residue = rk.encoded().reduce(0) { ($0 << 8 + Int($1)) % 13 }
    #expect(found == residue)

    for point in [b.point + torsion13, torsion13] {
      record.b = G2(point).encoded()
      expectRefusal(.invalidPoint) { _ = try record.check(for: visit.verifiedVisitKey) }
    }
    // Nor does the receiver take such a B_I, or anybody such a key.
    var shared = try visit.share(
      visit.sealAndCheck(), with: RequestKey<BLS12381>(using: &visit.random))
    shared.bI = G2(b.point + torsion13).encoded()
    expectRefusal(.invalidPoint) {
      _ = try shared.check(
        for: RequestKey<BLS12381>(using: &visit.random), context: visit.context,
        recordDigest: shared.record.recordDigest(visitKey: visit.context.visitKey))
    }
    var context = visit.context
    context.visitKey = G2(visit.visitKey.publicKey.point + torsion13).encoded()
    expectRefusal(.invalidPoint) {
      _ = try VerifiedVisitKey<BLS12381>(alreadyVerified: context)
    }
  }

  @Test("[attack] item 19: an uncleared W would leak d1 modulo 3")
  func unclearedHash() throws {
    let visit = try Visit(team: 1)
    let d1 = Array(visit.doctors[0].secret.encoded().prefix(32))
    let w = SecondChain(visit.context.digest, visit.commitments).w
    #expect(G1Curve.isInSubgroup(w.point).declassified)
    // r·(d1·(W + T)) = (r·d1 mod 3)·T, where the group order r is 1 modulo 3.
    let order = try #require(
      [UInt8](hex: "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001"))
    let leaked = multiply(order, multiply(d1, w.point + torsion3))
    let found = (0..<3).first { multiply([UInt8($0)], torsion3) == leaked }
    #expect(found == d1.reduce(0) { ($0 << 8 + Int($1)) % 3 })
    // With W as the library hashes it, nothing is left after the order.
    #expect(multiply(order, multiply(d1, w.point)) == .identity)
  }

  /// x = 1 of neither curve: 5 and 5 + 4·u are no squares.
  private static let offCurve = (
    g1: [0x80] + [UInt8](repeating: 0, count: 46) + [1],
    g2: [0x80] + [UInt8](repeating: 0, count: 94) + [1]
  )

  @Test("uncleared and foreign points are refused in every place that takes one")
  func everyDecoder() throws {
    try requireRefusal(
      G1(G1.generator.point + torsion3).encoded(), G2(G2.generator.point + torsion13).encoded())
    try requireRefusal(Self.offCurve.g1, Self.offCurve.g2)
  }

  private func requireRefusal(_ inG1: [UInt8], _ inG2: [UInt8]) throws {
    var visit = try Visit(team: 1)
    let record = try visit.seal()
    for (field, bytes) in [(\SealedRecord.d, inG1), (\.e, inG1), (\.b, inG2)] {
      var tampered = record
      tampered[keyPath: field] = bytes
      expectRefusal(.invalidPoint) { _ = try tampered.check(for: visit.verifiedVisitKey) }
    }
    expectRefusal(.invalidPoint) { _ = try Trapdoor<BLS12381>(encoded: inG1) }
    expectRefusal(.invalidPoint) {
      _ = try VerifiedVisitKey<BLS12381>(verifying: inG1, of: visit.context)
    }
    var context = visit.context
    context.visitKey = inG2
    expectRefusal(.invalidPoint) {
      _ = try VerifiedVisitKey<BLS12381>(alreadyVerified: context)
    }
    for (field, bytes) in [
      (\RegistrationStatement.a, inG2), (\.b1, inG1), (\.b2, inG2), (\.c1, inG1), (\.c2, inG2),
    ] {
      var statement = visit.doctors[0].statement
      statement[keyPath: field] = bytes
      expectRefusal(.invalidPoint) {
        _ = try VerifiedDoctorKey<BLS12381>(alreadyVerified: statement)
      }
    }
    let blinding = ConsentBlinding(for: visit.visitKey, using: &visit.random)
    expectRefusal(.invalidPoint) {
      _ = try blinding.doctorShare.blind(RequestKey(using: &visit.random), theta: inG2)
    }
    let request = RequestKey<BLS12381>(using: &visit.random)
    var shared = try visit.share(visit.sealAndCheck(), with: request)
    shared.bI = inG2
    expectRefusal(.invalidPoint) {
      _ = try shared.check(
        for: request, context: visit.context,
        recordDigest: shared.record.recordDigest(visitKey: visit.context.visitKey))
    }
    let signed = try visit.sign()
    let (r, q) = (signed.signature.r.encoded(), signed.signature.q.encoded())
    for bytes in [r + inG1, inG1 + q] {
      expectRefusal(.invalidPoint) { _ = try SequentialSignature<BLS12381>(encoded: bytes) }
    }
    let checked = try record.check(for: visit.verifiedVisitKey)
    var evidence = try checked.openingEvidence(with: visit.visitKey)
    evidence.y = inG2
    expectRefusal(.invalidPoint) { _ = try checked.open(with: evidence, signed: signed) }
  }
}
