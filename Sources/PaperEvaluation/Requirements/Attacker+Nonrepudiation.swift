internal import EMRScheme
internal import Pairings

extension Attacker {
  mutating func deniedFinding() throws -> Outcome {
    try forgeries(of: ExampleTexts.written).outcome(
      ifReached: "another than the doctor signs", else: "nobody but the doctor ever holds d1")
  }

  mutating func revivedFinding() throws -> Outcome {
    let visit = try TeamVisit<Suite>(using: &random)
    let findings = visit.findings([ExampleTexts.written], using: &random)
    let withdrawn = try visit.sign(findings, using: &random)
    var relabelled = withdrawn.commitments
    relabelled[0].attempt = 3
    var again = findings
    again[0].attempt = 3
    let variant = variant(of: withdrawn.signature, visit)
    var attempts = AttackAttempts()
    for signature in [withdrawn.signature, variant] {
      for commitments in [relabelled, visit.commitments(again)] {
        try attempts.attempt {
          _ = try visit.chain.verify(signature, commitments: commitments)
          return true
        }
      }
    }
    return attempts.outcome(
      ifReached: "the withdrawn finding stands as a later attempt",
      else: "W binds the attempt: what was signed as the first is never a later one")
  }

  mutating func strangersVariant() throws -> Outcome {
    let visit = try TeamVisit<Suite>(using: &random)
    let signed = try visit.sign(
      visit.findings([ExampleTexts.written], using: &random), using: &random)
    let variant = variant(of: signed.signature, visit)
    var attempts = AttackAttempts()
    try attempts.control("the variant for the first attempt") {
      try variant != signed.signature
        && visit.chain.verify(variant, commitments: signed.commitments).commitments
          == signed.commitments
    }
    for attempt in 2...visit.context.resignatureLimit + 2 {
      var commitments = signed.commitments
      commitments[0].attempt = attempt
      try attempts.attempt {
        _ = try visit.chain.verify(variant, commitments: commitments)
        return true
      }
    }
    return attempts.outcome(
      ifReached: "a variant passes for another attempt",
      else: "variants say what the first signature said: the same attempt, never another")
  }

  private mutating func variant(of signature: Signature, _ visit: TeamVisit<Suite>) -> Signature {
    let s = Suite.Scalar.random(using: &random)
    let key = visit.doctors[0].key
    return Signature(
      r: signature.r + .generatorMultiplied(by: s), q: signature.q + s * (key.b1 + key.c1))
  }
}
