import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

/// What people do one after another, each step again until it is done: the honest run that a law disturbs
/// at every place.
struct Course: Sendable, CustomTestStringConvertible {
  /// How far somebody has come.
  struct Progress {
    let test: TestConsortium
    let storage: any ConsortiumStorage
    var consortium: LocalConsortium

    var ticket: AdmissionTicket?
    var address: PatientAddress?
    var visit: Digest32?
    var request: Digest32?
    var consent: Digest32?
    /// What the reader keeps.
    let kept = Capture<OpenedRecord>()

    var plan: PlannedVisit { test.plan() }
    func known(_ digest: Digest32?) throws -> Digest32 { try #require(digest) }

    func patient() async throws -> Patient {
      try await #require(consortium.patients[TestConsortium.patient])
    }
    func reader() async throws -> Doctor {
      try await #require(consortium.doctors[TestConsortium.reader])
    }

    /// Holds a whole visit.
    func holdVisit(_ encounter: String = "encounter-1") async throws {
      let outcome = try await consortium.hold(test.plan(encounter))
      #expect(outcome.record?.record != nil || outcome.wasKnown)
    }

    /// That nothing waits in the mailboxes that somebody keeps.
    func requireRead(_ keeper: String) throws {
      guard try test.waiting(keeper).isEmpty else {
        throw ConsortiumError(.unreachable, "something waits still")
      }
    }

    /// Starts all roles again from their stores.
    mutating func restart() async throws { consortium = try await test.open(storage) }
  }

  struct Step: Sendable {
    let name: String
    let body: @Sendable (inout Progress) async throws -> Void

    init(_ name: String, _ body: @escaping @Sendable (inout Progress) async throws -> Void) {
      (self.name, self.body) = (name, body)
    }
  }

  let name: String
  /// The consortium as it is before.
  let begin: @Sendable () async throws -> TestConsortium
  let steps: [Step]
  /// What has to hold at the end, whatever went wrong on the way.
  let check: @Sendable (inout Progress, _ place: String) async throws -> Void

  var testDescription: String { name }
}

extension Course {
  private static let blocks = Step("blocks") { run in try await run.consortium.settle() }
  private static let restart = Step("all start again") { run in try await run.restart() }

  /// A visit of two doctors, from the counter to the receipt, and all of a sharing, to its revocation.
  static let visitAndSharing = Course(
    name: "a visit and its sharing",
    begin: {
      let test = TestConsortium(teamSize: 2, hospitals: 3, doctors: 2)
      _ = try await test.open()
      return test
    },
    steps: [
      Step("the counter") { run in
        let hospital = try #require(run.consortium.hospitals["hospital-1"])
        let ticket = try await hospital.issueTicket(for: TestConsortium.identity)
        run.ticket = try AdmissionTicket(text: ticket.text)
      },
      Step("admission") { run in
        let ticket = try #require(run.ticket)
        let admission = try await run.patient().admit(
          to: "hospital-1", encounter: run.plan.encounter, symptoms: run.plan.symptoms,
          ticket: ticket)
        guard case .opened(let context, let attempt) = admission else {
          Issue.record("the visit is \(admission)")
          return
        }
        #expect(attempt == 1)
        if let visit = run.visit { #expect(visit == context.visitID) }
        run.visit = context.visitID
      },
      Step("group key") { run in
        try await run.consortium.agreeOnGroupKey(run.known(run.visit), at: "hospital-1")
      },
      Step("the first doctor") { run in
        try await run.consortium.diagnose(run.known(run.visit), run.plan, position: 1)
      },
      restart,
      Step("the next doctor loses what was handed over") { run in
        try run.test.storage.loseReceivedFindings()
      },
      Step("the second doctor") { run in
        try await run.consortium.diagnose(run.known(run.visit), run.plan, position: 2)
      },
      Step("completion") { run in
        try await run.consortium.complete(run.known(run.visit), at: "hospital-1")
      },
      blocks,
      Step("collection") { run in
        let record = try await run.patient().collect(run.known(run.visit), at: "hospital-1")
        #expect(record.record?.findings.map(\.content) == run.plan.findings)
        // The record is the patient's, whether or not the hospital has taken the receipt.
        if let failure = record.receiptFailure { throw failure }
      },
      Step("an address") { run in
        run.address = try await run.consortium.address(ofPatient: TestConsortium.patient)
      },
      Step("the request") { run in
        let address = try #require(run.address)
        let request = try await run.reader().requestAccess(
          address: address, purpose: "second opinion")
        run.request = request
      },
      Step("the consent") { run in
        let expiry = run.test.time + 30 * 86_400
        run.consent = try await run.patient().consent(
          to: run.known(run.request), visit: run.known(run.visit), at: "hospital-1",
          expiresAt: expiry - expiry % 86_400)
      },
      blocks,
      Step("the opening") { run in
        let kept = run.kept
        do {
          _ = try await run.reader().open(
            consent: run.known(run.consent), keepingBy: { kept.value = $0 })
        } catch let error as ConsortiumError where error.code == .reused && kept.value != nil {
          // It was kept, and the keys erased, before something failed.
        }
      },
      Step("the access log") { run in
        try await run.consortium.settle()
        let log = try await run.patient().accessLog(run.known(run.visit), at: "hospital-1").records
        #expect(log.map(\.event) == [.consented, .requested, .accessed])
      },
      Step("the revocation") { run in try await run.patient().revoke(run.known(run.consent)) },
      blocks,
    ],
    check: { run, place in
      let visit = try run.known(run.visit)
      // Of the few that each position has, one was used, and no call made again has withdrawn a colleague's.
      let attempts = try await run.test.state(of: visit, run.consortium).attempts
      #expect(attempts == [1, 1], "\(place)")
      #expect(run.kept.value?.findings.map(\.content) == run.plan.findings, "\(place)")
      let log = try await run.patient().accessLog(visit, at: "hospital-1").records
      #expect(log.map(\.event) == [.consented, .requested, .accessed, .revoked], "\(place)")
      #expect(log.allSatisfy { $0.event != .consented || $0.doctor == TestConsortium.reader })
      let consent = try run.known(run.consent)
      let reader = try await run.reader()
      #expect(
        await ConsortiumError.code { _ = try await reader.open(consent: consent) }
          == "consent-revoked", "\(place)")
      try await requireSound(run, visits: 1, place)
    })

