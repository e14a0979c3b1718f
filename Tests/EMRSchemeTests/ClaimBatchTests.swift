import CanonicalEncoding
import EMRScheme
import Pairings
import TestSupport
import Testing

@Suite("Claims of a chain, decided together")
struct ClaimBatchTests {
  typealias Claim = ClaimBatch<BLS12381>.Claim

  /// A visit and what it claims: the proof of its key, a signature of each doctor, and Eq. (3).
  private struct SignedVisit {
    let visit: Visit
    var proof: [UInt8]
    /// (R_k, Q_k) of each doctor.
    var signatures: [SequentialSignature<BLS12381>] = []
    /// What the visit ends with; the last of `signatures` as it was made.
    var final: SequentialSignature<BLS12381>

    init(_ doctors: [DoctorFixture<BLS12381>], seed: UInt64) throws {
      var visit = try Visit(doctors: doctors, seed: seed)
      proof = try visit.visitKey.prove(visit.context)
      for count in 1...doctors.count { signatures.append(try visit.sign(count).signature) }
      final = signatures[doctors.count - 1]
      self.visit = visit
    }

    var multisignature: Claim {
      .multisignature(visit.chain, visit.commitments, signature: final.encoded())
    }
    var visitKey: Claim { .visitKey(visit.context, proof: proof) }
    var claims: [Claim] {
      [visitKey] + signatures.map { .partialSignature($0.encoded()) } + [multisignature]
    }
  }

  private var random = SeededGenerator(seed: 23)
  /// Teams overlap, and a doctor stands at different places.
  private var visits: [SignedVisit] = []

  init() throws {
    let doctors = try (1...4).map { try DoctorFixture<BLS12381>("doctor-\($0)", using: &random) }
    for (index, team) in [[0], [1, 0], [2, 3, 1], [1, 0], [3, 2, 1, 0]].enumerated() {
      visits.append(try SignedVisit(team.map { doctors[$0] }, seed: UInt64(index + 1)))
    }
  }

  private mutating func codes(_ claims: [Claim]) -> [SchemeError.Code?] {
    var batch = ClaimBatch<BLS12381>()
    for (index, claim) in claims.enumerated() { #expect(batch.add(claim) == index) }
    let codes = batch.verify(using: &random).map { $0?.code }
    #expect(codes == claims.map(Self.codeAlone), "as each claim by itself")
    return codes
  }

  private static func codeAlone(_ claim: Claim) -> SchemeError.Code? {
    do throws(SchemeError) { try claim.check() } catch { return error.code }
    return nil
  }

  private mutating func randomPoint() -> G1 { .generatorMultiplied(by: .random(using: &random)) }

  @Test("honest claims hold, in batches of none, one and many, by teams and by doctors")
  mutating func honest() throws {
    #expect(codes([]) == [])
    for claim in visits[2].claims { #expect(codes([claim]) == [nil]) }
    let all = visits.flatMap(\.claims)
    #expect(codes(all) == all.map { _ in nil })
    // Claims that stand in a batch twice hold twice.
    #expect(codes(all + all.reversed()) == (all + all).map { _ in nil })

    // More teams than points B and C of their doctors.
    let doctors = visits[4].visit.doctors
    var many: [Claim] = []
    for (index, order) in [[0, 1], [1, 0], [0], [1], [2, 0], [0, 2], [2]].enumerated() {
      let team = order.map { doctors[$0] }
      many.append(try SignedVisit(team, seed: UInt64(20 + index)).multisignature)
    }
    #expect(codes(many) == many.map { _ in nil })
    var wrong = visits[1]
    wrong.final = SequentialSignature(r: wrong.final.r + randomPoint(), q: wrong.final.q)
    #expect(codes(many + [wrong.multisignature]) == many.map { _ in nil } + [.chainEquation])
  }

  @Test("one false claim of any kind is found, and no other")
  mutating func oneFalse() throws {
    let all = visits.flatMap(\.claims)
    // The claims of the third visit begin behind 3 and 4 others.
    let place = 7
    let honest = visits[2]
    let x = randomPoint()

    var falseClaims: [(offset: Int, Claim, SchemeError.Code)] = []
    func plant(
      _ offset: Int, _ code: SchemeError.Code, _ change: (inout SignedVisit) -> Void
    ) {
      var visit = honest
      change(&visit)
      falseClaims.append((offset, visit.claims[offset], code))
    }
    plant(0, .visitKeyProof) { $0.proof = x.encoded() }
    plant(4, .chainEquation) { $0.final = .init(r: $0.final.r, q: $0.final.q + x) }
    plant(4, .chainEquation) { $0.final = .init(r: $0.final.r + x, q: $0.final.q) }
    // Another's π and signature, which hold where they belong.
    let other = visits[4]
    plant(0, .visitKeyProof) { $0.proof = other.proof }
    plant(4, .chainEquation) { $0.final = other.final }
    // Ill forms fail before any equation.
    let bytes = honest.final.encoded()
    let (chain, commitments) = (honest.visit.chain, honest.visit.commitments)
    var attempts = commitments
    attempts[1].attempt = 9
    var foreign = honest.visit.context
    foreign.suite = "type-a-160-512"
    falseClaims += [
      (2, .partialSignature(Array(bytes.dropLast())), .invalidPoint),
      (2, .partialSignature([UInt8](repeating: 0xff, count: 96)), .invalidPoint),
      (4, .multisignature(chain, attempts, signature: bytes), .attempt),
      (4, .multisignature(chain, commitments.dropLast(), signature: bytes), .position),
      (4, .multisignature(chain, [], signature: bytes), .position),
      (4, .multisignature(chain, commitments, signature: []), .invalidPoint),
      (4, .multisignature(chain, commitments.reversed(), signature: bytes), .chainEquation),
      (0, .visitKey(foreign, proof: honest.proof), .foreignContext),
      (0, .visitKey(honest.visit.context, proof: []), .invalidPoint),
    ]
    for (offset, claim, code) in falseClaims {
      var claims = all
      var expected: [SchemeError.Code?] = all.map { _ in nil }
      claims[place + offset] = claim
      expected[place + offset] = code
      #expect(codes(claims) == expected)
      #expect(codes([claim]) == [code])
    }
  }

  @Test("[attack] item 23: errors that cancel in an unweighted batch are both found")
  mutating func cancellingErrors() throws {
    let x = randomPoint()
    // Q_1 + X and Q_2 − X.
    var (first, second) = (visits[1], visits[2])
    first.final = .init(r: first.final.r, q: first.final.q + x)
    second.final = .init(r: second.final.r, q: second.final.q - x)
    let honest = visits[0].multisignature
    #expect(
      codes([first.multisignature, honest, second.multisignature])
        == [.chainEquation, nil, .chainEquation])

    // π + X and Q − X: both are paired with g2.
    first.proof = G1.sum([try G1(encoded: first.proof), x]).encoded()
    #expect(
      codes([honest, first.visitKey, second.multisignature])
        == [nil, .visitKeyProof, .chainEquation])

    // R + X and R − X of one team, which share their pairing.
    (first, second) = (visits[1], visits[3])
    first.final = .init(r: first.final.r + x, q: first.final.q)
    second.final = .init(r: second.final.r - x, q: second.final.q)
    #expect(
      codes([first.multisignature, second.multisignature, honest])
        == [.chainEquation, .chainEquation, nil])

