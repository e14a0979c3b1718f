#if Network
  import ArgumentParser
  import CanonicalEncoding
  import Consortium
  import Ledger
  import TerminalText

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

    @Option(
      help: ArgumentHelp(
        "How long to wait until it is final, at most a week.", valueName: "seconds"),
      transform: LengthOfTime.argument)
    var wait = LengthOfTime.minute

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
      /// Whether a record was opened with it by then; nil where not all have said that now.
      let used: Bool?
      /// Of the block by which that is final; nil where nobody proves it now.
      let usedAt: String?

      private enum CodingKeys: String, CodingKey {
        case consent, visit, hospital, stands, stages, used, usedAt
      }

      func print(to console: Console) {
        console.line("The revocation of \(consent) is \(standingWords).")
        console.line("  \(StandingWatch.words(stages))")
        if !isSafe {
          console.line(
            "\(hospital) has not shown more: 'bcemr patient sync' sends it again, and demands it before all "
              + "organisations an hour after the first attempts.")
          console.line("'bcemr patient revoke \(consent.prefix(12)) --demand' does that at once.")
        }
        switch used {
        case true?:
          let time = usedAt.map { ", at \($0) in ledger time at the latest" } ?? ""
          console.line("It was used before\(time): what was read stays read.")
        case false?: console.line("The access log has no use of it.")
        case nil:
          console.line(
            "Whether it was used before is not known now: 'bcemr patient log \(visit.prefix(12))' asks. What was read "
              + "stays read.")
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
        let requests = try await session.patient.requests()
        for wish in try wanted.all(at: 0)
        where wish.visit == "\(consent.visit)" && wish.hospital == consent.hospital {
          let request = requests.first { "\($0.request)" == wish.request }
          // Nothing gives it again behind this.
          if request?.doctor == consent.doctor || consent.doctor == nil { try wanted.remove(wish) }
        }
        return try await Self.revoke(consent, session.patient, wait, isDemanded)
      }
      output.deliver(report)
      if !report.isSafe { throw ExitCode(CommandFailure.ExitStatus.waits.rawValue) }
    }

    private static func revoke(
      _ consent: PatientHoldings.Consent, _ patient: Consortium.Patient, _ wait: LengthOfTime,
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
        let isKept = await look() != nil
        guard failure.exitCode == .waits || isDemanded, isKept else {
          guard isKept else { throw error }
          throw CommandFailure(
            failure.exitCode, code: failure.code, failure.message,
            hint:
              "where \(consent.hospital) does not take it, --demand puts it before all organisations at once",
            place: failure.place)
        }
        if isDemanded { try await Self.demand(consent, patient, watch, look) }
      }
      let standing =
        await watch.wait(
          wait, following: { _ = try? await patient.followUp(demandingAfter: nil) }, looking: look)
        ?? .sent
      let isDemandFinal = if case .demanded = standing { true } else { false }
      let (used, usedAt) =
        if case .sent = standing { (nil as Bool?, nil as String?) } else {
          await Self.use(of: consent, patient)
        }
      return Report(
        consent: "\(consent.consent)", visit: "\(consent.visit)", hospital: consent.hospital,
        stands: .init(standing), standingWords: standing.told(by: consent.hospital),
        stages: watch.reached, isSafe: standing.isConfirmed || isDemandFinal,
        used: used, usedAt: usedAt)
    }

    /// Whether the access log has that a record was opened with a consent, and when.
    private static func use(
      of consent: PatientHoldings.Consent, _ patient: Consortium.Patient
    ) async -> (Bool?, String?) {
      guard let log = try? await patient.accessLog(consent.visit, at: consent.hospital) else {
        return (nil, nil)
      }
      guard
        let use = log.records.first(where: {
          $0.event == .accessed && $0.document == consent.consent
        })
      else { return (log.isComplete ? false : nil, nil) }
      return (true, await PatientLog.time(of: use, patient.client).map(LedgerTime.text))
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
              { try await patient.demandRevocation(consent.consent, through: cloud) }, looking: look
            )
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
      discussion: "As hospital and cloud have it together: what one leaves out, the other has.")

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
        /// Of the block by which it is final, in ledger time; nil where nobody proves that now.
        let time: String?
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
            (line.time.map { "\($0) " } ?? "") + "\(line.event), \(line.document)"
              + (line.doctor.map { ", \($0)" } ?? "")
              + (line.purpose.map { ", for \(printable($0))" } ?? ""))
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
        let asker = Self.onlyDoctor(log.records)
        var lines: [Report.Line] = []
        for record in log.records {
          let time = await Self.time(of: record, session.patient.client)
          lines.append(
            Report.Line(
              event: record.event.rawValue, document: "\(record.document)",
              doctor: record.doctor ?? (record.event == .requested ? asker : nil),
              purpose: record.purpose, demand: record.demand, time: time.map(LedgerTime.text)))
        }
        return Report(
          visit: "\(visit.visit)", hospital: visit.hospital, records: lines,
          unheard: log.unheard.mapValues { "\($0)" })
      }
      output.deliver(report)
      if !report.unheard.isEmpty { throw ExitCode(CommandFailure.ExitStatus.waits.rawValue) }
    }

    /// Who has made the requests, if all consents to the visit are to one doctor: the ledger takes no notice of a
    /// request without a consent, and names nobody in it.
    private static func onlyDoctor(_ records: [AccessRecord]) -> String? {
      let consents = records.filter { $0.event == .consented }
      let requests = records.count { $0.event == .requested }
      let doctors = Set(consents.map(\.doctor))
      guard doctors.count == 1, requests <= consents.count else { return nil }
      return doctors.first ?? nil
    }

    /// When a line became final, in ledger time; nil where nobody proves it now.
    static func time(of record: AccessRecord, _ client: LedgerClient) async -> UInt64? {
      if let demand = record.demand {
        return await BlockTime.ofLeaf(demand, shownBy: record.hospital, client)
      }
      return await BlockTime.ofEntry(record.entry, on: record.hospital, client)
    }
  }
#endif
