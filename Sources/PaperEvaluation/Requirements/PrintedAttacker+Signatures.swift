internal import Pairings
internal import PrintedScheme

extension PrintedAttacker {
  /// SM chooses R = ρ·g; then (d2 + k·d3)·R = ρ·(B + k·C) is public, and d1 is all that is missing.
  private mutating func forge(
    _ findings: [[UInt8]], as doctor: PrintedDoctorKey<Suite>, with d1: Suite.Scalar,
    _ team: PrintedTeam<Suite>
  ) -> PrintedSignature<Suite> {
    let rho = Suite.Scalar.random(using: &random)
    return PrintedSignature(
      r: .generatorMultiplied(by: rho), q: d1 * team.w(findings) + rho * (doctor.b + doctor.c))
  }

  mutating func forgeryWithHandedKey() throws -> Outcome {
    let visit = PrintedVisit<Suite>(using: &random)
    // 4.6 (2): the doctor once asked for some record.
    let proxy = PrintedProxy(handed: visit.doctors[0], visit.patient, visit.system)
    let forged = forge(
      [ExampleTexts.neverWritten], as: visit.team.keys[0], with: proxy.d1, visit.team)
    var attempts = AttackAttempts()
    try attempts.attempt { visit.team.verifies(forged, [ExampleTexts.neverWritten]) }
    return attempts.outcome(
      ifReached: "with d1 the signature satisfies Eq. (3)", else: "Eq. (3) does not hold")
  }

  mutating func rogueKey() throws -> Outcome {
    let visit = PrintedVisit<Suite>(using: &random)
    let attacker = PrintedDoctor<Suite>(using: &random)
    let (a, rho) = (Suite.Scalar.random(using: &random), Suite.Scalar.random(using: &random))
    // A_2 = a·g − A_1: with m_2 empty W_1 = W_2, and the two terms add up to a·W.
    let rogue = PrintedDoctorKey<Suite>(
      a: .generatorMultiplied(by: a) - visit.team.keys[0].a, b: attacker.publicKey.b,
      c: attacker.publicKey.c)
    let team = PrintedTeam(visit.team.keys + [rogue], timestamp: ExampleTexts.openedAt)
    let findings = [ExampleTexts.neverWritten, []]
    let forged = PrintedSignature<Suite>(
      r: .generatorMultiplied(by: rho), q: a * team.w(findings) + rho * team.keySum(through: 2))
    var attempts = AttackAttempts()
    try attempts.attempt { team.verifies(forged, findings) }
    return attempts.outcome(
      ifReached: "A_2 = a·g − A_1 and an empty m_2 satisfy Eq. (3) without d1",
      else: "Eq. (3) does not hold")
  }

  mutating func movedBoundary() throws -> Outcome {
    let visit = PrintedVisit<Suite>(team: 2, using: &random)
    let written = ["no fever.", " Allergic"].map { Array($0.utf8) }
    let moved = ["no", " fever. Allergic"].map { Array($0.utf8) }
    let signature = try visit.sign(written, using: &random)
    // W_2 = H0(m_1 ‖ m_2, T) is the same, so D_1 exchanges the own term d1·W_1, and no more.
    let change =
      visit.doctors[0].d1 * (visit.team.w([moved[0]]) - visit.team.w([written[0]]))
    var attempts = AttackAttempts()
    try attempts.attempt {
      visit.team.verifies(PrintedSignature(r: signature.r, q: signature.q + change), moved)
    }
    return attempts.outcome(
      ifReached: "m_1 ‖ m_2 is the same, and Eq. (3) holds for findings that D_2 never saw",
      else: "Eq. (3) does not hold")
  }

  mutating func movedSignature() throws -> Outcome {
    let visit = PrintedVisit<Suite>(team: 2, using: &random)
    let findings = [ExampleTexts.written, ExampleTexts.written]
    let signature = try visit.sign(findings, using: &random)
    // Another patient, with another PK_j and α: nothing of them enters Eq. (3).
    let other = PrintedVisit(doctors: visit.doctors, system: visit.system, using: &random)
    var attempts = AttackAttempts()
    try attempts.attempt { other.team.verifies(signature, findings) }
    return attempts.outcome(
      ifReached: "Eq. (3) holds for the other patient: W binds text and T alone",
      else: "Eq. (3) does not hold")
  }

  mutating func guessedDiagnosis() throws -> Outcome {
    let visit = PrintedVisit<Suite>(using: &random)
    let signature = try visit.sign([ExampleTexts.written], using: &random)
    var attempts = AttackAttempts()
    try attempts.attempt {
      ExampleTexts.guesses.filter { visit.team.verifies(signature, [$0]) }
        == [ExampleTexts.written]
    }
    return attempts.outcome(
      ifReached: "Eq. (3) holds for the right guess alone, offline, whatever N is",
      else: "no guess can be told from another")
  }

  mutating func deniedFinding() throws -> Outcome {
    let visit = PrintedVisit<Suite>(using: &random)
    let genuine = try visit.sign([ExampleTexts.written], using: &random)
    let proxy = PrintedProxy(handed: visit.doctors[0], visit.patient, visit.system)
    let forged = forge(
      [ExampleTexts.written], as: visit.team.keys[0], with: proxy.d1, visit.team)
    var attempts = AttackAttempts()
    try attempts.attempt {
      genuine != forged && visit.team.verifies(forged, [ExampleTexts.written])
    }
    return attempts.outcome(
      ifReached: "the manager's signature satisfies Eq. (3) as well: who signed is not proven",
      else: "only the doctor's own signature satisfies Eq. (3)")
  }

  mutating func revivedFinding() throws -> Outcome {
    let visit = PrintedVisit<Suite>(using: &random)
    let withdrawn = try visit.sign([ExampleTexts.written], using: &random)
    let newest = try visit.sign([ExampleTexts.neverWritten], using: &random)
    let variant = variant(of: withdrawn, visit.team)
    var attempts = AttackAttempts()
    try attempts.attempt {
      variant != withdrawn && variant != newest
        && visit.team.verifies(variant, [ExampleTexts.written])
    }
    return attempts.outcome(
      ifReached: "as (R', Q') never seen before, the withdrawn finding satisfies Eq. (3)",
      else: "Eq. (3) does not hold")
  }

  mutating func strangersVariant() throws -> Outcome {
    let visit = PrintedVisit<Suite>(using: &random)
    var seen = [try visit.sign([ExampleTexts.written], using: &random)]
    // N = 4 re-signatures, as in our rules; the paper names no number.
    for _ in 0..<4 { seen.append(variant(of: seen[0], visit.team)) }
    var attempts = AttackAttempts()
    try attempts.attempt {
      seen.indices.allSatisfy { !seen[..<$0].contains(seen[$0]) }
        && seen.allSatisfy { visit.team.verifies($0, [ExampleTexts.written]) }
    }
    return attempts.outcome(
      ifReached: "N further signatures (R', Q') satisfy Eq. (3), and the doctor made none",
      else: "no further signature satisfies Eq. (3)")
  }

  /// R' = R + s·g, Q' = Q + s·Σ(B_i + i·C_i): anybody makes it.
  private mutating func variant(
    of signature: PrintedSignature<Suite>, _ team: PrintedTeam<Suite>
  ) -> PrintedSignature<Suite> {
    let s = Suite.Scalar.random(using: &random)
    return PrintedSignature(
      r: signature.r + .generatorMultiplied(by: s),
      q: signature.q + s * team.keySum(through: team.keys.count))
  }
}
