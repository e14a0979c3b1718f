import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("What crosses the wire and what others keep")
struct SecrecyTests {
  private struct Secret {
    let name: String
    let bytes: [UInt8]
    /// The places that may hold it.
    let owners: Set<String>
  }

  private func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
    guard let first = part.first, bytes.count >= part.count else { return false }
    return bytes.indices.dropLast(part.count - 1).contains { start in
      bytes[start] == first && bytes[start..<start + part.count].elementsEqual(part)
    }
  }

  /// Where a secret is found outside the places of its owners.
  private func leaks(_ secret: Secret, _ test: TestConsortium) async throws -> [String] {
    var leaks: [String] = []
    for passage in test.wire.passages
    where contains(passage.request, secret.bytes) || contains(passage.reply, secret.bytes) {
      leaks.append("\(secret.name) between \(passage.sender) and \(passage.recipient)")
    }
    for place in test.storage.places where !secret.owners.contains(place) {
      let store = test.storage.roleStore(place)
      for key in try store.keys(withPrefix: "") {
        if contains(Array(key.utf8) + (try store.value(forKey: key) ?? []), secret.bytes) {
          leaks.append("\(secret.name) at \(place), \(key)")
        }
      }
    }
    for entry in try await test.ledger() where contains(entry, secret.bytes) {
      leaks.append("\(secret.name) in a log")
    }
    for (place, state) in test.storage.states {
      for (key, value) in state.values where contains(key + value, secret.bytes) {
        leaks.append("\(secret.name) in the state at \(place)")
      }
    }
    for visit in try await test.storage.records.visits() {
      for row in try await test.storage.records.rows(ofVisit: visit)
      where contains(row, secret.bytes) {
        leaks.append("\(secret.name) in the record store")
      }
    }
    return leaks
  }

  @inline(never)
  private func keySecrets(_ test: TestConsortium, _ places: [String]) throws -> [Secret] {
    try places.flatMap { place -> [Secret] in
      guard let file = test.storage.keys(place) else { return [] }
      return try file.names.flatMap { name -> [Secret] in
        let bytes = try file.secret(name)
        // (d1, d2, d3) are three secrets.
        return stride(from: 0, to: bytes.count, by: 32).map { start in
          Secret(
            name: "\(name) of \(place)", bytes: Array(bytes[start...].prefix(32)), owners: [place])
        }
      }
    }
  }

  @inline(never)
  private func stored<Value: NamedValue>(
    _ type: Value.Type, _ test: TestConsortium, _ place: String, _ prefix: String
  ) throws -> Value {
    let store = test.storage.roleStore(place)
    let key = try #require(try store.keys(withPrefix: prefix).last)
    return try Message<Value>(encoded: try #require(try store.value(forKey: key))).payload
  }

  /// What people say and write.
  private func planted(patient: String, reader: String) -> [Secret] {
    [
      Secret(
        name: "why a doctor asks", bytes: Array("second opinion".utf8),
        owners: [patient, "manager", reader]),
      Secret(
        name: "ID", bytes: Array(TestConsortium.identity.utf8), owners: [patient, "hospital-1"]),
      // Nobody keeps what the patient complains of, once there is a visit.
      Secret(name: "symptoms", bytes: Array(TestConsortium.complaint.utf8), owners: []),
      Secret(name: "m", bytes: Array("plaintext-encounter-1".utf8), owners: []),
    ]
  }

  @Test("no plaintext, identity, evidence or private key leaves its owners")
  func plantedSecrets() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let (visit, consent) = try await test.consentedVisit(consortium)
    let context = try await test.state(of: visit, consortium).context
    let patient = "patients/\(TestConsortium.patient)"
    let reader = "doctors/\(TestConsortium.reader)"
    let team = context.signers.map { "doctors/\($0.doctor)" }
    let evidence = try await test.presence(
      of: visit, to: context.signers[0].doctor, consortium
    ).evidence
    let server = try #require(consortium.hospitals["hospital-1"])
    let lambda = try await server.patient(ofVisit: visit).lambda
    let joined = try stored(DoctorVisit.self, test, team[0], "visit/")
    let deposit = try stored(Deposit.self, test, "manager", "deposit/")
    guard case .unused(let share) = deposit.state else {
      Issue.record("x was used already")
      return
    }
    let request = try stored(RequestSecrets.self, test, reader, "request/")

    var secrets = try keySecrets(test, test.storage.places)
    #expect(secrets.count > 50)
    let between = Set(team + [patient, "hospital-1"])
    secrets += planted(patient: patient, reader: reader)
    secrets += [
      Secret(name: "α", bytes: evidence, owners: between),
      Secret(name: "λ", bytes: lambda, owners: [patient, "hospital-1"]),
      Secret(name: "K", bytes: try #require(joined.groupKey), owners: Set(team)),
      Secret(name: "x", bytes: share, owners: ["manager"]),
      Secret(name: "d'", bytes: request.requestKey, owners: [reader]),
      Secret(name: "the request's X25519 key", bytes: request.agreementKey, owners: [reader]),
    ]
    let shared = try await consortium.openRecord(
      doctor: TestConsortium.reader, consent: consent)
    #expect(contains(shared.findings[0].content, Array("plaintext-encounter-1".utf8)))
    // Nobody keeps y, the manager neither; both shares crossed the wire, under its seal alone.
    let asked = try #require(test.wire.requests(Reencrypt.self).last)
    secrets.append(Secret(name: "y", bytes: asked.share, owners: []))
    #expect(test.wire.requests(DepositConsent.self).last?.share == share)
    try await consortium.settle()
    for secret in secrets { #expect(try await leaks(secret, test) == []) }

    // The shares of the consent are gone from their owners too.
    for name in ["x", "d'", "the request's X25519 key"] {
      let used = try #require(secrets.first { $0.name == name })
      #expect(
        try await leaks(Secret(name: name, bytes: used.bytes, owners: []), test) == [])
    }
    // The search does find what is there.
    let known = Secret(name: "PK_v", bytes: context.visitKey, owners: [])
    #expect(try await leaks(known, test).count > 10)
  }

  @Test("what a patient asks of the cloud shows on the way neither the visit nor whose it is")
  func linkedRequests() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let other = "patient-b"
    try await consortium.addPatient(contact: other, identity: "Basil Ode, 1955-07-01")
    var visits: [Digest32] = []
    for (patient, encounter) in [
      (TestConsortium.patient, "encounter-1"), (TestConsortium.patient, "encounter-2"),
      (other, "encounter-3"),
    ] {
      var plan = test.plan(encounter)
      plan.patient = patient
      visits.append(try await consortium.hold(plan).visit)
    }
    let asked = test.wire.passages.filter { $0.kind == FetchOwnRecord.name }
    #expect(asked.count >= visits.count)
    // All that is outside of the seal is the same for all visits and all patients.
    let outside = Set(
      try asked.map { passage in
        var envelope = try Envelope(encoded: passage.request)
        envelope.sealed = [0]
        return Array(passage.sender.utf8) + envelope.encoded()
      })
    #expect(outside.count == 1)
    for passage in asked {
      for visit in visits {
        #expect(!contains(passage.request, visit.bytes) && !contains(passage.reply, visit.bytes))
      }
    }
  }

  @Test("which doctor a consent is for is read by nobody on the way to proxy and cloud")
  func consentedDoctor() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium)
    _ = try await consortium.openRecord(doctor: TestConsortium.reader, consent: consent)
    let kinds = [
      SubmitAccessRequest.name, ForwardAccessRequest.name, CertifyRequestKey.name,
      DepositConsent.name, GrantConsent.name, Reencrypt.name, FetchConsentedRecord.name,
    ]
    let passages = test.wire.passages.filter { kinds.contains($0.kind ?? "") }
    #expect(Set(passages.compactMap(\.kind)).count == kinds.count)
    let reader = Array(TestConsortium.reader.utf8)
    for passage in passages {
      let part =
        passage.recipient == TestConsortium.reader
        // An envelope says for whom it is.
        ? try Envelope(encoded: passage.request).sealed : passage.request
      #expect(!contains(part, reader) && !contains(passage.reply, reader), "\(passage.kind ?? "")")
    }
  }

  /// All strings of 16 bytes in what the ledger holds of a visit.
  private func traces(_ visit: Digest32, _ ledger: [[UInt8]]) -> Set<[UInt8]> {
    var traces: Set<[UInt8]> = []
    for bytes in ledger {
      let subject: Digest32? =
        switch Leaf.entry(in: bytes)?.content.body {
        case .visitOpening(let body): body.context.visitID
        case .partialSignature(let body): body.visit
        case .visitCompletion(let body): body.context.visitID
        case .visitReceipt(let body): body.visit
        case .accessRequestNotice(let body): body.visit
        case .consentNotice(let body): body.visit
        case .accessNotice(let body): body.visit
        case .revocation(let body): body.visit
        default: nil
        }
      guard subject == visit else { continue }
      for start in bytes.indices.dropLast(15) { traces.insert(Array(bytes[start..<start + 16])) }
    }
    return traces
  }

  @Test("two visits of one patient share nothing on the ledger but what strangers' visits share")
  func unlinkable() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let other = "patient-b"
    try await consortium.addPatient(contact: other, identity: "Basil Ode, 1955-07-01")
    var visits: [Digest32] = []
    for (patient, encounters) in [
      (TestConsortium.patient, ["encounter-1", "encounter-2"]),
      // Two, since the team's order goes round from visit to visit.
      (other, ["encounter-1", "encounter-2"]),
    ] {
      let request = try await consortium.requestAccess(
        doctor: TestConsortium.reader, patient: patient, purpose: "second opinion")
      for encounter in encounters {
        var plan = test.plan(encounter)
        plan.patient = patient
        let visit = try await consortium.hold(plan).visit
        let consent = try await consortium.consent(
          patient: patient, to: request, visit: visit, expiresAt: TestConsortium.start + 3600)
        try await consortium.settle()
        _ = try await consortium.openRecord(doctor: TestConsortium.reader, consent: consent)
        try await consortium.revoke(patient: patient, consent: consent)
        visits.append(visit)
      }
    }
    let ledger = try await test.ledger()
    let traces = visits.map { self.traces($0, ledger) }
    #expect(traces[0].count > 3000)
    let common = traces[0].intersection(traces[1])
    #expect(!common.isEmpty)
    #expect(common.subtracting(traces[2].union(traces[3])).isEmpty)
  }
}
