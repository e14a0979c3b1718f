import CanonicalEncoding
import Crypto
import EMRScheme
import HashToCurve
import Pairings
import TestSupport
import Testing

@Suite("Attacks on admission: evidence, visit key, pseudonym")
struct AdmissionAttacks {
  @Test("[attack] item 4: what is sealed to a key that no patient has shown, the hospital reads")
  func substitutedVisitKey() throws {
    var visit = try Visit()
    let hospitalsKey = VisitKey<BLS12381>(using: &visit.random)
    var forged = visit.context
    forged.visitKey = hospitalsKey.encodedPublicKey

    // What a doctor seals who does not ask whose key it is, the hospital reads: the paper authenticates no
    // PK. The patient's presence, signed with S_v, is what the doctor asks for (PresenceTests.swift).
    let toHospital = try VerifiedVisitKey<BLS12381>(
      verifying: hospitalsKey.prove(forged), of: forged)
    let record = try SealedRecord.seal(
      RecordPlaintext(context: forged, evidence: visit.evidence, findings: visit.findings),
      to: toHospital, using: &visit.random)
    let chain = try SigningChain(context: forged, signers: visit.chain.signers)
    var signed: VerifiedSignature<BLS12381>?
    let commitments = [FindingCommitment](to: visit.findings, contextDigest: forged.digest)
    for (k, doctor) in visit.doctors.enumerated() {
      let signature = try chain.sign(
        commitments[k], after: signed, with: doctor.secret, using: &visit.random)
      signed = try chain.verify(signature, commitments: Array(commitments[...k]))
    }
    let read = try record.check(for: toHospital)
      .open(with: hospitalsKey, signed: #require(signed))
    #expect(read.plaintext.findings == visit.findings)
  }

  @Test("[attack] item 4: π proves p_v for one context, and cannot be copied")
  func copiedProof() throws {
    var visit = try Visit()
    let proof = try visit.visitKey.prove(visit.context)
    _ = try VerifiedVisitKey<BLS12381>(verifying: proof, of: visit.context)

    var moved = visit.context
    moved.visitID = .zero
    expectRefusal(.visitKeyProof) {
      _ = try VerifiedVisitKey<BLS12381>(verifying: proof, of: moved)
    }
    let stranger = VisitKey<BLS12381>(using: &visit.random)
    expectRefusal(.visitKeyProof) { _ = try stranger.prove(visit.context) }
    // A key made from the patient's, PK + s·g2, whose logarithm nobody knows.
    let s = Scalar.random(using: &visit.random)
    var rogue = visit.context
    rogue.visitKey = (visit.visitKey.publicKey + .generatorMultiplied(by: s)).encoded()
    let hash = BLS12381.hashToG1(
      rogue.encoded(), domain: DomainTag.visitKey.text(BLS12381.name))
    let guess = try (G1(encoded: proof) + s * hash).encoded()
    expectRefusal(.visitKeyProof) {
      _ = try VerifiedVisitKey<BLS12381>(verifying: guess, of: rogue)
    }
    for bytes in [[], G2.generator.encoded(), [0xc0] + [UInt8](repeating: 0, count: 47)] {
      expectRefusal(.invalidPoint) {
        _ = try VerifiedVisitKey<BLS12381>(verifying: bytes, of: visit.context)
      }
    }
    var suite = visit.context
    suite.suite = "type-a-160-512"
    expectRefusal(.foreignContext) {
      _ = try VerifiedVisitKey<BLS12381>(verifying: proof, of: suite)
    }
    expectRefusal(.visitKeyProof) { _ = try visit.visitKey.prove(suite) }
  }

  @Test("[attack] item 16: a pseudonym opens to one identity, and differs in every visit")
  func pseudonym() throws {
    var random = SeededGenerator(seed: 1)
    let visitID = Digest32(sha256: [1])
    let opening = PseudonymOpening(
      hospital: "hospital-1", visitID: visitID, identity: "patient", using: &random)
    let visit = try Visit(team: 1) {
      ($0.visitID, $0.pseudonym) = (visitID, opening.pseudonym)
    }
    try opening.check(against: visit.context)
    let changes: [(inout PseudonymOpening) -> Void] = [
      { $0.identity = "another" }, { $0.lambda[0] ^= 1 }, { $0.hospital = "hospital-2" },
      { $0.visitID = .zero },
      // The paper's ID ⊕ λ: the same difference moved from one to the other.
      { ($0.identity, $0.lambda[0]) = ("qatient", $0.lambda[0] ^ 1) },
    ]
    for change in changes {
      var changed = opening
      change(&changed)
      expectRefusal(.pseudonym) { try changed.check(against: visit.context) }
    }
    let again = PseudonymOpening(
      hospital: "hospital-1", visitID: visitID, identity: "patient", using: &random)
    #expect(again.pseudonym != opening.pseudonym)
  }

  @Test("a visit's identifier is the same again, and another for each attempt and key")
  func visitIdentifier() {
    let key = SymmetricKey(data: [UInt8](repeating: 1, count: 32))
    let input = VisitIDInput(patient: "p", encounter: "e", attempt: 1)
    #expect(input.visitID(under: key) == input.visitID(under: key))
    let others = [
      VisitIDInput(patient: "pe", encounter: "", attempt: 1).visitID(under: key),
      VisitIDInput(patient: "p", encounter: "e", attempt: 2).visitID(under: key),
      input.visitID(under: SymmetricKey(data: [UInt8](repeating: 2, count: 32))),
    ]
    #expect(Set(others + [input.visitID(under: key)]).count == 4)
  }

  @Test("item 17: D_k's deadline is T + k·w")
  func deadlines() throws {
    let context = try Visit(team: 3).context
    #expect(
      (1...3).map { context.deadline(ofPosition: $0) - context.openedAt } == [600, 1200, 1800])
  }

  @Test("item 18: a visit key comes back from the bytes it was derived from")
  func derivedVisitKey() throws {
    var random = SeededGenerator(seed: 1)
    let bytes = random.bytes(48)
    let first = try VisitKey<BLS12381>(derivedFrom: bytes)
    #expect(try VisitKey<BLS12381>(derivedFrom: bytes).encodedPublicKey == first.encodedPublicKey)
    #expect(
      try VisitKey<BLS12381>(derivedFrom: random.bytes(48)).encodedPublicKey
        != first.encodedPublicKey)
    _ = try VisitKey<BLS12381>(derivedFrom: random.bytes(64))
    for bytes in [
      random.bytes(47), random.bytes(65), [], [UInt8](repeating: 0, count: 48),
    ] {
      expectRefusal(.invalidScalar) { _ = try VisitKey<BLS12381>(derivedFrom: bytes) }
    }
  }

  @Test("keys come back from a keystore's bytes, and nothing else does")
  func storedKeys() throws {
    var random = SeededGenerator(seed: 2)
    let doctor = DoctorSigningKey<BLS12381>(using: &random)
    #expect(
      try DoctorSigningKey<BLS12381>(encoded: doctor.encoded()).publicKey == doctor.publicKey)
    let request = RequestKey<BLS12381>(using: &random)
    #expect(
      try RequestKey<BLS12381>(encoded: request.encoded()).publicKey == request.publicKey)
    let zero = [UInt8](repeating: 0, count: 32)
    for bytes in [[], Array(doctor.encoded().dropLast()), doctor.encoded().prefix(64) + zero] {
      expectRefusal(.invalidScalar) {
        _ = try DoctorSigningKey<BLS12381>(encoded: Array(bytes))
      }
    }
    expectRefusal(.invalidObject) { _ = try Evidence(random.bytes(31)) }
  }
}
