internal import CanonicalEncoding
internal import EMRScheme
internal import Pairings

extension Attacker {
  mutating func sharedRecord() throws -> Outcome {
    let visit = try TeamVisit<Suite>(using: &random)
    let findings = visit.findings([ExampleTexts.long], using: &random)
    let signed = try visit.sign(findings, using: &random)
    let record = try visit.seal(findings, using: &random)
    let consented = try Consented(visit, using: &random)
    let read = try visit.read(
      consented.key().reencrypt(record), by: consented.request, digest: record.recordDigest,
      signed)
    return .property(
      read == findings, ifHolds: "the receiver reads the very bytes",
      else: "the receiver reads other bytes")
  }

  mutating func longRecord() throws -> Outcome {
    let visit = try TeamVisit<Suite>(using: &random)
    let record = try visit.seal(
      visit.findings([ExampleTexts.long], using: &random), using: &random)
    func contains(_ bytes: [UInt8]) -> Bool {
      let end = ExampleTexts.end
      return bytes.indices.contains { bytes[$0...].starts(with: end) }
    }
    var attempts = AttackAttempts()
    try attempts.control("the search in the plaintext") { contains(ExampleTexts.long) }
    try attempts.attempt { contains(record.record.c) }
    return attempts.outcome(
      ifReached: "the ciphertext holds the words", else: "AES-256-GCM covers every byte")
  }

  mutating func otherRecord() throws -> Outcome {
    let visit = try TeamVisit<Suite>(using: &random)
    let other = try TeamVisit(doctors: visit.doctors, using: &random)
    let findings = other.findings([ExampleTexts.written], using: &random)
    let signed = try other.sign(findings, using: &random)
    let record = try other.seal(findings, using: &random)
    let (consented, otherConsent) = (
      try Consented(visit, using: &random), try Consented(other, using: &random)
    )
    func isRead(_ shared: ReencryptedRecord, by request: RequestKey<Suite>) throws -> Bool {
      try other.read(shared, by: request, digest: record.recordDigest, signed) == findings
    }
    let genuine = try otherConsent.key().reencrypt(record)
    var attempts = AttackAttempts()
    try attempts.control("the consent for this visit") {
      try isRead(genuine, by: otherConsent.request)
    }
    try attempts.attempt {
      try isRead(consented.key().reencrypt(record), by: consented.request)
    }
    // A proxy with a changed program multiplies anyway, and a doctor with one checks nothing: Y would
    // be rk·B/d', with p_v = d'/rk of the visit that was consented to.
    try attempts.attempt {
      var shared = genuine
      shared.bI = (consented.rk * (try Suite.G2(encoded: record.record.b))).encoded()
      return try isRead(shared, by: consented.request)
    }
    try attempts.attempt {
      try record.opens(with: other, by: consented.d * consented.rk.inverted(), signed)
    }
    return attempts.outcome(
      ifReached: "the other visit is opened",
      else: "rk belongs to one visit key: to proxy and doctor together, too, it opens one visit")
  }

  mutating func otherDoctor() throws -> Outcome {
    let visit = try TeamVisit<Suite>(using: &random)
    let findings = visit.findings([ExampleTexts.written], using: &random)
    let signed = try visit.sign(findings, using: &random)
    let record = try visit.seal(findings, using: &random)
    let consented = try Consented(visit, using: &random)
    let own = RequestKey<Suite>(using: &random)
    let d = try Suite.Scalar(encoded: own.encoded())
    let genuine = try consented.key().reencrypt(record)
    func isRead(_ shared: ReencryptedRecord, by request: RequestKey<Suite>) throws -> Bool {
      try visit.read(shared, by: request, digest: record.recordDigest, signed) == findings
    }
    var attempts = AttackAttempts()
    try attempts.control("the doctor consented to") {
      try isRead(genuine, by: consented.request)
    }
    // d''/p_v = x·d''/t, and the proxy has x and d'', but not t.
    for y in [d, consented.y, d * consented.y, d * consented.y.inverted()] {
      try attempts.attempt {
        try isRead(consented.key(y: y, for: own).reencrypt(record), by: own)
      }
      try attempts.attempt {
        var shared = genuine
        let b = try Suite.G2(encoded: record.record.b)
        shared.bI = ((consented.x * y) * b).encoded()
        return try isRead(shared, by: own)
      }
    }
    return attempts.outcome(
      ifReached: "a doctor without a consent reads",
      else: "without t, which the doctor of the consent alone has, no rk for another comes out")
  }
}
