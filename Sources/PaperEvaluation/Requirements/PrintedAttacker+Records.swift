internal import EMRScheme
internal import Pairings
internal import PrintedScheme

extension PrintedAttacker {
  mutating func replacedRecord() throws -> Outcome {
    let visit = PrintedVisit<Suite>(using: &random)
    let stranger = PrintedDoctor<Suite>(using: &random)
    let genuine = try visit.seal(ExampleTexts.written, using: &random)
    // α, PK_j and ḡ are all it takes to seal; the one-time key A is anybody's.
    let replaced = try visit.seal(ExampleTexts.neverWritten, using: &random)
    var attempts = AttackAttempts()
    try attempts.control("the genuine record is read") {
      try visit.share(genuine, with: stranger) == ExampleTexts.written
    }
    try attempts.attempt {
      try visit.share(replaced, with: stranger) == ExampleTexts.neverWritten
    }
    return attempts.outcome(
      ifReached: "the other record passes every check that 4.6 prints, and is read",
      else: "a check of 4.6 fails")
  }

  mutating func guessedEvidence() throws -> Outcome {
    let visit = PrintedVisit<Suite>(using: &random)
    let record = try visit.seal(ExampleTexts.written, using: &random)
    let guesses = [random.bytes(32), visit.evidence, random.bytes(32)]
    var attempts = AttackAttempts()
    try attempts.attempt {
      // F = e(PK_j, H0(α))^r = e(B, H0(α)).
      guesses.filter { guess in
        let f = Suite.pairing(PrintedHash.h0(guess, Suite.self), record.b)
        return PrintedRecord<Suite>.h3(f) == record.g
      } == [visit.evidence]
    }
    return attempts.outcome(
      ifReached: "G = H3(e(B, H0(α))) holds for the right α alone: B serves as the trapdoor",
      else: "no guess can be told from another")
  }

  mutating func linkedRecords() throws -> Outcome {
    let visit = PrintedVisit<Suite>(using: &random)
    let stranger = PrintedVisit<Suite>(system: visit.system, using: &random)
    let records = try [visit, visit, stranger].map {
      try $0.seal(ExampleTexts.written, using: &random)
    }
    func linked(_ i: Int, _ j: Int) -> Bool {
      Suite.pairingProductIsIdentity([
        (records[i].b, records[j].e), (-records[j].b, records[i].e),
      ])
    }
    var attempts = AttackAttempts()
    // Both are e(PK_j, ḡ)^(r_1·r_2); PK_j itself need not be known.
    try attempts.attempt { linked(0, 1) && !linked(0, 2) && !linked(1, 2) }
    return attempts.outcome(
      ifReached: "the equation holds for one patient's records alone: PK_j stays for ever",
      else: "the records of one patient cannot be told from those of two")
  }

  mutating func knownBase() throws -> Outcome {
    let x = Suite.Scalar.random(using: &random)
    let system = PrintedSystem<Suite>(
      baseLogarithm: x, masterKey: .random(using: &random))
    let visit = PrintedVisit<Suite>(system: system, using: &random)
    let record = try visit.seal(ExampleTexts.written, using: &random)
    var attempts = AttackAttempts()
    try attempts.attempt {
      // e(E, H1(A))^(1/x) = e(g, H1(A))^r.
      let mask = Suite.pairing(PrintedHash.h1(record.a, Suite.self), record.e)
        .raised(to: x.inverted())
      return PrintedRecord<Suite>.mask(record.c, mask) == ExampleTexts.written
    }
    return attempts.outcome(
      ifReached: "C ⊕ e(E, H1(A))^(1/log ḡ) is the record, of whatever patient",
      else: "log ḡ opens nothing")
  }

  mutating func managersView() throws -> Outcome {
    let visit = PrintedVisit<Suite>(using: &random)
    let proxy = PrintedProxy(handed: visit.doctors[0], visit.patient, visit.system)
    let record = try visit.seal(ExampleTexts.written, using: &random)
    var attempts = AttackAttempts()
    try attempts.attempt { record.content(under: proxy.p) == ExampleTexts.written }
    return attempts.outcome(
      ifReached: "with p_j the manager reads this record and all others of the patient",
      else: "the manager's view opens nothing")
  }

  mutating func otherThanSigned() throws -> Outcome {
    let visit = PrintedVisit<Suite>(team: 2, using: &random)
    let findings = [ExampleTexts.written, ExampleTexts.guesses[0]]
    _ = try visit.sign(findings, using: &random)
    let receiver = PrintedDoctor<Suite>(using: &random)
    let honest = try visit.seal(findings.flatMap(\.self), using: &random)
    let record = try visit.seal(ExampleTexts.neverWritten, using: &random)
    var attempts = AttackAttempts()
    try attempts.control("what was signed is read") {
      try visit.share(honest, with: receiver) == findings.flatMap(\.self)
    }
    try attempts.attempt { try visit.share(record, with: receiver) == ExampleTexts.neverWritten }
    return attempts.outcome(
      ifReached: "4.6 compares nothing with the signatures, and the receiver reads another text",
      else: "a check of 4.6 fails")
  }
}
