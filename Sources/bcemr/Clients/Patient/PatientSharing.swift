#if Network
  import ArgumentParser
  import CanonicalEncoding
  import Consortium
  import Foundation

  struct PatientAddressCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "address", abstract: "Make an address to show one doctor, who can then ask for records.",
      discussion: "Each is for one occasion, so that nothing links it with another.")

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      let address: String
      let text: String

      func print(to console: Console) {
        ShownCode.print(text, to: console, drawing: SystemFile.Stream.output.isTerminal)
      }
    }

    func run() async throws {
      output.deliver(
        try await PatientSession.run(profile) { session in
          let address = try await session.patient.makeAddress()
          return Report(address: address.id, text: address.text)
        })
    }
  }

  struct PatientRequests: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "requests", abstract: "List what doctors have asked you for.",
      discussion: "It reads the mail first; where the system manager does not answer, it lists what is here.")

    @Option(
      help: ArgumentHelp("How long to wait for a request, at most 25 seconds.", valueName: "seconds"))
    var wait: UInt64 = 0

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      struct Request: Encodable {
        let request: String
        let doctor: String
        let hospital: String
        let purpose: String
        let madeAt: String
        let address: String
      }

      let requests: [Request]
      /// Why the mail could not be read.
      let offline: String?

      func print(to console: Console) {
        if requests.isEmpty { console.line("There are no requests.") }
        for request in requests {
          console.line("request \(request.request)")
          console.line("  of \(request.doctor) at \(request.hospital), \(request.madeAt)")
          console.line("  for \(request.purpose)")
        }
        if let offline { console.line("The mail could not be read: \(offline).") }
      }
    }

    func validate() throws {
      guard wait <= 25 else { throw ValidationError("--wait is at most 25 seconds") }
    }

    func run() async throws {
      let wait = wait
      let report = try await PatientSession.run(profile) { session in
        var offline: String?
        do {
          _ = try await session.patient.readMail(waiting: wait)
        } catch {
          let failure = CommandFailure(asClient: error, waiting: 0, agent: "bcemr patient sync")
          guard failure.exitCode == .waits else { throw error }
          offline = failure.message
        }
        return Report(
          requests: try await session.patient.requests().map {
            Report.Request(
              request: "\($0.request)", doctor: $0.doctor, hospital: $0.hospital,
              purpose: $0.purpose, madeAt: LedgerTime.text($0.madeAt), address: $0.address.id)
          }, offline: offline)
      }
      output.deliver(report)
      if report.offline != nil { throw ExitCode(CommandFailure.ExitStatus.waits.rawValue) }
    }
  }

  struct PatientConsent: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "consent", abstract: "Let the doctor of a request read one visit.",
      discussion: """
        The doctor's program is asked for keys: where it is away, the consent is wanted, and 'sync' gives it once the \
        program answers. Nothing opens before the consent is final. --cancel gives up one that is wanted; one that is \
        given is taken back by 'revoke'.
        """)

    @Argument(help: "The request, by the first 8 or more digits of its identifier.")
    var request: String

    @Option(help: "The visit, by the first 8 or more digits of its identifier.")
    var visit: String

    @Option(
      help: ArgumentHelp("The last moment, as 2027-01-31T12:00:00Z.", valueName: "time"))
    var until: String?

    @Option(help: ArgumentHelp("How many days from now.", valueName: "number"))
    var days: Int?

    @Flag(help: "Give up what is wanted and was not given.")
    var cancel = false

    @Option(help: ArgumentHelp("Whose visit it is.", valueName: "name"))
    var hospital: String?

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      let request: String
      let visit: String
      let hospital: String
      let doctor: String
      let expiresAt: String
      /// Absent while it is only wanted.
      var consent: String?
      var stands: DemoReport.StandingReport?
      /// Why it is only wanted.
      var waits: String?

      func print(to console: Console) {
        guard let consent else {
          console.line("\(waits ?? "It was not given").")
          console.line("The consent is wanted: 'bcemr patient sync' gives it once that is possible.")
          return
        }
        console.line("consent \(consent)")
        console.line(
          "  lets \(doctor) read visit \(visit) of \(hospital) until \(expiresAt); "
            + "it is \(stands?.standing ?? "given")")
      }
    }

    func validate() throws {
      guard cancel || (until == nil) != (days == nil) else {
        throw ValidationError("say until when, by --until or --days")
      }
      guard until == nil || Self.time(until ?? "") != nil else {
        throw ValidationError("--until \(until ?? ""): this is no time, as 2027-01-31T12:00:00Z")
      }
      guard (1...3660).contains(days ?? 1) else { throw ValidationError("--days is 1 to 3660") }
    }

    private static func time(_ text: String) -> UInt64? {
      guard let date = try? Date(text, strategy: .iso8601) else { return nil }
      let seconds = date.timeIntervalSince1970
      return (0...253_402_300_799).contains(seconds) ? UInt64(seconds) : nil
    }

    func run() async throws {
      let expiresAt =
        until.flatMap(Self.time) ?? LedgerTime.now() + UInt64(days ?? 0) * 86_400
      let (requestName, visitName, hospital, isCancelled) = (request, visit, hospital, cancel)
      let report = try await PatientSession.run(profile) { session in
        let request = try Named.only(
          try await session.patient.requests(), requestName, "request",
          hint: "'bcemr patient requests' lists them"
        ) { $0.request }
        let visit = try await session.visit(visitName, at: hospital)
        let wanted = WantedConsents(store: session.profile.store)
        let same = try wanted.all(at: LedgerTime.now()).first {
          $0.request == "\(request.request)" && $0.visit == "\(visit.visit)"
            && $0.hospital == visit.hospital
        }
        if isCancelled {
          guard let same else {
            throw CommandFailure(
              .badInput, code: "unknown-consent", "no such consent is wanted and not given")
          }
          try wanted.remove(same)
          return Report(
            request: same.request, visit: same.visit, hospital: same.hospital,
            doctor: request.doctor, expiresAt: LedgerTime.text(same.expiresAt),
            waits: "The consent is not wanted any more")
        }
        let wish = WantedConsents.Wanted(
          request: "\(request.request)", visit: "\(visit.visit)", hospital: visit.hospital,
          // As it was wanted before: what is on its way has one end.
          expiresAt: same?.expiresAt ?? expiresAt)
        return try await Self.give(wish, request.doctor, wanted, session.patient)
      }
      output.deliver(report)
      if report.consent == nil, !isCancelled {
        throw ExitCode(CommandFailure.ExitStatus.waits.rawValue)
      }
    }

    private static func give(
      _ wish: WantedConsents.Wanted, _ doctor: String, _ wanted: WantedConsents,
      _ patient: Consortium.Patient
    ) async throws -> Report {
      try wanted.add(wish)
      var report = Report(
        request: wish.request, visit: wish.visit, hospital: wish.hospital, doctor: doctor,
        expiresAt: LedgerTime.text(wish.expiresAt))
      do {
        let consent = try await wanted.give(wish, by: patient)
        report.consent = "\(consent)"
        report.stands = try await patient.submissions().last {
          $0.kind == .consent && $0.consent == consent
        }.map { .init($0.standing) }
      } catch {
        let failure = CommandFailure(asClient: error, waiting: 1, agent: "bcemr patient sync")
        guard failure.exitCode == .waits else {
          try wanted.remove(wish)
          throw error
        }
        report.waits = failure.message
      }
      return report
    }
  }

  struct PatientRevoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "revoke", abstract: "Take a consent back.",
      discussion: """
        What was opened before stays opened. A hospital that does not take the revocation has an hour; then 'sync' \
        demands it before all organisations, which see that a consent of this visit was taken back. --demand does so at \
        once.
        """)

    @Argument(help: "The consent, by the first 8 or more digits of its identifier.")
    var consent: String

    @Option(help: ArgumentHelp("How long to wait until it is final.", valueName: "seconds"))
    var wait: Double = 60

    @Flag(help: "Demand it before all organisations, at once, where the hospital does not take it.")
    var demand = false

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      let consent: String
      let visit: String
      let hospital: String
      let stands: DemoReport.StandingReport
      let standingWords: String
      /// Seconds from the command.
      let stages: [StandingWatch.Stage]
      let isSafe: Bool

      private enum CodingKeys: String, CodingKey {
        case consent, visit, hospital, stands, stages
      }

      func print(to console: Console) {
        console.line("The revocation of \(consent) is \(standingWords).")
        console.line("  \(StandingWatch.words(stages))")
        if !isSafe {
          console.line(
            "\(hospital) has not shown more: 'bcemr patient sync' sends it again, and demands it before all "
              + "organisations an hour after the first attempts.")
        }
      }
    }

    func run() async throws {
      let (name, wait, isDemanded) = (consent, wait, demand)
      let report = try await PatientSession.run(profile) { session in
        let consent = try Named.only(
          try await session.patient.consents(), name, "consent",
          hint: "'bcemr patient visits' lists those that you gave"
        ) { $0.consent }
        let wanted = WantedConsents(store: session.profile.store)
        for wish in try wanted.all(at: 0)
        where wish.visit == "\(consent.visit)" && wish.hospital == consent.hospital {
          // Nothing gives it again behind this.
          try wanted.remove(wish)
        }
        return try await Self.revoke(consent, session.patient, wait, isDemanded)
      }
      output.deliver(report)
      if !report.isSafe { throw ExitCode(CommandFailure.ExitStatus.waits.rawValue) }
    }

    private static func revoke(
      _ consent: PatientHoldings.Consent, _ patient: Consortium.Patient, _ wait: Double,
      _ isDemanded: Bool
    ) async throws -> Report {
      let watch = StandingWatch()
      let look: @Sendable () async -> SubmissionStanding? = {
        try? await patient.standing(ofRevocation: consent.consent)
      }
      do {
        _ = try await watch.during(
          { try await patient.revoke(consent.consent) }, looking: look)
      } catch {
        // It is signed and kept: what is not shown is followed.
        let failure = CommandFailure(asClient: error, waiting: 1, agent: "bcemr patient sync")
        guard failure.exitCode == .waits || isDemanded, await look() != nil else { throw error }
        if isDemanded { try await Self.demand(consent, patient, watch, look) }
      }
      let standing =
        await watch.wait(
          wait, following: { _ = try? await patient.followUp(demandingAfter: nil) }, looking: look)
        ?? .sent
      let isDemandFinal = if case .demanded = standing { true } else { false }
      return Report(
        consent: "\(consent.consent)", visit: "\(consent.visit)", hospital: consent.hospital,
        stands: .init(standing), standingWords: standing.told(by: consent.hospital),
        stages: watch.reached, isSafe: standing.isConfirmed || isDemandFinal)
    }

    private static func demand(
      _ consent: PatientHoldings.Consent, _ patient: Consortium.Patient, _ watch: StandingWatch,
      _ look: @escaping @Sendable () async -> SubmissionStanding?
    ) async throws {
      let members = await patient.client.currentMembers()
      let clouds = members.supernodes.filter { $0.role == .cloud }.map(\.id)
      for cloud in clouds {
        for _ in 0..<30 {
          do {
            _ = try await watch.during(
              { try await patient.demandRevocation(consent.consent, through: cloud) }, looking: look)
            return
          } catch let error as ConsortiumError where error.code == .notFinal {
            try await Task.sleep(for: .seconds(1))
          } catch {
            break
          }
        }
      }
    }
  }

  struct PatientLog: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "log", abstract: "Show who asked for a visit's record and was given it.",
      discussion: "As hospital and cloud have it together: what one of them leaves out, the other has.")

    @Argument(help: "The visit, by the first 8 or more digits of its identifier.")
    var visit: String

    @Option(help: ArgumentHelp("Whose visit it is.", valueName: "name"))
    var hospital: String?

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      struct Line: Encodable {
        /// requested, consented, accessed or revoked.
        let event: String
        let document: String
        let doctor: String?
        let purpose: String?
        let demand: UInt64?
      }

      let visit: String
      let hospital: String
      let records: [Line]
      /// Who was not heard, and why: there may be more.
      let unheard: [String: String]

      func print(to console: Console) {
        if records.isEmpty { console.line("Nobody has asked for visit \(visit).") }
        for line in records {
          console.line(
            "\(line.event), \(line.document)"
              + (line.doctor.map { ", \($0)" } ?? "") + (line.purpose.map { ", for \($0)" } ?? ""))
        }
        for (party, code) in unheard.sorted(by: { $0.key < $1.key }) {
          console.line("\(party) was not heard (\(code)): there may be more.")
        }
      }
    }

    func run() async throws {
      let (name, hospital) = (visit, hospital)
      let report = try await PatientSession.run(profile) { session in
        let visit = try await session.visit(name, at: hospital)
        let log = try await session.patient.accessLog(visit.visit, at: visit.hospital)
        return Report(
          visit: "\(visit.visit)", hospital: visit.hospital,
          records: log.records.map {
            Report.Line(
              event: $0.event.rawValue, document: "\($0.document)", doctor: $0.doctor,
              purpose: $0.purpose, demand: $0.demand)
          }, unheard: log.unheard.mapValues { "\($0)" })
      }
      output.deliver(report)
      if !report.unheard.isEmpty { throw ExitCode(CommandFailure.ExitStatus.waits.rawValue) }
    }
  }
#endif
