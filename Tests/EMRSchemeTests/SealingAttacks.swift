import CanonicalEncoding
import Crypto
import EMRScheme
import HashToCurve
import Pairings
import Testing

@Suite("Attacks on sealed records")
struct SealingAttacks {
  @Test("a record sealed from the documents alone is accepted: the second implementation")
  func secondImplementation() throws {
    var visit = try Visit()
    let signed = try visit.sign()
    let record = try SecondSealing(visit, using: &visit.random).seal()
    let opened = try record.check(for: visit.verifiedVisitKey)
      .open(with: visit.visitKey, signed: signed)
    #expect(opened.plaintext == visit.plaintext)
  }

  @Test("[attack] item 21: a guess of α cannot be tested without the trapdoor")
  func guessOfAlpha() throws {
    var visit = try Visit()
    var sealing = try SecondSealing(visit, using: &visit.random)
    func guessSucceeds(_ record: SealedRecord, _ guess: Evidence) throws -> Bool {
      let b = try G2(encoded: record.b)
      return SecondSealing<BLS12381>.h3(
        BLS12381.pairing(SecondSealing<BLS12381>.h0(guess.bytes), b)) == record.g
    }
    let wrong = Evidence(using: &visit.random)
    sealing.printsF = true
    let printed = try sealing.seal()
    #expect(try guessSucceeds(printed, visit.evidence), "as printed, F = e(H0(α), B)")
    #expect(try !guessSucceeds(printed, wrong))
    #expect(try !guessSucceeds(visit.seal(), visit.evidence))
    // A record with the printed F is refused when opened.
    let signed = try visit.sign()
    expectRefusal(.trapdoor) {
      _ = try printed.check(for: visit.verifiedVisitKey)
        .open(with: visit.visitKey, signed: signed)
    }
  }

  @Test("[attack] item 22: with r = 0 a record is world-readable, and is refused")
  func zeroRandomness() throws {
    var visit = try Visit()
    var sealing = try SecondSealing(visit, using: &visit.random)
    sealing.r = .zero
    let record = try sealing.seal()
    // Both equations hold, as 1 = 1, and everybody knows e(H1(A), 0) = 1.
    let read = try sealing.plaintext(of: record, under: sealing.key(from: .one))
    #expect(read == visit.plaintext.encoded())
    expectRefusal(.invalidPoint) { _ = try record.check(for: visit.verifiedVisitKey) }
  }

