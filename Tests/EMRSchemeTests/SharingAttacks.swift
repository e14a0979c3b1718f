import CanonicalEncoding
import EMRScheme
import HashToCurve
import Pairings
import Testing

@Suite("Attacks on re-encryption")
struct SharingAttacks {
  typealias Record = VerifiedSealedRecord<BLS12381>

  /// A signed and sealed visit with the scalars that one consent sends around.
  struct Consented {
    var visit: Visit
    let signed: VerifiedSignature<BLS12381>
    let record: Record
    let request: RequestKey<BLS12381>
    let theta: [UInt8]
    /// t, x and y as bytes, d' and rk as scalars.
    let t, x, y: [UInt8]
    let d, rk: Scalar

    init(seed: UInt64, doctors: [DoctorFixture<BLS12381>]? = nil) throws {
      visit = try Visit(team: 2, doctors: doctors, seed: seed)
      signed = try visit.sign()
      record = try visit.sealAndCheck()
      request = RequestKey(using: &visit.random)
      let blinding = ConsentBlinding(for: visit.visitKey, using: &visit.random)
      theta = blinding.theta
      t = try blinding.doctorShare.encoded()
      x = try blinding.proxyShare.encoded()
      y = try blinding.doctorShare.blind(request, theta: theta).encoded()
      d = try Scalar(encoded: request.encoded())
      rk = try Scalar(encoded: x) * Scalar(encoded: y)
    }

    func key(
      x: [UInt8]? = nil, y: [UInt8]? = nil, theta: [UInt8]? = nil, requestKey: [UInt8]? = nil
    ) throws -> VerifiedReencryptionKey<BLS12381> {
      try VerifiedReencryptionKey(
        proxyShare: ProxyShare(encoded: x ?? self.x),
        blinded: BlindedRequestKey(encoded: y ?? self.y), theta: theta ?? self.theta,
        requestKey: requestKey ?? request.encodedPublicKey, visitKey: visit.verifiedVisitKey)
    }

    /// What Y = s⁻¹·B opens, for somebody who takes s for p_v.
    func opens(as secret: Scalar) throws -> Bool {
      var guess = try record.openingEvidence(with: visit.visitKey)
      let b = try G2(encoded: record.record.b)
      guess.y = (secret.inverted() * b).encoded()
      return (try? record.open(with: guess, signed: signed)) != nil
    }
  }

  private func scalar(_ bytes: [UInt8]) throws -> Scalar { try Scalar(encoded: bytes) }

  @Test("the shares of a consent give rk = d'/p_v, and B_I = d'·Y")
  func honestShares() throws {
    let consented = try Consented(seed: 1)
    #expect(consented.rk * consented.visit.visitSecret == consented.d)
    let shared = try consented.key().reencrypt(consented.record)
    let opened = try shared.check(
      for: consented.request, context: consented.visit.context,
      recordDigest: consented.record.recordDigest
    ).open(signed: consented.signed)
    #expect(opened.plaintext == consented.visit.plaintext)
  }

  @Test("[attack] item 1: the proxy alone reads nothing with x, y and rk")
  func proxyAlone() throws {
    let consented = try Consented(seed: 2)
    let (x, y) = (try scalar(consented.x), try scalar(consented.y))
    for secret in [x, y, consented.rk, x.inverted(), y.inverted(), consented.rk.inverted()] {
      #expect(try !consented.opens(as: secret))
    }
    #expect(try consented.opens(as: consented.visit.visitSecret), "as the paper's SM could")
  }

  @Test("[attack] item 1: with t used for two visits, a consent for one opens the other")
  func reusedBlinding() throws {
    let (first, second) = (try Consented(seed: 3), try Consented(seed: 4))
    // The proxy and the first doctor know x_1, x_2 and t: p_2 = t/x_2 if t served both.
    let t = try scalar(first.t)
    let reusedX = t * second.visit.visitSecret.inverted()
    #expect(try second.opens(as: t * reusedX.inverted()))
    // A fresh t for each visit leaves nothing.
    let freshX = try scalar(second.x)
    #expect(first.t != second.t)
    #expect(try !second.opens(as: t * freshX.inverted()))

    // The same holds of d': with one A' for two visits, rk_1/rk_2 = p_2/p_1.
    let p1 = first.d * first.rk.inverted()
    let reusedRK = first.d * second.visit.visitSecret.inverted()
    #expect(try second.opens(as: p1 * first.rk * reusedRK.inverted()))
    #expect(try !second.opens(as: p1 * first.rk * second.rk.inverted()))
  }