  /// That an auditor finds nothing wrong, and so many visits.
  ///
  /// - Parameter mayAbandon: whether one that failed on the way may have been begun anew.
  static func requireSound(
    _ run: Progress, visits: UInt64, mayAbandon: Bool = false, _ place: String
  ) async throws {
    let report = try await run.test.verify(run.consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil }, "\(place)")
    #expect(report.chains[1].visits.acknowledged == visits, "\(place)")
    #expect(mayAbandon || report.chains[1].visits.abandoned == 0, "\(place)")
    for server in run.consortium.hospitals.values {
      #expect(await server.node.contradictions.isEmpty, "\(place)")
    }
  }

  /// A consortium is founded, with a hospital that has no seat, and takes its doctors on.
  static let founding = Course(
    name: "the founding",
    begin: { TestConsortium(teamSize: 1, hospitals: 4, doctors: 1) },
    steps: [Step("all start") { run in try await run.restart() }],
    check: { run, place in
      try await run.holdVisit()
      try await run.consortium.settle()
      try await requireSound(run, visits: 1, place)
    })

  /// A revocation that its hospital does not take, and a demand in its place.
  static let demand = Course(
    name: "a demand",
    begin: {
      let test = TestConsortium(teamSize: 1, hospitals: 3, doctors: 1)
      let consortium = try await test.open()
      _ = try await test.consentedVisit(consortium)
      return test
    },
    steps: [
      Step("the demand") { run in
        let consents = try run.test.storage.roleStore("patients/\(TestConsortium.patient)")
          .keys(withPrefix: "consent/")
        let text = try #require(consents.last?.dropFirst("consent/".count))
        let consent = try #require(Digest32(hex: String(text)))
        run.consent = consent
        do {
          try await run.patient().demandRevocation(consent, through: "cloud")
        } catch let error as ConsortiumError where error.code == .notFinal {
          try await run.consortium.settle()
          try await run.patient().demandRevocation(consent, through: "cloud")
        }
      },
      blocks,
    ],
    check: { run, place in
      let (reader, consent) = (try await run.reader(), try run.known(run.consent))
      #expect(
        await ConsortiumError.code { _ = try await reader.open(consent: consent) }
          == "consent-revoked", "\(place)")
      let leaves = try await run.test.storage.chainLog("hospital-1").contents()
      let revocations = leaves.compactMap { Leaf.entry(in: $0) }
        .filter { $0.content.body.kind == .revocation }
      #expect(revocations.count == 1, "\(place)")
      try await requireSound(run, visits: 1, place)
    })

  /// A patient has the words of the recovery phrase, and nothing else.
  static let restoring = Course(
    name: "restoring",
    begin: {
      let test = TestConsortium(teamSize: 1, hospitals: 3, doctors: 1)
      let consortium = try await test.open()
      _ = try await test.consentedVisit(consortium)
      try await test.loseDevice(consortium)
      return test
    },
    steps: [
      Step("restoring") { run in
        let restoration = try await run.patient().restore()
        guard restoration.isComplete else {
          throw ConsortiumError(.unreachable, "something is missing still")
        }
      },
      Step("another visit") { run in try await run.holdVisit("encounter-2") },
      blocks,
    ],
    check: { run, place in
      let holdings = try await run.patient().holdings()
      #expect(holdings.visits.count == 2, "\(place)")
      #expect(holdings.consents.map(\.doctor) == [TestConsortium.reader], "\(place)")
      #expect(holdings.access.map(\.event) == [.consented, .requested], "\(place)")
      try await requireSound(run, visits: 2, mayAbandon: true, place)
    })

  /// A hospital's disk is put back to before its last visit, and it takes that from its cloud again.
  static let diskPutBack = Course(
    name: "a disk that was put back",
    begin: {
      let test = TestConsortium(teamSize: 1, hospitals: 3, doctors: 1)
      let consortium = try await test.open()
      let backup = try await test.storage.backup("hospital-1")
      _ = try await consortium.hold(test.plan("encounter-0"))
      try await consortium.settle()
      try await test.storage.restore(backup)
      return test
    },
    steps: [
      Step("all start again") { run in
        run.test.pass(seconds: 15)
        try await run.restart()
      },
      Step("another visit") { run in try await run.holdVisit() },
      blocks,
    ],
    check: { run, place in
      try await requireSound(run, visits: 2, mayAbandon: true, place)
    })

  /// The others give a hospital's chain, with a record, to another cloud.
  static let anotherCloud = Course(
    name: "another cloud",
    begin: {
      let test = TestConsortium(teamSize: 1, epochLength: 12, doctors: 1)
      let consortium = try await test.openWithTwoClouds()
      _ = try await consortium.hold(test.plan("encounter-0"))
      try await consortium.settle()
      try await test.assign("cloud-2", consortium)
      return test
    },
    steps: [
      restart,
      Step("an epoch") { run in
        if try await run.test.presentCloud(run.consortium) != "cloud-2" {
          try await run.test.passEpoch(run.consortium, mayFail: true)
        }
      },
      blocks,
      Step("the records") { run in
        let cloud = try run.test.server("cloud-2", run.consortium)
        for _ in 0..<8 where await !cloud.missingRecords(of: "hospital-1").isEmpty {
          await run.test.rest(run.consortium)
        }
      },
      Step("another visit") { run in try await run.holdVisit() },
      blocks,
    ],
    check: { run, place in
      let cloud = try run.test.server("cloud-2", run.consortium)
      #expect(await cloud.missingRecords(of: "hospital-1").isEmpty, "\(place)")
      #expect(try await run.test.storage.recordStore("cloud-2").visits().count == 2, "\(place)")
      try await requireSound(run, visits: 2, mayAbandon: true, place)
    })

  /// What is sent to a doctor and a patient waits in their mailboxes.
  static let mail = Course(
    name: "mailboxes",
    begin: {
      let test = TestConsortium(teamSize: 1, hospitals: 3, doctors: 1, routes: MailRoutes())
      _ = try await test.open()
      return test
    },
    steps: [
      Step("the doctor's program is there") { run in _ = try await run.reader().readMail() },
      Step("an address") { run in
        run.address = try await run.consortium.address(ofPatient: TestConsortium.patient)
      },
      Step("the request") { run in
        let address = try #require(run.address)
        run.request = try await run.reader().requestAccess(
          address: address, purpose: "second opinion")
      },
      restart,
      Step("the patient reads") { run in
        _ = try await run.patient().readMail()
        try run.requireRead("manager")
      },
      Step("the patient asks a doctor who is away") { run in
        let (address, request) = (try #require(run.address), try run.known(run.request))
        let key = try run.test.addressKey(address, of: TestConsortium.patient, run.consortium)
        run.test.pass(seconds: 120)
        do {
          _ = try await run.test.client(run.consortium, by: Author(.key(key.publicKey), key)).ask(
            CertifyRequestKey(request: request, hospital: "hospital-1", visit: request),
            of: TestConsortium.reader)
        } catch {
          // It waits, or did not come so far.
          if try run.test.waiting("hospital-2").isEmpty { throw error }
        }
      },
      restart,
      Step("the doctor reads") { run in
        _ = try await run.reader().readMail()
        try run.requireRead("hospital-2")
      },
    ],
    check: { run, place in
      #expect(try await run.patient().requests().map(\.request) == [run.request], "\(place)")
      let rows = run.test.storage.roleStore("doctors/\(TestConsortium.reader)")
      #expect(try rows.keys(withPrefix: "ungranted/").count == 1, "\(place)")
      for keeper in ["manager", "hospital-2"] {
        #expect(try run.test.waiting(keeper) == [], "\(place)")
      }
      try await requireSound(run, visits: 0, place)
    })

  /// The cheapest first: a kind of request is tried in the first that has it.
  static let all = [visitAndSharing, founding, demand, restoring, diskPutBack, anotherCloud, mail]
}
