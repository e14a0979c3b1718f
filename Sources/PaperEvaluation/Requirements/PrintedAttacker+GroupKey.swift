internal import PrintedScheme

extension PrintedAttacker {
  /// The man shares s with the hospital as D_1, and another s with D_1 as the hospital. The MACs are
  /// computed under these very secrets, so both sides are content.
  mutating func manInTheMiddle() throws -> Outcome {
    let hospital = PrintedExchange<Suite>("hospital", using: &random)
    let doctor = PrintedExchange<Suite>("doctor-1", using: &random)
    let colleague = PrintedExchange<Suite>("doctor-2", using: &random)
    let asHospital = PrintedExchange<Suite>("hospital", using: &random)
    let asDoctor = PrintedExchange<Suite>("doctor-1", using: &random)
    var attempts = AttackAttempts()
    try attempts.attempt {
      let code = try doctor.acknowledge(
        asHospital.share, code: asHospital.confirm(doctor.share))
      _ = try asHospital.groupKey([(doctor.share, code)])
      let k = try hospital.groupKey([
        (
          asDoctor.share,
          try asDoctor.acknowledge(hospital.share, code: hospital.confirm(asDoctor.share))
        ),
        (
          colleague.share,
          try colleague.acknowledge(hospital.share, code: hospital.confirm(colleague.share))
        ),
      ])
      // K goes to the man, and from the man on to D_1.
      let stolen = try asDoctor.receive(
        hospital.deliver(k, to: asDoctor.share), from: hospital.share)
      let passedOn = try doctor.receive(
        asHospital.deliver(stolen, to: doctor.share), from: asHospital.share)
      let c1 = try PrintedCipher(passedOn, Suite.self).seal(ExampleTexts.written)
      let readByColleague = try PrintedCipher(
        colleague.receive(hospital.deliver(k, to: colleague.share), from: hospital.share),
        Suite.self
      ).open(c1)
      return try readByColleague == ExampleTexts.written
        && PrintedCipher(stolen, Suite.self).open(c1) == ExampleTexts.written
    }
    return attempts.outcome(
      ifReached: "every MAC is right, the team agrees on K, and the man reads c_1 with it",
      else: "the man gets no K that the team uses")
  }
}
