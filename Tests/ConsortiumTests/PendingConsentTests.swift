import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

/// Consents that are on their way when something else happens.
@Suite("Sharing: consents that end, and keys that change, on the way")
struct PendingConsentTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  /// A visit that was asked for, and what is done with consents to it.
  private struct Stage {
    let test = TestConsortium(teamSize: 1)
    let consortium: LocalConsortium
    let visit: Digest32
    let request: Digest32

    init() async throws {
      consortium = try await test.open()
      (visit, request) = try await test.visitWithRequest(consortium)
    }

    func consent(expiresAt: UInt64) async throws -> Digest32 {
      try await consortium.consent(
        patient: PendingConsentTests.patient, to: request, visit: visit, expiresAt: expiresAt)
    }

    var patientRows: any RoleStore {
      test.storage.roleStore("patients/\(PendingConsentTests.patient)")
    }
    var doctorRows: any RoleStore {
      test.storage.roleStore("doctors/\(PendingConsentTests.reader)")
    }

    /// The consents that the patient knows of.
    func known() throws -> [Digest32] {
      try patientRows.keys(withPrefix: "consent/")
        .compactMap { Digest32(hex: String($0.dropFirst("consent/".count))) }
    }

    func isOpened(_ consent: Digest32) async throws -> String? {
      try await consortium.settle()
      return await ConsortiumError.code {
        _ = try await consortium.openRecord(doctor: PendingConsentTests.reader, consent: consent)
      }
    }

    /// How many rows the doctor has of keys and consents.
    func doctorCount() throws -> Int {
      try ["request/", "request-key/", "ungranted/", "granted/", "grant/"].reduce(0) {
        try $0 + doctorRows.keys(withPrefix: $1).count
      }
    }
  }

  @Test(
    "a consent on its way that is taken back, or expires, is over: the same request gets another",
    arguments: [false, true])
  func endedOnTheWay(isRevoked: Bool) async throws {
    let stage = try await Stage()
    let (test, consortium) = (stage.test, stage.consortium)
    let expiry = await consortium.ledgerTime() + 600
    test.wire.lose(DepositConsent.self)
    #expect(await code { _ = try await stage.consent(expiresAt: expiry) } == "unreachable")
    test.wire.intercept(nil)
    let lost = try #require(try stage.known().first)
    if isRevoked {
      try await consortium.revoke(patient: Self.patient, consent: lost)
    } else {
      try await test.pass(seconds: 700, consortium)
      _ = try await #require(consortium.patients[Self.patient]).followUp()
    }
    // x of it is gone with it.
    #expect(try stage.patientRows.keys(withPrefix: "pending-consent/").isEmpty)
    // The answer of the doctor is lost once: what takes the place is one A', not one after another.
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      if transit.payload(CertifyRequestKey.self) == nil { return reply }
      throw ConsortiumError(.unreachable, "the answer is lost")
    }
    let later = await consortium.ledgerTime() + 3600
    #expect(await code { _ = try await stage.consent(expiresAt: later) } == "unreachable")
    test.wire.intercept(nil)
    let rows = try stage.doctorCount()
    let given = try await stage.consent(expiresAt: later)
    #expect(given != lost)
    #expect(try await stage.consent(expiresAt: later) == given)
    #expect(try await stage.isOpened(given) == nil)
    #expect(try await stage.isOpened(lost) == "consent-unknown")
    // One pair of keys, before the consent had come.
    #expect(rows == 3)
  }

  @Test(
    "[attack] a patient's device was ahead while nobody was reached: the consent on its way arrives",
    arguments: [false, true])
  func deviceAhead(isAskedThen: Bool) async throws {
    let stage = try await Stage()
    let (test, consortium) = (stage.test, stage.consortium)
    let patient = try #require(await consortium.patients[Self.patient])
    let expiry = await consortium.ledgerTime() + 3600
    test.wire.lose(DepositConsent.self)
    #expect(await code { _ = try await stage.consent(expiresAt: expiry) } == "unreachable")
    test.wire.lose { _ in true }
    test.pass(seconds: 7200)
    _ = try? await patient.followUp()
    if isAskedThen {
      #expect(await code { _ = try await stage.consent(expiresAt: expiry) } == "consent-expired")
      #expect(await code { _ = try await stage.consent(expiresAt: expiry + 7200) } != nil)
    }
    test.setBack(seconds: 7200)
    test.wire.intercept(nil)
    let given = try await stage.consent(expiresAt: expiry)
    #expect(try stage.known() == [given])
    #expect(test.wire.requests(DepositConsent.self).count == 1)
    #expect(try await stage.isOpened(given) == nil)
  }

  @Test("a consent that has ended before it arrived is never said to have arrived")
  func endedByLedger() async throws {
    let stage = try await Stage()
    let (test, consortium) = (stage.test, stage.consortium)
    let patient = try #require(await consortium.patients[Self.patient])
    let expiry = await consortium.ledgerTime() + 600
    test.wire.lose(DepositConsent.self)
    #expect(await code { _ = try await stage.consent(expiresAt: expiry) } == "unreachable")
    test.wire.intercept(nil)
    try await test.pass(seconds: 700, consortium)
    try await patient.followUp()
    #expect(try stage.patientRows.keys(withPrefix: "pending-consent/").isEmpty)
    // By a clock that is behind it has not ended.
    test.setBack(seconds: 700)
    let lost = try #require(try stage.known().first)
    let again = try? await stage.consent(expiresAt: expiry)
    #expect(again != lost)
    #expect(try stage.known().count == 2)
  }

  @Test(
    "a consent that arrived, and was taken back or expired, is not given out as if it stood",
    arguments: [false, true])
  func endedAfterwards(isRevoked: Bool) async throws {
    let stage = try await Stage()
    let (test, consortium) = (stage.test, stage.consortium)
    let expiry = await consortium.ledgerTime() + 600
    let first = try await stage.consent(expiresAt: expiry)
    #expect(try await stage.consent(expiresAt: expiry) == first)
    if isRevoked {
      try await consortium.revoke(patient: Self.patient, consent: first)
    } else {
      try await test.pass(seconds: 700, consortium)
    }
    let rows = try stage.doctorCount()
    let later = isRevoked ? expiry : await consortium.ledgerTime() + 3600
    let second = try await stage.consent(expiresAt: later)
    #expect(second != first)
    #expect(try stage.doctorCount() == rows)
    #expect(try await stage.isOpened(second) == nil)
    #expect(try await stage.isOpened(first) != nil)
    let deposits = test.wire.requests(DepositConsent.self).map(\.consent.object)
    #expect(Set(deposits.map(\.requestKey)).count == 2 && Set(deposits.map(\.theta)).count == 2)
  }

  @Test("a patient consents anew while the doctor opens: the keys of the new consent stay")
  func replacedWhileOpening() async throws {
    let stage = try await Stage()
    let (consortium, request, visit) = (stage.consortium, stage.request, stage.visit)
    let expiry = await consortium.ledgerTime() + 3600
    let first = try await stage.consent(expiresAt: expiry)
    try await consortium.settle()
    let doctor = try #require(await consortium.doctors[Self.reader])
    let second = Capture<Digest32>()
    _ = try await doctor.open(consent: first) { _ in
      try await consortium.revoke(patient: Self.patient, consent: first)
      second.value = try await consortium.consent(
        patient: Self.patient, to: request, visit: visit, expiresAt: expiry + 60)
    }
    #expect(try await stage.isOpened(#require(second.value)) == nil)
  }

  @Test("[attack] strangers have keys replaced, or whoever was asked has them replaced without end")
  func replacedKeys() async throws {
    let stage = try await Stage()
    let (test, consortium) = (stage.test, stage.consortium)
    let consent = try await stage.consent(
      expiresAt: await consortium.ledgerTime() + 3600)
    let certificate = try #require(test.wire.requests(DepositConsent.self).last?.certificate.object)
    let asked = try #require(test.wire.requests(ForwardAccessRequest.self).last).request.object
    let key = try test.addressKey(asked.address, of: Self.patient, consortium)
    // Another who was asked by the same doctor.
    try await consortium.addPatient(contact: "patient-b", identity: "Basil Ode, 1955-07-01")
    _ = try await consortium.requestAccess(
      doctor: Self.reader, patient: "patient-b", purpose: "another")
    let other = try #require(test.wire.requests(ForwardAccessRequest.self).last).request.object
    let otherKey = try test.addressKey(other.address, of: "patient-b", consortium)
    func certify(by key: IdentityKey, replacing replaced: [UInt8]) async -> String? {
      let client = test.client(consortium, by: Author(.key(key.publicKey), key))
      return await code {
        _ = try await client.ask(
          CertifyRequestKey(
            request: stage.request, hospital: "hospital-1", visit: stage.visit,
            replaced: replaced),
          of: Self.reader)
      }
    }
    let rows = try stage.doctorCount()
    #expect(await certify(by: otherKey, replacing: certificate.requestKey) == "not-entitled")
    // What is named is not what is there.
    for replaced in [other.nonce, asked.nonce, [0]] {
      #expect(await certify(by: key, replacing: replaced) == nil)
    }
    #expect(try await stage.isOpened(consent) == nil)
    let last = try await stage.consent(expiresAt: await consortium.ledgerTime() + 7200)
    #expect(try await stage.isOpened(last) == nil)
    // The asked one alone has them replaced: each time one for one.
    _ = await certify(by: key, replacing: [])
    let start = try stage.doctorCount()
    for _ in 0..<20 {
      let mark = try #require(try stage.doctorRows.keys(withPrefix: "ungranted/").first)
      let present = try #require(try stage.doctorRows.value(forKey: mark))
      #expect(await certify(by: key, replacing: present) == nil)
      #expect(try stage.doctorRows.value(forKey: mark) != present)
    }
    #expect(try stage.doctorCount() == start)
    #expect(rows > 0)
  }

  @Test(
    "a doctor takes another identity key while a consent is on its way: it arrives",
    arguments: [false, true])
  func rotatedCertificate(isPending: Bool) async throws {
    let stage = try await Stage()
    let (test, consortium) = (stage.test, stage.consortium)
    let expiry = await consortium.ledgerTime() + 36_000
    if isPending {
      test.wire.lose(DepositConsent.self)
    } else {
      test.wire.intercept { transit in
        let reply = try await transit.deliver(transit.request)
        if transit.payload(CertifyRequestKey.self) == nil { return reply }
        throw ConsortiumError(.unreachable, "the answer is lost")
      }
    }
    #expect(await code { _ = try await stage.consent(expiresAt: expiry) } == "unreachable")
    test.wire.intercept(nil)
    let doctor = try #require(await consortium.doctors[Self.reader])
    #expect(try await !doctor.rotateKeys())
    try await consortium.settle()
    #expect(try await doctor.rotateKeys())
    try await consortium.settle()
    let given = try await stage.consent(expiresAt: expiry)
    #expect(try stage.known() == [given])
    #expect(try await stage.isOpened(given) == nil)
  }

  @Test(
    "[attack] a courier holds a notice back until its consent was taken back: nothing more is given"
  )
  func takenBackOnTheWay() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let expiry = await consortium.ledgerTime() + 3600
    let patient = try #require(await consortium.patients[Self.patient])
    let (isHeld, isReleased) = (Capture<Bool>(), Capture<Bool>())
    test.wire.intercept { transit in
      if case .consentNotice? = transit.payload(SubmitEntry.self)?.entry.content.body {
        isHeld.value = true
        while isReleased.value == nil { try await Task.sleep(for: .milliseconds(5)) }
      }
      return try await transit.deliver(transit.request)
    }
    let giving = Task {
      try await patient.consent(
        to: request, visit: visit, at: TestConsortium.hospital, expiresAt: expiry)
    }
    while isHeld.value == nil { try await Task.sleep(for: .milliseconds(5)) }
    let consent = try #require(try await patient.consents().first).consent
    #expect(try await patient.revoke(consent).isConfirmed)
    // The patient's program has forgotten the consent on its way, as one that has ended.
    let rows = test.storage.roleStore("patients/\(Self.patient)")
    #expect(try rows.keys(withPrefix: "pending-consent/").isEmpty)
    isReleased.value = true
    await #expect(throws: ConsortiumError.self) { try await giving.value }
    test.wire.intercept(nil)
    #expect(test.wire.requests(DepositConsent.self).isEmpty)
    #expect(test.wire.requests(GrantConsent.self).isEmpty)
    try await consortium.settle()
    try await patient.followUp()
    #expect(try await patient.standing(ofRevocation: consent)?.isFinal == true)
    let log = try await patient.accessLog(visit, at: TestConsortium.hospital)
    #expect(log.records.map(\.event) == [.revoked])
  }

  @Test("the manager takes another identity key before a deposit is sent again: it arrives")
  func rotatedManager() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 30)
    let consortium = try await test.open()
    let (visit, request) = try await test.visitWithRequest(consortium)
    let expiry = await consortium.ledgerTime() + 360_000
    func consent() async -> String? {
      await code {
        _ = try await consortium.consent(
          patient: Self.patient, to: request, visit: visit, expiresAt: expiry)
      }
    }
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      if transit.payload(DepositConsent.self) == nil { return reply }
      throw ConsortiumError(.unreachable, "the answer is lost")
    }
    #expect(await consent() == "unreachable")
    test.wire.intercept(nil)
    let former = try await consortium.members().manager.identityKey
    try await consortium.rotateKeys(of: "manager")
    try await test.passEpoch(consortium)
    #expect(try await consortium.members().manager.identityKey != former)
    #expect(await consent() == nil)
  }

  @Test(
    "a doctor has no keys for a consent on its way any more: it is taken back, and another given")
  func forgottenKeys() async throws {
    let stage = try await Stage()
    let (test, consortium) = (stage.test, stage.consortium)
    let expiry = await consortium.ledgerTime() + 36_000
    test.wire.lose(DepositConsent.self)
    #expect(await code { _ = try await stage.consent(expiresAt: expiry) } == "unreachable")
    test.wire.intercept(nil)
    let lost = try #require(try stage.known().first)
    // Others had keys made, until there was no more room.
    for prefix in ["request/", "request-key/", "ungranted/"] {
      for key in try stage.doctorRows.keys(withPrefix: prefix) {
        try stage.doctorRows.write([key: nil])
      }
    }
    let doctor = try #require(await consortium.doctors[Self.reader])
    #expect(try await !doctor.rotateKeys())
    try await consortium.settle()
    #expect(try await doctor.rotateKeys())
    #expect(await code { _ = try await stage.consent(expiresAt: expiry) } == "consent-mismatch")
    try await consortium.revoke(patient: Self.patient, consent: lost)
    let given = try await stage.consent(expiresAt: expiry)
    #expect(try await stage.isOpened(given) == nil)
  }

  @Test("a doctor asked while the clock was ahead: asked again, the patient is told")
  func askedAhead() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    _ = try await consortium.hold(test.plan())
    let patient = try #require(await consortium.patients[Self.patient])
    let doctor = try #require(await consortium.doctors[Self.reader])
    let address = try await consortium.address(ofPatient: Self.patient)
    test.wire.lose(SubmitAccessRequest.self)
    test.pass(seconds: 7200)
    func ask() async throws -> Digest32 {
      try await doctor.requestAccess(address: address, purpose: "second opinion")
    }
    #expect(await code { _ = try await ask() } == "unreachable")
    test.setBack(seconds: 7200)
    test.wire.intercept(nil)
    let asked = try await ask()
    #expect(try await patient.requests().map(\.request) == [asked])
  }

  @Test("[attack] a manager has a patient ask whomever it names about a doctor")
  func namedRecipient() async throws {
    let stage = try await Stage()
    let (test, consortium) = (stage.test, stage.consortium)
    let asked = try #require(test.wire.requests(ForwardAccessRequest.self).last).request.object
    let manager = test.client(consortium, as: "manager")
    let key = try test.identityKey(of: "doctors/\(Self.reader)")
    for name in ["cloud", "manager", "somewhere-else", Self.reader, asked.address.id] {
      var request = asked
      (request.hospital, request.nonce) = (name, Digest32(sha256: name.utf8).bytes)
      let reached = Capture<String>()
      test.wire.intercept { transit in
        if transit.sender == "patient", transit.recipient == name { reached.value = name }
        return try await transit.deliver(transit.request)
      }
      #expect(
        await code {
          _ = try await manager.ask(
            ForwardAccessRequest(request: Signed(request, by: key)), of: asked.address.id)
        } == "unknown-doctor", "\(name)")
      #expect(reached.value == nil)
    }
    #expect(try stage.patientRows.keys(withPrefix: "request/").count == 1)
  }
}
