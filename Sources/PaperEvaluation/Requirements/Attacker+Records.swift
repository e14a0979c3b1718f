internal import CanonicalEncoding
internal import EMRScheme
internal import HashToCurve
internal import Pairings

extension Attacker {
  mutating func replacedRecord() throws -> Outcome {
    let visit = try TeamVisit<Suite>(using: &random)
    let findings = visit.findings([ExampleTexts.written], using: &random)
    let signed = try visit.sign(findings, using: &random)
    let genuine = try visit.seal(findings, using: &random)
    let consented = try Consented(visit, using: &random)
    let other = visit.findings([ExampleTexts.neverWritten], using: &random)
    let replaced = try visit.seal(other, using: &random)
    func read(
      _ record: VerifiedSealedRecord<Suite>, digest: Digest32
    ) throws -> [Finding] {
      let shared = try consented.key().reencrypt(record)
      return try visit.read(shared, by: consented.request, digest: digest, signed)
    }
    var attempts = AttackAttempts()
    try attempts.control("the genuine record is read") {
      try read(genuine, digest: genuine.recordDigest) == findings
    }
    try attempts.attempt { try read(replaced, digest: genuine.recordDigest) == other }
    // Even for a receiver who does not look at the ledger.
    try attempts.attempt { try read(replaced, digest: replaced.recordDigest) == other }
    return attempts.outcome(
      ifReached: "the other record is read",
      else: "its digest is not the ledger's; and its key is not that of the signed commitments")
  }

  mutating func guessedEvidence() throws -> Outcome {
    let visit = try TeamVisit<Suite>(using: &random)
    let record = try visit.seal(
      visit.findings([ExampleTexts.written], using: &random), using: &random)
    var attempts = AttackAttempts()
    try attempts.control("the patient's trapdoor") {
      record.matches(Trapdoor(evidence: visit.evidence, visitKey: visit.visitKey))
    }
    // H0(α) in place of T_α: G = H3(e(H0(α), B)), as printed.
    for guess in [random.bytes(32), visit.evidence.bytes, random.bytes(32)] {
      let point = Suite.hashToG1(guess, domain: DomainTag.evidence.text(Suite.name))
      try attempts.attempt {
        record.matches(try Trapdoor(encoded: (Suite.Scalar.one * point).encoded()))
      }
    }
    return attempts.outcome(
      ifReached: "a guess is confirmed",
      else: "F = e(H0(α), Y): the right guess fails like any other")
  }

  mutating func linkedRecords() throws -> Outcome {
    let visit = try TeamVisit<Suite>(using: &random)
    let later = try TeamVisit(doctors: visit.doctors, using: &random)
    let findings = visit.findings([ExampleTexts.written], using: &random)
    func points(_ visit: TeamVisit<Suite>) throws -> (b: Suite.G2, e: Suite.G1) {
      let record = try visit.seal(findings, using: &random).record
      return (try Suite.G2(encoded: record.b), try Suite.G1(encoded: record.e))
    }
    let (first, same, second) = (try points(visit), try points(visit), try points(later))
    typealias Points = (b: Suite.G2, e: Suite.G1)
    func linked(_ x: Points, _ y: Points) -> Bool {
      Suite.pairingProductIsIdentity([(y.e, x.b), (-x.e, y.b)])
    }
    var attempts = AttackAttempts()
    try attempts.control("two records under one visit key") { linked(first, same) }
    try attempts.attempt { linked(first, second) }
    return attempts.outcome(
      ifReached: "the visits are linked", else: "each visit has a key of its own")
  }

  mutating func knownBase() throws -> Outcome {
    let visit = try TeamVisit<Suite>(using: &random)
    let findings = visit.findings([ExampleTexts.written], using: &random)
    let signed = try visit.sign(findings, using: &random)
    var sealing = ForeignSealing(
      visit: visit, plaintext: visit.plaintext(findings), commitments: signed.commitments)
    var attempts = AttackAttempts()
    try attempts.control("the same sealing with the hashed ḡ") {
      try sealing.seal(using: &random).check(for: visit.verifiedKey)
        .open(with: visit.visitKey, signed: signed).plaintext == visit.plaintext(findings)
    }
    sealing.base = .generatorMultiplied(by: .random(using: &random))
    try attempts.attempt {
      _ = try sealing.seal(using: &random).check(for: visit.verifiedKey)
      return true
    }
    return attempts.outcome(
      ifReached: "a record with another ḡ is taken",
      else: "ḡ is a hash that nobody chooses, and a record with another is taken by nobody")
  }

  mutating func managersView() throws -> Outcome {
    let visit = try TeamVisit<Suite>(using: &random)
    let findings = visit.findings([ExampleTexts.written], using: &random)
    let signed = try visit.sign(findings, using: &random)
    let record = try visit.seal(findings, using: &random)
    let consented = try Consented(visit, using: &random)
    func opens(_ secret: Suite.Scalar) throws -> Bool {
      try record.opens(with: visit, by: secret, signed)
    }
    var attempts = AttackAttempts()
    try attempts.control("p_v") { try opens(visit.visitSecret) }
    for scalar in consented.view { try attempts.attempt { try opens(scalar) } }
    return attempts.outcome(
      ifReached: "a scalar of the view opens the record",
      else: "x = t/p_v, y = d'/t, rk and their inverses open nothing")
  }

  mutating func otherThanSigned() throws -> Outcome {
    let visit = try TeamVisit<Suite>(team: 2, using: &random)
    let findings = visit.findings(
      [ExampleTexts.written, ExampleTexts.guesses[0]], using: &random)
    let signed = try visit.sign(findings, using: &random)
    var other = findings
    other[0].content = ExampleTexts.neverWritten
    func isRead(_ findings: [Finding], _ commitments: [FindingCommitment]) throws -> Bool {
      let record = try ForeignSealing(
        visit: visit, plaintext: visit.plaintext(findings), commitments: commitments
      ).seal(using: &random)
      _ = try record.check(for: visit.verifiedKey).open(with: visit.visitKey, signed: signed)
      return true
    }
    var attempts = AttackAttempts()
    try attempts.control("what was signed is read") { try isRead(findings, signed.commitments) }
    try attempts.attempt { try isRead(other, visit.commitments(other)) }
    try attempts.attempt { try isRead(other, signed.commitments) }
    return attempts.outcome(
      ifReached: "the other text is read",
      else: "whoever opens it sees that the team signed another")
  }
}

extension VerifiedSealedRecord {
  /// Opens with Y = B/s, for somebody who takes s for p_v.
  func opens(
    with visit: TeamVisit<Suite>, by secret: Suite.Scalar, _ signed: VerifiedSignature<Suite>
  ) throws -> Bool {
    var evidence = try openingEvidence(with: visit.visitKey)
    evidence.y = (secret.inverted() * (try Suite.G2(encoded: record.b))).encoded()
    _ = try open(with: evidence, signed: signed)
    return true
  }
}
