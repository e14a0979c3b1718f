import HashToCurve
import Pairings
import TestSupport
import Testing

@Suite("Hashing to G1 follows RFC 9380")
struct HashToCurveVectorTests {
  @Test(
    "expand_message_xmd, appendix K.1",
    arguments: try cases("expand-message-xmd") as [ExpansionCase])
  func expand(_ vector: ExpansionCase) {
    let expanded = ExpandMessageXMD.expand(
      vector.message.bytes, domain: Array(vector.domain.utf8), count: vector.length)
    #expect(expanded == vector.expanded.bytes)
  }

  @Test("every step, appendix J.9.1", arguments: try cases("hash-to-g1") as [HashToCurveStepsCase])
  func steps(_ vector: HashToCurveStepsCase) throws {
    let elements = BLS12381MapToG1.fieldElements(
      ExpandMessageXMD.expand(
        vector.message.bytes, domain: Array(vector.domain.utf8), count: 128))
    #expect(elements.0.encoded() == vector.u0.bytes)
    #expect(elements.1.encoded() == vector.u1.bytes)
    let (q0, q1) = (IsogenousPoint(mapping: elements.0), IsogenousPoint(mapping: elements.1))
    #expect(coordinates(q0.isogenyImage()) == vector.q0.map(\.bytes))
    #expect(coordinates(q1.isogenyImage()) == vector.q1.map(\.bytes))
    // The isogeny is a homomorphism, so the sum may be taken on either side of it.
    #expect((q0 + q1).isogenyImage() == q0.isogenyImage() + q1.isogenyImage())
    let p = BLS12381MapToG1.clearingCofactor(of: (q0 + q1).isogenyImage())
    #expect(coordinates(p) == vector.p.map(\.bytes))
  }

  @Test("the hash, appendix J.9.1", arguments: try cases("hash-to-g1") as [HashToCurveCase])
  func vectors(_ vector: HashToCurveCase) { check(vector) }

  @Test("other lengths and tags", arguments: try cases("hash-to-g1-more") as [HashToCurveCase])
  func more(_ vector: HashToCurveCase) { check(vector) }

  private func check(_ vector: HashToCurveCase) {
    let point = BLS12381.hashToG1(vector.message.bytes, domain: vector.domain)
    #expect(point.encoded() == vector.point.bytes)
  }

  @Test("a sum of hashes that clears one cofactor for all", arguments: [0, 1, 3, 40])
  func sum(_ count: Int) {
    var generator = SeededGenerator(seed: 8)
    let messages = (0..<count).map { [UInt8($0 / 2)] }
    let weights = (0..<count).map { _ in BLS12381.Scalar.randomWeight(using: &generator) }
    let scalars = (0..<count).map { _ in BLS12381.Scalar.random(using: &generator) }
    let points = messages.map { BLS12381.hashToG1($0, domain: "D") }
    for scalars in [weights, scalars] {
      #expect(
        BLS12381.multiScalarOfHashesVariableTime(scalars, messages, domain: "D")
          == .sum(zip(scalars, points).map { $0 * $1 }))
    }
  }

  @Test("the map is defined where its denominator vanishes: for 0 and ±√(−1/Z)")
  func exceptions() {
    let (root, exists) = (-Fp(11).inverted()).squareRoot()
    #expect(exists.declassified)
    for u in [.zero, root, -root] {
      let image = IsogenousPoint(mapping: u).isogenyImage()
      #expect(image.isOnCurve.declassified && !image.isIdentityMask.declassified)
    }
  }

  @Test("points that the isogeny sends to the identity become (0 : 1 : 0)")
  func kernel() {
    let p = IsogenousPoint(mapping: Fp(2))
    let opposite = IsogenousPoint(mapping: -Fp(2))
    #expect((p + opposite).isogenyImage().isIdentityMask.declassified)
    #expect((p + p).isogenyImage() == p.isogenyImage().doubled())
  }

  private func coordinates(_ point: ProjectivePoint<G1Curve>) -> [[UInt8]] {
    let affine = point.normalized()
    return [affine.x.encoded(), affine.y.encoded()]
  }
}
