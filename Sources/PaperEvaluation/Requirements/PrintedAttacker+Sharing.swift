internal import EMRScheme
internal import Pairings
internal import PrintedScheme

extension PrintedAttacker {
  mutating func sharedRecord() throws -> Outcome {
    let visit = PrintedVisit<Suite>(using: &random)
    let read = try visit.share(
      visit.seal(ExampleTexts.long, using: &random), with: PrintedDoctor(using: &random))
    return .property(
      read == ExampleTexts.long, ifHolds: "the receiver reads the very bytes",
      else: "the receiver reads other bytes")
  }

  mutating func longRecord() throws -> Outcome {
    let visit = PrintedVisit<Suite>(using: &random)
    let record = try visit.seal(ExampleTexts.long, using: &random)
    var attempts = AttackAttempts()
    try attempts.attempt { record.c.suffix(ExampleTexts.end.count) == ExampleTexts.end[...] }
    let covered = PrintedRecord<Suite>.maskedByteCount
    return attempts.outcome(
      ifReached: "⊕ with one element of GT covers \(covered) bytes; all beyond stands as written",
      else: "the end of the record is covered")
  }

  mutating func otherRecord() throws -> Outcome {
    let visit = PrintedVisit<Suite>(using: &random)
    let doctor = PrintedDoctor<Suite>(using: &random)
    let rk = PrintedProxy(handed: doctor, visit.patient, visit.system).rk
    // Years later, at another hospital, with another α.
    var record = try PrintedRecord(
      sealing: ExampleTexts.written, to: visit.patient.publicKey, evidence: random.bytes(32),
      visit.system, using: &random)
    record.b = rk * record.b
    var attempts = AttackAttempts()
    try attempts.attempt {
      try record.check(for: doctor.publicKey.a, visit.system)
      return record.content(under: doctor.d1) == ExampleTexts.written
    }
    return attempts.outcome(
      ifReached: "the same rk opens it: one consent is a consent for every record, for ever",
      else: "rk opens no other record")
  }

  mutating func otherDoctor() throws -> Outcome {
    let visit = PrintedVisit<Suite>(using: &random)
    let (doctor, own) = (
      PrintedDoctor<Suite>(using: &random), PrintedDoctor<Suite>(using: &random)
    )
    let proxy = PrintedProxy(handed: doctor, visit.patient, visit.system)
    var record = try visit.seal(ExampleTexts.written, using: &random)
    record.b = (own.d1 * proxy.p.inverted()) * record.b
    var attempts = AttackAttempts()
    try attempts.attempt {
      try record.check(for: own.publicKey.a, visit.system)
      return record.content(under: own.d1) == ExampleTexts.written
    }
    return attempts.outcome(
      ifReached: "with p_j the manager makes rk for whom it wants, and that doctor reads",
      else: "the manager makes no rk for another doctor")
  }
}