  @Test("[attack] item 5: who knows log ḡ decrypts everything, and no record may use such a base")
  func knownBase() throws {
    // On a symmetric suite, as the paper's: e(H1(A), E)^(1/log ḡ) = e(H1(A), Y).
    var symmetric = try VisitFixture<ExponentSuite>()
    var sealing = try SecondSealing(symmetric, using: &symmetric.random)
    let logarithm = Residue(123_456_789)
    sealing.base = .generatorMultiplied(by: logarithm)
    let record = try sealing.seal()
    let e = try Exponent(encoded: record.e)
    let stolen = ExponentSuite.pairing(sealing.mask, e).raised(to: logarithm.inverted())
    let read = try sealing.plaintext(of: record, under: sealing.key(from: stolen))
    #expect(read == symmetric.plaintext.encoded())
    expectRefusal(.recordEquation) { _ = try record.check(for: symmetric.verifiedVisitKey) }

    var visit = try Visit()
    var other = try SecondSealing(visit, using: &visit.random)
    other.base = .generatorMultiplied(by: Scalar(123_456_789))
    let foreign = try other.seal()
    expectRefusal(.recordEquation) { _ = try foreign.check(for: visit.verifiedVisitKey) }
    #expect(
      BLS12381.hashToG1([], domain: DomainTag.base.text(BLS12381.name)) != G1.identity)
  }

  @Test("[attack] item 6: were H1 = H2, the mask would be e(D, g2)")
  func equalHashes() throws {
    var visit = try Visit()
    var sealing = try SecondSealing(visit, using: &visit.random)
    let publicMask = sealing.key(from: BLS12381.pairing(sealing.d, .generator))
    let record = try sealing.seal()
    #expect(throws: (any Error).self) {
      try sealing.plaintext(of: record, under: publicMask)
    }
    sealing.maskTag = "H2"
    let weak = try sealing.seal()
    #expect(
      try sealing.plaintext(of: weak, under: publicMask) == visit.plaintext.encoded())
    let signed = try visit.sign()
    expectRefusal(.decryption) {
      _ = try weak.check(for: visit.verifiedVisitKey).open(with: visit.visitKey, signed: signed)
    }
  }

  @Test("items 5 and 6: every use has its own tag")
  func tagsDiffer() {
    let tags = DomainTag.allCases.map { $0.text(BLS12381.name) }
    #expect(Set(tags).count == tags.count)
    #expect(tags.allSatisfy { $0.hasPrefix("BCEMR-V01-bls12-381-") && $0.utf8.count < 256 })
  }

  @Test("[attack] item 12: the last doctor cannot seal anything else than was signed")
  func sealedOtherThanSigned() throws {
    var visit = try Visit()
    let signed = try visit.sign()
    var other = visit.findings
    other[0].content = Array("what D_1 never wrote".utf8)

    // A record that is honest about its other findings has another key.
    let honest = try SealedRecord.seal(
      RecordPlaintext(context: visit.context, evidence: visit.evidence, findings: other),
      to: visit.verifiedVisitKey, using: &visit.random
    ).check(for: visit.verifiedVisitKey)
    expectRefusal(.decryption) { _ = try honest.open(with: visit.visitKey, signed: signed) }

    // A record that claims the signed commitments opens, and the commitments do not.
    var sealing = try SecondSealing(visit, using: &visit.random)
    sealing.plaintext.findings = other
    let lying = try sealing.seal().check(for: visit.verifiedVisitKey)
    expectRefusal(.commitment) { _ = try lying.open(with: visit.visitKey, signed: signed) }

    // A court sees the same from Y alone, which opens no other record.
    let proof = try lying.openingEvidence(with: visit.visitKey)
    expectRefusal(.commitment) { _ = try lying.open(with: proof, signed: signed) }
    expectRefusal(.recordDigest) { _ = try honest.open(with: proof, signed: signed) }
    var falseProof = try lying.openingEvidence(with: visit.visitKey)
    falseProof.y = G2.generator.encoded()
    expectRefusal(.openingEquation) { _ = try lying.open(with: falseProof, signed: signed) }
  }

  @Test("[attack] item 12: neither another visit nor another evidence can be sealed in its place")
  func sealedOtherVisit() throws {
    var visit = try Visit()
    let other = try Visit(doctors: visit.doctors, seed: 2)
    let signed = try visit.sign()
    expectRefusal(.foreignContext) {
      _ = try SealedRecord.seal(
        other.plaintext, to: visit.verifiedVisitKey, using: &visit.random)
    }
    var sealing = try SecondSealing(visit, using: &visit.random)
    sealing.plaintext.context = other.context
    let foreign = try sealing.seal().check(for: visit.verifiedVisitKey)
    expectRefusal(.foreignContext) { _ = try foreign.open(with: visit.visitKey, signed: signed) }

    sealing.plaintext = visit.plaintext
    sealing.plaintext.alpha = other.evidence.bytes
    let wrongEvidence = try sealing.seal().check(for: visit.verifiedVisitKey)
    expectRefusal(.evidence) { _ = try wrongEvidence.open(with: visit.visitKey, signed: signed) }
  }

  @Test("[attack] item 13: a change in any field of a record is found, by whom it must be found")
  func tamperedFields() throws {
    var visit = try Visit()
    let signed = try visit.sign()
    let record = try visit.seal()
    let other = try visit.seal()
    let onLedger = record.recordDigest(visitKey: visit.context.visitKey)
    let changes: [(SchemeError.Code, WritableKeyPath<SealedRecord, [UInt8]>)] = [
      (.oneTimeSignature, \.a), (.recordEquation, \.b), (.oneTimeSignature, \.c),
      (.oneTimeSignature, \.d), (.oneTimeSignature, \.e), (.oneTimeSignature, \.s),
    ]
    for (code, field) in changes {
      var tampered = record
      tampered[keyPath: field] = other[keyPath: field]
      #expect(tampered.recordDigest(visitKey: visit.context.visitKey) != onLedger)
      expectRefusal(code) { _ = try tampered.check(for: visit.verifiedVisitKey) }
    }
    var tampered = record
    tampered.g = other.g
    #expect(tampered.recordDigest(visitKey: visit.context.visitKey) != onLedger)
    expectRefusal(.oneTimeSignature) { _ = try tampered.check(for: visit.verifiedVisitKey) }
    tampered = record
    tampered.contextDigest = .zero
    expectRefusal(.foreignContext) { _ = try tampered.check(for: visit.verifiedVisitKey) }

    // Somebody with the one-time key, the last doctor, passes S; the rest still fails.
    var sealing = try SecondSealing(visit, using: &visit.random)
    sealing.key = SymmetricKey(size: .bits256)
    let unreadable = try sealing.seal().check(for: visit.verifiedVisitKey)
    expectRefusal(.decryption) {
      _ = try unreadable.open(with: visit.visitKey, signed: signed)
    }
  }

  @Test("[attack] item 13: no single bit of a record can change")
  func flippedBits() throws {
    var visit = try Visit(team: 1)
    let record = try visit.seal()
    let bytes = record.encoded()
    for _ in 0..<60 {
      var flipped = bytes
      flipped[Int.random(in: bytes.indices, using: &visit.random)] ^=
        1 << UInt8.random(in: 0..<8, using: &visit.random)
      #expect(throws: (any Error).self) {
        try SealedRecord(encoded: flipped).check(for: visit.verifiedVisitKey)
      }
    }
  }

  @Test("item 14: who has the visit key again has α and the salts again")
  func restored() throws {
    var visit = try Visit()
    let signed = try visit.sign()
    let opened = try visit.sealAndCheck().open(with: visit.visitKey, signed: signed)
    #expect(opened.plaintext.alpha == visit.evidence.bytes)
    #expect(opened.plaintext.findings.map(\.salt) == visit.findings.map(\.salt))
  }

  @Test("[attack] item 12: a signature of part of the team opens nothing")
  func partOfTheTeam() throws {
    var visit = try Visit()
    let part = try visit.sign(2)
    let record = try visit.sealAndCheck()
    expectRefusal(.foreignContext) { _ = try record.open(with: visit.visitKey, signed: part) }
  }

  @Test("findings above the limit and teams that do not fit are refused before sealing")
  func limits() throws {
    var visit = try Visit()
    var plaintext = visit.plaintext
    plaintext.findings.removeLast()
    expectRefusal(.team) {
      _ = try SealedRecord.seal(plaintext, to: visit.verifiedVisitKey, using: &visit.random)
    }
    plaintext = visit.plaintext
    plaintext.alpha = [UInt8](repeating: 0, count: 32)
    expectRefusal(.evidence) {
      _ = try SealedRecord.seal(plaintext, to: visit.verifiedVisitKey, using: &visit.random)
    }
    plaintext = visit.plaintext
    plaintext.findings[0].content = [UInt8](repeating: 0, count: 64 << 20)
    expectRefusal(.invalidObject) {
      _ = try SealedRecord.seal(plaintext, to: visit.verifiedVisitKey, using: &visit.random)
    }
  }

  @Test("two findings of close lengths give records of one length")
  func paddedLength() throws {
    var visit = try Visit()
    var plaintext = visit.plaintext
    func length(_ count: Int) throws -> Int {
      plaintext.findings[0].content = [UInt8](repeating: 65, count: count)
      return try SealedRecord.seal(
        plaintext, to: visit.verifiedVisitKey, using: &visit.random
      ).c.count
    }
    #expect(try length(0) == length(500))
    #expect(try length(100_000) == length(100_500))
    #expect(try length(100_000) < 112_000 + 4096)
  }
}
