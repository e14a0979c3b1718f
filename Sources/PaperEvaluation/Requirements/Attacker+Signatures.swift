internal import CanonicalEncoding
internal import EMRScheme
internal import Pairings

extension Attacker {
  typealias Signature = SequentialSignature<Suite>

  /// The forgery that works as printed, with every scalar that the proxy has or makes.
  mutating func forgeries(of text: [UInt8]) throws -> AttackAttempts {
    let visit = try TeamVisit<Suite>(using: &random)
    let consented = try Consented(visit, using: &random)
    let commitments = visit.commitments(visit.findings([text], using: &random))
    let rho = Suite.Scalar.random(using: &random)
    let (w, key) = (visit.w(commitments), visit.doctors[0].key)
    func verifies(_ scalar: Suite.Scalar) throws -> Bool {
      let forged = Signature(
        r: .generatorMultiplied(by: rho), q: scalar * w + rho * (key.b1 + key.c1))
      _ = try visit.chain.verify(forged, commitments: commitments)
      return true
    }
    var attempts = AttackAttempts()
    try attempts.control("the forgery with d1") { try verifies(visit.doctors[0].d1) }
    for scalar in consented.view { try attempts.attempt { try verifies(scalar) } }
    return attempts
  }

  mutating func forgeryWithHandedKey() throws -> Outcome {
    try forgeries(of: ExampleTexts.neverWritten).outcome(
      ifReached: "a signature verifies",
      else: "the manager gets x = t/p_v and y = d'/t; neither, nor rk, signs as the doctor")
  }

  mutating func rogueKey() throws -> Outcome {
    let victim = try TeamVisit<Suite>.Doctor("victim", using: &random)
    let attacker = try TeamVisit<Suite>.Doctor("attacker", using: &random)
    let (a, rho) = (Suite.Scalar.random(using: &random), Suite.Scalar.random(using: &random))
    var statement = attacker.statement
    statement.a = (Suite.G2.generatorMultiplied(by: a) - victim.key.a).encoded()
    let proof = try attacker.secret.prove(attacker.statement, using: &random)
    var attempts = AttackAttempts()
    try attempts.control("the attacker's honest key") {
      try VerifiedDoctorKey(verifying: attacker.statement, proof: proof)
        == attacker.prepared.verified
    }
    try attempts.attempt {
      _ = try VerifiedDoctorKey<Suite>(verifying: statement, proof: proof)
      return true
    }
    // And were the key registered: W_1 and W_2 differ, whatever the findings are.
    let rogue = PreparedDoctorKey(try VerifiedDoctorKey<Suite>(alreadyVerified: statement))
    let visit = try TeamVisit(doctors: [victim, attacker], using: &random)
    var context = visit.context
    context.signers[1] = statement.signer
    let chain = try SigningChain(context: context, signers: [victim.prepared, rogue])
    let findings = visit.findings([ExampleTexts.neverWritten, []], using: &random)
    let commitments = [FindingCommitment](to: findings, contextDigest: context.digest)
    let keys =
      victim.key.b1 + victim.key.c1 + rogue.verified.key.b1
      + Suite.Scalar(2) * rogue.verified.key.c1
    for k in [1, 2] {
      let w = context.w(Array(commitments[..<k]), Suite.self)
      try attempts.attempt {
        let forged = Signature(r: .generatorMultiplied(by: rho), q: a * w + rho * keys)
        _ = try chain.verify(forged, commitments: commitments)
        return true
      }
    }
    return attempts.outcome(
      ifReached: "the rogue key signs for the victim",
      else: "A_2 is refused, for nobody knows its logarithm; and W_1 is never W_2")
  }

  mutating func movedBoundary() throws -> Outcome {
    let visit = try TeamVisit<Suite>(team: 2, using: &random)
    let written = visit.findings(["no fever.", " Allergic"].map { Array($0.utf8) }, using: &random)
    var moved = written
    moved[0].content = Array("no".utf8)
    moved[1].content = Array(" fever. Allergic".utf8)
    let (before, after) = (visit.commitments(written), visit.commitments(moved))
    let signature = try visit.sign(written, using: &random).signature
    let change = visit.doctors[0].d1 * (visit.w([after[0]]) - visit.w([before[0]]))
    let first = try visit.chain.sign(
      [written[0]], after: nil, with: visit.doctors[0].secret, using: &random)
    var attempts = AttackAttempts()
    try attempts.control("the exchange of D_1's part alone") {
      _ = try visit.chain.verify(
        Signature(r: first.r, q: first.q + change), commitments: [after[0]])
      return true
    }
    for commitments in [after, [after[0], before[1]]] {
      try attempts.attempt {
        _ = try visit.chain.verify(
          Signature(r: signature.r, q: signature.q + change), commitments: commitments)
        return true
      }
    }
    return attempts.outcome(
      ifReached: "the words move", else: "D_2 has signed com_1, and so where m_1 ends")
  }

  mutating func movedSignature() throws -> Outcome {
    let visit = try TeamVisit<Suite>(team: 2, using: &random)
    let other = try TeamVisit(doctors: visit.doctors, using: &random)
    let findings = visit.findings(
      [ExampleTexts.written, ExampleTexts.written], using: &random)
    let signed = try visit.sign(findings, using: &random)
    var attempts = AttackAttempts()
    // The same texts and salts, as the other visit or as the first one commits to them.
    for commitments in [other.commitments(findings), signed.commitments] {
      try attempts.attempt {
        _ = try other.chain.verify(signed.signature, commitments: commitments)
        return true
      }
    }
    return attempts.outcome(
      ifReached: "the signature serves the other visit",
      else: "W binds the context: patient, visit, team, T")
  }

  mutating func guessedDiagnosis() throws -> Outcome {
    let visit = try TeamVisit<Suite>(using: &random)
    let findings = visit.findings([ExampleTexts.written], using: &random)
    let signed = try visit.sign(findings, using: &random)
    /// Whether commitment and signature on the chain answer to this guess.
    func answers(_ text: [UInt8], _ salt: [UInt8]) throws -> Bool {
      let guess = visit.commitments([Finding(content: text, salt: salt, attempt: 1)])
      if guess == signed.commitments { return true }
      _ = try visit.chain.verify(signed.signature, commitments: guess)
      return true
    }
    var attempts = AttackAttempts()
    try attempts.control("the right guess with its salt") {
      try answers(ExampleTexts.written, findings[0].salt)
    }
    for guess in ExampleTexts.guesses {
      for salt in [[UInt8](repeating: 0, count: 32), random.bytes(32)] {
        try attempts.attempt { try answers(guess, salt) }
      }
    }
    return attempts.outcome(
      ifReached: "a guess is confirmed",
      else: "without the salt the right guess fails like any other")
  }
}
