#if Network
  import ArgumentParser
  import CanonicalEncoding
  import Consortium
  import Foundation
  import Synchronization
  import TerminalText

  struct PatientAddressCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "address",
      abstract: "Make an address to show one doctor, who can then ask for records.",
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
      discussion: "It reads the mail first; where nobody answers, it lists what is here.")

    @Option(
      help: ArgumentHelp(
        "How long to wait for a request, at most 25 seconds.", valueName: "seconds"))
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
          console.line("  for \(printable(request.purpose))")
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
        The doctor's program is asked for a key that serves this consent alone: where it is away, the consent is wanted, \
        and 'sync' gives it once the program answers. So both have to be there at one time once, the doctor's with \
        'bcemr doctor run'. Nothing opens before the consent is final. --cancel gives up one that is wanted; one that is \
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

    @Option(
      help: ArgumentHelp(
        "How long to wait until it is final, at most a week.", valueName: "seconds"),
      transform: LengthOfTime.argument)
    var wait = LengthOfTime.minute

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
      /// Seconds from the command.
      var stages: [StandingWatch.Stage]?
      /// Why it is only wanted.
      var waits: String?
      var isWanted = true

      private enum CodingKeys: String, CodingKey {
        case request, visit, hospital, doctor, expiresAt, consent, stands, stages, waits
      }

      func print(to console: Console) {
        guard let consent else {
          console.line("\(waits ?? "It was not given").")
          guard isWanted else { return }
          console.line(
            "The consent is wanted, and not given: it is made for a key that the program of \(doctor) makes for it "
              + "when asked, so both programs have to be there at one time, once.")
          console.line("'bcemr patient sync' gives it while 'bcemr doctor run' runs there.")
          return
        }
        console.line("consent \(consent)")
        console.line(
          "  lets \(doctor) read visit \(visit) of \(hospital) until \(expiresAt); "
            + "it is \(stands?.standing ?? "given")")
        if let stages, !stages.isEmpty { console.line("  \(StandingWatch.words(stages))") }
      }
    }

    /// The consent that is being given, once it is signed.
    private final class FollowedConsent: Sendable {
      private let state = Mutex<Digest32?>(nil)

      var consent: Digest32? {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
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
      let (requestName, visitName, hospital) = (request, visit, hospital)
      let (isCancelled, wait) = (cancel, wait)
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
            waits: "The consent is not wanted any more", isWanted: false)
        }
        let pending = try await session.patient.pendingConsent(
          to: request.request, visit: visit.visit, at: visit.hospital)
        let wish = WantedConsents.Wanted(
          request: "\(request.request)", visit: "\(visit.visit)", hospital: visit.hospital,
          // As it was wanted before: what is on its way has one end.
          expiresAt: pending?.expiresAt ?? same?.expiresAt ?? expiresAt)
        return try await Self.give(wish, request.doctor, wanted, session.patient, wait)
      }
      output.deliver(report)
      if report.consent == nil, !isCancelled {
        throw ExitCode(CommandFailure.ExitStatus.waits.rawValue)
      }
    }

    private static func give(
      _ wish: WantedConsents.Wanted, _ doctor: String, _ wanted: WantedConsents,
      _ patient: Consortium.Patient, _ wait: LengthOfTime
    ) async throws -> Report {
      try wanted.add(wish)
      let (watch, given) = (StandingWatch(), FollowedConsent())
      let look: @Sendable () async -> SubmissionStanding? = {
        if let signed = try? await wanted.signed(wish, by: patient) {
          given.consent = signed.digest
        }
        guard let consent = given.consent else { return nil }
        return try? await patient.standing(ofConsent: consent)
      }
      var report = Report(
        request: wish.request, visit: wish.visit, hospital: wish.hospital, doctor: doctor,
        expiresAt: LedgerTime.text(wish.expiresAt))
      do {
        let consent = try await watch.during(
          {
            let consent = try await wanted.give(wish, by: patient)
            given.consent = consent
            return consent
          }, looking: look)
        report.consent = "\(consent)"
        report.stands = await watch.wait(
          wait, following: { _ = try? await patient.followUp(demandingAfter: nil) }, looking: look
        ).map { .init($0) }
        report.stages = watch.reached
      } catch {
        let failure = CommandFailure(asClient: error, waiting: 1, agent: "bcemr patient sync")
        guard failure.exitCode == .waits else {
          // What is signed is on its way, whatever somebody says meanwhile, and is sent again.
          if try await wanted.signed(wish, by: patient) == nil { try wanted.remove(wish) }
          throw error
        }
        report.waits = failure.message
      }
      return report
    }
  }
#endif