  @Test("[attack] item 1: a bad share blames its sender")
  func badShares() throws {
    var consented = try Consented(seed: 5)
    let other = Scalar.random(using: &consented.visit.random).encoded()
    expectRefusal(.patientShare) { _ = try consented.key(x: other) }
    expectRefusal(.doctorShare) { _ = try consented.key(y: other) }
    expectRefusal(.doctorShare) {
      _ = try consented.key(requestKey: G2.generator.encoded())
    }
    expectRefusal(.patientShare) { _ = try consented.key(theta: G2.generator.encoded()) }
    expectRefusal(.patientShare) {
      _ = try DoctorShare<BLS12381>(encoded: other)
        .blind(consented.request, theta: consented.theta)
    }
    for bytes in [[UInt8](repeating: 0, count: 32), [UInt8](repeating: 0xff, count: 32), []] {
      expectRefusal(.invalidScalar) { _ = try ProxyShare<BLS12381>(encoded: bytes) }
      expectRefusal(.invalidScalar) { _ = try RequestKey<BLS12381>(encoded: bytes) }
    }
    let identity = [0xc0] + [UInt8](repeating: 0, count: 95)
    expectRefusal(.invalidPoint) { _ = try consented.key(theta: identity) }
    expectRefusal(.invalidPoint) { _ = try consented.key(requestKey: identity) }
  }

  @Test("[attack] item 1: shares and rk are erased by their one use")
  func secondUse() throws {
    var consented = try Consented(seed: 6)
    let key = try consented.key()
    _ = try key.reencrypt(consented.record)
    expectRefusal(.used) { _ = try key.reencrypt(consented.record) }

    let blinding = ConsentBlinding(
      for: consented.visit.visitKey, using: &consented.visit.random)
    let blinded = try blinding.doctorShare.blind(consented.request, theta: blinding.theta)
    expectRefusal(.used) {
      _ = try blinding.doctorShare.blind(consented.request, theta: blinding.theta)
    }
    expectRefusal(.used) { _ = try blinding.doctorShare.encoded() }
    for code in [nil, SchemeError.Code.used] {
      func verify() throws {
        _ = try VerifiedReencryptionKey(
          proxyShare: blinding.proxyShare, blinded: blinded, theta: blinding.theta,
          requestKey: consented.request.encodedPublicKey,
          visitKey: consented.visit.verifiedVisitKey)
      }
      if let code { expectRefusal(code, verify) } else { try verify() }
    }
  }

  @Test("[attack] item 2: doctor and proxy learn p_v, which opens this visit and no other")
  func doctorAndProxy() throws {
    let (first, second) = (try Consented(seed: 7), try Consented(seed: 8))
    let p = first.d * first.rk.inverted()
    #expect(p == first.visit.visitSecret, "rk is bidirectional")
    #expect(try first.opens(as: p))
    #expect(try !second.opens(as: p))
    // As printed p is the patient's only key, and opens everything ever sealed to it.
    let r = Scalar(7)
    let anyOtherB = r * first.visit.visitKey.publicKey
    #expect(p.inverted() * anyOtherB == .generatorMultiplied(by: r))
  }

  @Test("[attack] item 2: patient and proxy learn d', which signs nothing")
  func patientAndProxy() throws {
    var consented = try Consented(seed: 9)
    let d = consented.rk * consented.visit.visitSecret
    #expect(d == consented.d, "rk is bidirectional")
    // As printed it is d1, and d1 forges; see item 1 of the attacks on the signature. Here:
    let commitment = consented.visit.commitments[0]
    let w = SecondChain(consented.visit.context.digest, [commitment]).w
    let r = Scalar.random(using: &consented.visit.random)
    let key = consented.visit.keys[0]
    expectRefusal(.chainEquation) {
      _ = try consented.visit.chain.verify(
        .init(r: .generatorMultiplied(by: r), q: d * w + r * (key.b1 + key.c1)),
        commitments: [commitment])
    }
    let d1 = try scalar(Array(consented.visit.doctors[0].secret.encoded().prefix(32)))
    _ = try consented.visit.chain.verify(
      .init(r: .generatorMultiplied(by: r), q: d1 * w + r * (key.b1 + key.c1)),
      commitments: [commitment])
  }