    // The signatures of two visits of one team, exchanged: each W is paired with the same A.
    (first, second) = (visits[1], visits[3])
    swap(&first.final, &second.final)
    #expect(
      codes([first.multisignature, second.multisignature]) == [.chainEquation, .chainEquation])
  }

  @Test("[attack] item 23: no batch takes a point outside the subgroup, or the identity")
  mutating func foreignPoints() throws {
    // (0, 2), of order 3, which no pairing sees.
    let torsion = ProjectivePoint<G1Curve>(AffinePoint(x: .zero, y: Fp.one.doubled()))
    func plusTorsion(_ point: G1) -> G1 { G1(point.point + torsion) }
    func minusTorsion(_ point: G1) -> G1 { G1(point.point - torsion) }
    let (first, second) = (visits[1], visits[2])
    let foreign: [(SequentialSignature<BLS12381>) -> SequentialSignature<BLS12381>] = [
      { .init(r: $0.r, q: plusTorsion($0.q)) },
      { .init(r: plusTorsion($0.r), q: $0.q) },
      { .init(r: G1(torsion), q: $0.q) },
      { .init(r: .identity, q: $0.q) },
      { .init(r: $0.r, q: .identity) },
    ]
    for change in foreign {
      var changed = first
      changed.final = change(first.final)
      let partial = Claim.partialSignature(changed.final.encoded())
      // Beside a claim in which the torsion has the opposite sign, as it would cancel.
      var opposite = second
      opposite.final = .init(r: second.final.r, q: minusTorsion(second.final.q))
      #expect(
        codes([changed.multisignature, visits[0].multisignature, opposite.multisignature, partial])
          == [.invalidPoint, nil, .invalidPoint, .invalidPoint])
    }
    for proof in [
      plusTorsion(try G1(encoded: first.proof)), G1(torsion), .identity,
    ] {
      var changed = first
      changed.proof = proof.encoded()
      #expect(codes([changed.visitKey, second.visitKey]) == [.invalidPoint, nil])
    }
    var context = first.visit.context
    context.visitKey = G2.identity.encoded()
    #expect(
      codes([second.visitKey, .visitKey(context, proof: first.proof)]) == [nil, .invalidPoint])
  }
}
