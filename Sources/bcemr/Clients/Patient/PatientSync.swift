#if Network
  import ArgumentParser
  import CanonicalEncoding
  import Consortium
  import Ledger

  struct PatientSync: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "sync",
      abstract: "Read mail, follow up what you have submitted, and keep notes.",
      discussion: """
        What was signed and not taken is sent again; what a hospital has not taken for an hour is demanded before all \
        organisations, which see then that it is about this visit. Consents that are wanted are given where the doctor's \
        program answers. The clouds keep sealed notes of your visits, which bring them back after a lost device.
        """)

    @Option(
      help: ArgumentHelp("How long to wait for mail, at most 25 seconds.", valueName: "seconds"))
    var wait: UInt64 = 0

    @Flag(inversion: .prefixedNo, help: "Demand what a hospital has not taken for an hour.")
    var demands = true

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      struct Given: Encodable {
        let consent: String
        let visit: String
        let hospital: String
      }

      var messages = 0
      var given: [Given] = []
      var wanted = 0
      var submissions: [SubmissionReport] = []
      var words: [String] = []
      /// What could not be done now, by step.
      var offline: [String: String] = [:]

      private enum CodingKeys: String, CodingKey {
        case messages, given, wanted, submissions, offline
      }

      func print(to console: Console) {
        console.line("Answered \(Quantity.count(messages, "message")).")
        for one in given {
          console.line("Gave consent \(one.consent) to visit \(one.visit) of \(one.hospital).")
        }
        if wanted > 0 {
          console.line(
            "\(Quantity.count(wanted, "consent")) wanted and not given: 'bcemr doctor run' has to run there while "
              + "'bcemr patient sync' runs here.")
        }
        for line in words { console.line(line) }
        for (step, message) in offline.sorted(by: { $0.key < $1.key }) {
          console.line("\(step) waits: \(message).")
        }
      }
    }

    func validate() throws {
      guard wait <= 25 else { throw ValidationError("--wait is at most 25 seconds") }
    }

    func run() async throws {
      let (wait, demands) = (wait, demands)
      let report = try await PatientSession.run(profile) { session in
        try await Self.sync(session, wait, demands)
      }
      output.deliver(report)
      if !report.offline.isEmpty { throw ExitCode(CommandFailure.ExitStatus.waits.rawValue) }
    }

    private static func sync(
      _ session: PatientSession, _ wait: UInt64, _ demands: Bool
    ) async throws -> Report {
      let patient = session.patient
      var report = Report()
      func take(_ step: String, _ body: () async throws -> Void) async throws {
        do {
          try await body()
        } catch let error as StoreError {
          throw error
        } catch {
          report.offline[step] =
            CommandFailure(asClient: error, waiting: 0, agent: "bcemr patient sync").message
        }
      }
      try await take("mail") { report.messages = try await patient.readMail(waiting: wait) }
      let wanted = WantedConsents(store: session.profile.store)
      for wish in try wanted.all(at: LedgerTime.now()) {
        try await take("consents") {
          let consent = try await wanted.give(wish, by: patient)
          report.given.append(
            .init(consent: "\(consent)", visit: wish.visit, hospital: wish.hospital))
        }
      }
      try await take("submissions") {
        _ = try await patient.followUp(demandingAfter: demands ? Submission.patience : nil)
      }
      try await take("consents") { try await wanted.forgetOver(by: patient) }
      try await take("notes") { try await patient.keepNotes() }
      report.wanted = try wanted.all(at: LedgerTime.now()).count
      let submissions = try await patient.submissions()
      report.submissions = submissions.map(SubmissionReport.init)
      report.words = submissions.filter(\.isWaiting).map(SubmissionReport.words)
      return report
    }
  }

  struct PatientStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "status",
      abstract: "Show what waits, how stands what you have submitted, and who does not answer.")

    @Flag(help: "Ask nobody who is reached.")
    var offline = false

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      let profile: String
      let identity: String
      let genesis: String
      let visits: Int
      let uncollected: Int
      /// Of those, the ones whose last deadline has passed by this machine's clock.
      let over: Int
      let requests: Int
      let wantedConsents: Int
      let submissions: [SubmissionReport]
      let words: [String]
      /// Absent with --offline.
      let reached: [Reachability]?

      private enum CodingKeys: String, CodingKey {
        case profile, identity, genesis, visits, uncollected, over, requests, wantedConsents
        case submissions, reached
      }

      func print(to console: Console) {
        console.line("\(identity), in \(profile); ledger \(genesis)")
        console.line(
          "\(Quantity.count(visits, "visit")), \(uncollected) not collected"
            + (over > 0 ? " (\(over) of them over: 'bcemr patient visits')" : "") + "; "
            + "\(Quantity.count(requests, "request")); "
            + "\(Quantity.count(wantedConsents, "consent")) wanted and not given")
        if words.isEmpty { console.line("Nothing was submitted.") }
        for line in words { console.line(line) }
        for party in reached ?? [] where !party.answers {
          console.line("\(party.party) does not answer now: what is for it waits.")
        }
      }
    }

    func run() async throws {
      let offline = offline
      output.deliver(
        try await PatientSession.run(profile) { session in
          let patient = session.patient
          let submissions = try await patient.submissions()
          let (visits, halts) = (try await patient.visits(), await patient.halts())
          let reached =
            offline
            ? nil
            : await Reachability.of(await patient.neededParties()) { await patient.answers($0) }
          return Report(
            profile: session.profile.path, identity: session.profile.description.identity ?? "",
            genesis: "\(session.profile.genesis.digest)", visits: visits.count,
            uncollected: visits.count { $0.recordDigest == nil },
            over: visits.count { $0.isOver(at: LedgerTime.now(), halts: halts) },
            requests: try await patient.requests().count,
            wantedConsents: try WantedConsents(store: session.profile.store).all(
              at: LedgerTime.now()
            ).count, submissions: submissions.map(SubmissionReport.init),
            words: submissions.map(SubmissionReport.words), reached: reached)
        })
    }
  }
#endif