  @Test("[attack] item 3: one rk re-encrypts one visit, not every record of the patient")
  func otherVisit() throws {
    let first = try Consented(seed: 10)
    let second = try Consented(seed: 11, doctors: first.visit.doctors)
    expectRefusal(.foreignContext) { _ = try first.key().reencrypt(second.record) }
    // A proxy with a changed program multiplies anyway.
    let b = try G2(encoded: second.record.record.b)
    var shared = try second.key().reencrypt(second.record)
    shared.bI = (first.rk * b).encoded()
    expectRefusal(.recordEquation) {
      _ = try shared.check(
        for: first.request, context: second.visit.context,
        recordDigest: second.record.recordDigest)
    }
    // As printed both records have the same patient key, and the same rk serves both.
    let r = Scalar(9)
    let samePatient = r * first.visit.visitKey.publicKey
    #expect(first.d.inverted() * (first.rk * samePatient) == .generatorMultiplied(by: r))
  }

  @Test("[attack] item 12: the receiver takes no record but the one on the ledger")
  func exchangedRecord() throws {
    var consented = try Consented(seed: 12)
    let shared = try consented.key().reencrypt(consented.record)
    func check(_ shared: ReencryptedRecord, _ digest: Digest32) throws {
      _ = try shared.check(
        for: consented.request, context: consented.visit.context, recordDigest: digest)
    }
    let onLedger = consented.record.recordDigest
    try check(shared, onLedger)
    // Another record of the same visit, valid in itself.
    let other = try consented.visit.sealAndCheck()
    var exchanged = try consented.key().reencrypt(other)
    expectRefusal(.recordDigest) { try check(exchanged, onLedger) }
    exchanged.record = consented.record.record
    expectRefusal(.recordEquation) { try check(exchanged, onLedger) }
    // Every field of the record, and B_I itself.
    for field in [\SealedRecord.a, \.b, \.c, \.d, \.e, \.s] {
      var tampered = shared
      tampered.record[keyPath: field] = other.record[keyPath: field]
      expectRefusal(.recordDigest) { try check(tampered, onLedger) }
    }
    for bytes in [[], G1.generator.encoded(), [0xc0] + [UInt8](repeating: 0, count: 95)] {
      var tampered = shared
      tampered.bI = bytes
      expectRefusal(.invalidPoint) { try check(tampered, onLedger) }
    }
    var unconverted = shared
    unconverted.bI = shared.record.b
    expectRefusal(.recordEquation) { try check(unconverted, onLedger) }
    expectRefusal(.foreignContext) {
      _ = try shared.check(
        for: consented.request, context: Visit(team: 2, seed: 13).context,
        recordDigest: onLedger)
    }
    // Nobody but the holder of d' passes the checks, or opens.
    let stranger = RequestKey<BLS12381>(using: &consented.visit.random)
    expectRefusal(.recordEquation) {
      _ = try shared.check(
        for: stranger, context: consented.visit.context, recordDigest: onLedger)
    }
  }

  @Test("[attack] item 23: two equations joined by δ refuse errors that would cancel")
  func cancellingErrors() throws {
    // With δ = 1, D + X and E − X would pass both equations at once.
    var visit = try Visit(team: 1)
    let sealing = try SecondSealing(visit, using: &visit.random)
    let x = G1.generatorMultiplied(by: .random(using: &visit.random))
    let lhs = BLS12381.hashToG1(sealing.a, domain: "BCEMR-V01-bls12-381-H2") + sealing.base
    let (d, e) = (sealing.d + x, sealing.e - x)
    #expect(
      BLS12381.pairingProductIsIdentity([
        (lhs, sealing.b), (-(d + e), visit.visitKey.publicKey),
      ]))
    let record = try sealing.seal(d: d, e: e)
    expectRefusal(.recordEquation) { _ = try record.check(for: visit.verifiedVisitKey) }
    _ = try sealing.seal().check(for: visit.verifiedVisitKey)
  }

  @Test("a visit key opens no other visit, and a trapdoor finds no other record")
  func foreignKeys() throws {
    let (first, second) = (try Consented(seed: 14), try Consented(seed: 15))
    expectRefusal(.foreignContext) {
      _ = try first.record.open(with: second.visit.visitKey, signed: first.signed)
    }
    expectRefusal(.foreignContext) {
      _ = try first.record.openingEvidence(with: second.visit.visitKey)
    }
    let trapdoor = Trapdoor(evidence: first.visit.evidence, visitKey: first.visit.visitKey)
    #expect(first.record.matches(trapdoor) && !second.record.matches(trapdoor))
    let mixed = Trapdoor(evidence: second.visit.evidence, visitKey: first.visit.visitKey)
    #expect(!first.record.matches(mixed) && !second.record.matches(mixed))
    // T_α opens nothing: it is not Y, nor does it lead there.
    expectRefusal(.invalidPoint) {
      _ = try Trapdoor<BLS12381>(encoded: [0xc0] + [UInt8](repeating: 0, count: 47))
    }
  }
}
