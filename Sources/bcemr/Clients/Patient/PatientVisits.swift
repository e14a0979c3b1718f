#if Network
  import ArgumentParser
  import CanonicalEncoding
  import Consortium
  import EMRScheme
  import Foundation
  import Ledger
  import TerminalText

  struct PatientTicket: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "ticket", abstract: "Be admitted with the ticket of a hospital's counter.",
      discussion: """
        The program checks the visit and the team that the hospital offers, and agrees to them. The same again goes on \
        where it was interrupted. A ticket is kept like a key: '-' keeps it out of the list of processes.
        """)

    @Argument(
      help: ArgumentHelp(
        "The text of the ticket's QR code, or its 12 words, in one argument or several; '-' reads it from standard input.",
        valueName: "code"))
    var code: [String]

    @Option(help: ArgumentHelp("The hospital that gave it.", valueName: "name"))
    var hospital: String

    @Option(help: "What the hospital calls the occasion: the clerk says it with the ticket.")
    var encounter: String

    @Option(help: "What you complain of, in your words: told to this hospital alone.")
    var symptoms: String = ""

    @Option(
      name: .customLong("symptom"),
      help: ArgumentHelp("The same as a code, up to 32 times.", valueName: "system|code"))
    var codes: [String] = []

    @Option(
      help: ArgumentHelp(
        "A complete visit of yours that this one adds to or corrects.", valueName: "visit"))
    var amends: String?

    @Option(
      help: ArgumentHelp(
        "A visit of this occasion that 'restore' has found under way, to be closed for this one.",
        valueName: "visit"))
    var closing: String?

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      let visit: String
      let hospital: String
      /// opened or complete.
      let admission: String
      let team: [String]
      /// Above 1: those before were closed.
      let attempt: UInt64?
      /// Whether symptoms were named of which nobody is told: the ticket had led to the visit before.
      let ignoredSymptoms: Bool

      func print(to console: Console) {
        guard admission == "opened" else {
          return console.line("\(hospital) has held this visit already: \(visit).")
        }
        if let attempt, attempt > 1 {
          console.line("An interrupted attempt is closed as abandoned; this is attempt \(attempt).")
        }
        console.line("Admitted to \(hospital); the visit is \(visit).")
        console.line(
          "The team, in the order in which you see them: \(team.joined(separator: ", ")).")
        console.line("'bcemr patient code' shows each of them that you are there.")
        if ignoredSymptoms {
          console.line(
            "The ticket is bound to what was said with it first; for other symptoms ask for another."
          )
        }
      }
    }

    func validate() throws {
      guard symptomForm() != nil else {
        throw ValidationError(
          "symptoms have at most \(Symptoms.codeLimit) codes, as 'system|code', and "
            + "\(Symptoms.textLimit) bytes of text")
      }
    }

    private func symptomForm() -> Symptoms? {
      let parsed = codes.map { text -> Symptoms.Code? in
        let parts = text.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        return parts.count == 2 ? Symptoms.Code(system: parts[0], code: parts[1]) : nil
      }
      guard parsed.allSatisfy({ $0 != nil }) else { return nil }
      return Symptoms(codes: parsed.compactMap(\.self), text: symptoms)
    }

    func run() async throws {
      let text = try CarriedText.read(
        code.joined(separator: " "), asking: "The text of the ticket's code, or its 12 words")
      let ticket =
        try text.uppercased().contains("BCEMR:")
        ? AdmissionTicket(text: text) : AdmissionTicket(words: text)
      let (hospital, encounter, amends, closing) = (hospital, encounter, amends, closing)
      let symptoms = symptomForm() ?? Symptoms()
      output.deliver(
        try await PatientSession.run(profile) { session in
          var amended: NamedVisit?
          if let amends {
            let visit = try await session.visit(amends, at: nil)
            amended = NamedVisit(visit.visit, at: visit.hospital)
          }
          let patient = session.patient
          var underWay: Digest32?
          if let closing {
            underWay = try Named.only(
              try await patient.visitsUnderWay().filter { $0.hospital == hospital }, closing,
              "visit", hint: "'bcemr patient visits' lists what this program knows"
            ) { $0.visit }.visit
          }
          let isIgnored = try await Self.isIgnored(symptoms, ticket, hospital, patient)
          let admission: Admission
          do {
            admission = try await patient.admit(
              to: hospital, encounter: encounter, symptoms: symptoms, ticket: ticket,
              amending: amended, closing: underWay)
          } catch let error as ConsortiumError where error.code == .unreachable {
            try await Self.requireHospital(hospital, patient)
            throw error
          }
          switch admission {
          case .complete(let visit):
            return Report(
              visit: "\(visit)", hospital: hospital, admission: "complete", team: [], attempt: nil,
              ignoredSymptoms: isIgnored)
          case .opened(let context, let attempt):
            return Report(
              visit: "\(context.visitID)", hospital: hospital, admission: "opened",
              team: context.signers.map(\.doctor), attempt: attempt, ignoredSymptoms: isIgnored)
          }
        })
    }

    /// Whether these symptoms are told to nobody, since the ticket was used before and they may be others.
    ///
    /// - Throws: ``CommandFailure`` `reused` where they are others.
    private static func isIgnored(
      _ symptoms: Symptoms, _ ticket: AdmissionTicket, _ hospital: String,
      _ patient: Consortium.Patient
    ) async throws -> Bool {
      switch try await patient.use(of: ticket, at: hospital) {
      case .unused: return false
      case .visit: return symptoms != Symptoms()
      case .form(let first):
        guard symptoms == first || symptoms == Symptoms() else {
          throw CommandFailure(
            .badInput, code: "\(ConsortiumError.Code.reused)",
            "this ticket is bound to what was said with it first",
            hint: "say the same again, or ask the counter for another ticket")
        }
        return false
      }
    }

    /// That the ledger has a hospital, by what anybody shows of it who answers.
    ///
    /// - Throws: ``CommandFailure`` `unknown-hospital`.
    private static func requireHospital(
      _ hospital: String, _ patient: Consortium.Patient
    ) async throws {
      guard let hospitals = try? await patient.presentMembers().hospitals,
        !hospitals.contains(hospital)
      else { return }
      throw CommandFailure(
        .badInput, code: "unknown-hospital", "the ledger has no hospital \(hospital)",
        hint: "it has \(hospitals.joined(separator: ", "))")
    }
  }

  struct PatientCode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "code", abstract: "Show a doctor of the team that you are there.",
      discussion: """
        The code is for this doctor and these minutes. With --remote it goes to a doctor who is elsewhere, by the \
        hospital, and counts once you have read the six words to the doctor yourself.
        """)

    @Argument(help: "The visit, by the first 8 or more digits of its identifier.")
    var visit: String

    @Option(help: "The doctor who is to read it.")
    var to: String

    @Flag(help: "Send it, and read the words to the doctor.")
    var remote = false

    @Option(help: ArgumentHelp("Whose visit it is.", valueName: "name"))
    var hospital: String?

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      let visit: String
      let doctor: String
      let text: String
      let words: [String]
      let sent: Bool

      func print(to console: Console) {
        if !sent {
          ShownCode.print(text, to: console, drawing: SystemFile.Stream.output.isTerminal)
        }
        console.line("As words: \(words.joined(separator: " "))")
        if sent { console.line("It is sent: read the words to \(doctor).") }
      }
    }

    func run() async throws {
      let (name, doctor, isRemote, hospital) = (visit, to, remote, hospital)
      output.deliver(
        try await PatientSession.run(profile) { session in
          let visit = try await session.visit(name, at: hospital)
          let code =
            isRemote
            ? try await Self.send(visit, doctor, session.patient)
            : try await session.patient.presence(visit.visit, at: visit.hospital, to: doctor)
          return Report(
            visit: "\(visit.visit)", doctor: doctor, text: code.text, words: code.words,
            sent: isRemote)
        })
    }

    private static func send(
      _ visit: PatientHoldings.Visit, _ doctor: String, _ patient: Consortium.Patient
    ) async throws -> PresenceCode {
      do {
        return try await patient.showPresence(visit.visit, at: visit.hospital, to: doctor)
      } catch let error as ConsortiumError
        where error.code == .unknownVisit
        || error.message.hasPrefix("\(doctor),") && error.message.hasSuffix(": unauthenticated")
      {
        // A program that does not know the visit does not know its patient either.
        throw CommandFailure(
          .waits, code: "\(ConsortiumError.Code.unknownVisit)",
          "the program of \(doctor) does not know this visit yet: it is not assigned, or has no group key",
          hint:
            "'bcemr doctor run' has to run for all doctors of the team at one time; then send the code again"
        )
      }
    }
  }

  struct PatientCollect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "collect", abstract: "Open the record of a visit, and give the receipt.",
      discussion: """
        The record is compared with the ledger and with the signatures of its team. One that is on the ledger and not \
        what the team signed is disputed in the receipt (exit code 1).
        """)

    @Argument(help: "The visit, by the first 8 or more digits of its identifier.")
    var visit: String

    @Option(
      name: [.customLong("output"), .customShort("o")],
      help: ArgumentHelp(
        "A new file, which its owner alone can read; with --fhir a new folder.", valueName: "file"))
    var path: String

    @Flag(help: "Write each finding into a file of its own.")
    var fhir = false

    @Option(
      help: ArgumentHelp(
        "How long to wait for the visit to be final, at most a week.", valueName: "seconds"),
      transform: LengthOfTime.argument)
    var wait = LengthOfTime.zero

    @Option(help: ArgumentHelp("Whose visit it is.", valueName: "name"))
    var hospital: String?

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      let path: String
      let visit: String
      let hospital: String
      let findings: Int
      let receipt: DemoReport.StandingReport
      let receiptWords: String
      let receiptFailure: ReportedError?

      private enum CodingKeys: String, CodingKey {
        case path, visit, hospital, findings, receipt, receiptFailure
      }

      func print(to console: Console) {
        console.line(
          "\(path): the record of visit \(visit) of \(hospital), "
            + "\(Quantity.count(findings, "finding")), as the team signed it")
        console.line("The receipt is \(receiptWords).")
        if let receiptFailure { console.line("It is not taken yet: \(receiptFailure.message).") }
      }
    }

    func run() async throws {
      try SystemFile.requireNothing(at: path)
      let (name, path, fhir, wait, hospital) = (visit, path, fhir, wait, hospital)
      output.deliver(
        try await PatientSession.run(profile) { session in
          let visit = try await session.visit(name, at: hospital)
          let collected = try await Self.collect(visit, session.patient, wait)
          guard let record = collected.record else {
            throw CommandFailure(
              .checkFailed, code: "disputed",
              "visit \(visit.visit): the record on the ledger is not what the team signed; the receipt "
                + "says so, and is \(collected.receipt.told(by: visit.hospital))")
          }
          let time = await BlockTime.of(
            record.baseHeight, shownBy: record.hospital, session.patient.client)
          if fhir {
            try RecordFolder.write(record, at: time, to: path)
          } else {
            try RecordFile(record, at: time, amendedBy: nil).write(to: path)
          }
          return Report(
            path: path, visit: "\(record.visit)", hospital: record.hospital,
            findings: record.findings.count, receipt: .init(collected.receipt),
            receiptWords: collected.receipt.told(by: record.hospital),
            receiptFailure: collected.receiptFailure.map {
              ReportedError(
                CommandFailure(asClient: $0, waiting: 1, agent: "bcemr patient sync"))
            })
        })
    }

    private static func collect(
      _ visit: PatientHoldings.Visit, _ patient: Consortium.Patient, _ wait: LengthOfTime
    ) async throws -> CollectedRecord {
      let end = ContinuousClock.now + wait.duration
      var pauses = Pauses.untilFinal
      while true {
        do {
          return try await patient.collect(visit.visit, at: visit.hospital)
        } catch let error as ConsortiumError
          where [.notFinal, .unreachable, .behindAnchor].contains(error.code)
          && ContinuousClock.now < end
        {
          try await Task.sleep(for: min(pauses.next(), ContinuousClock.now.duration(to: end)))
        } catch let error as ConsortiumError
          where error.code == .notFinal
        {
          let halts = await patient.halts()
          guard visit.isOver(at: LedgerTime.now(), halts: halts) else {
            guard (try? await patient.isOpen(visit.visit, at: visit.hospital)) == true else {
              throw CommandFailure(
                .waits, code: "\(error.code)",
                RefusalTexts.explained(error.message, code: "\(error.code)").message,
                hint: "a block takes some seconds, and --wait SECONDS waits for it")
            }
            throw CommandFailure(
              .waits, code: "\(error.code)",
              "the team has not completed the visit yet: a doctor of it has not signed",
              hint: "it can do so until \(LedgerTime.deadline(visit.lastDeadline &+ halts))")
          }
          throw CommandFailure(
            .waits, code: "\(error.code)",
            "no final block has the visit complete, and its last deadline was "
              + LedgerTime.deadline(visit.lastDeadline &+ halts),
            hint:
              "a block takes some seconds, and --wait SECONDS waits for it; where none comes, and the ledger has not "
              + "halted since the visit began, it never will be complete: be admitted again, with another ticket"
          )
        }
      }
    }
  }

  extension PatientHoldings.Visit {
    /// Whether T_n has passed by this machine's clock, and no record was collected.
    ///
    /// - Parameter halts: of the ledger, in seconds.
    func isOver(at now: UInt64, halts: UInt64) -> Bool {
      recordDigest == nil && now > lastDeadline &+ halts
    }
  }

  struct PatientVisits: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "visits", abstract: "List your visits and the consents to them.",
      discussion: "Nobody is asked: this is what the program knows.")

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      struct Consent: Encodable {
        let consent: String
        let doctor: String?
        let purpose: String?
        let expiresAt: String?
        /// Absent unless it was taken back.
        let revocation: DemoReport.StandingReport?
      }

      struct Visit: Encodable {
        let visit: String
        let hospital: String
        let encounter: String
        let amends: RecordFile.Named?
        let collected: Bool
        let receipted: Bool
        /// T_n of the visit's context, and behind it all halts of the ledger that are known: by the clock, unless the
        /// ledger halts once more.
        let deadline: String
        /// Whether that has passed by this machine's clock, and no record was collected: the ledger may have halted
        /// since the visit began.
        let over: Bool
        let consents: [Consent]

        var words: String {
          if collected { return "collected, \(receipted ? "with" : "without") a receipt" }
          return over
            ? "over since \(deadline), unless the ledger has halted since the visit began: it is complete ('bcemr "
              + "patient collect' tells), or never will be; then be admitted again, with another ticket"
            : "not collected: 'bcemr patient collect'; its team can complete it until \(deadline)"
        }
      }

      struct UnderWay: Encodable {
        let visit: String
        let hospital: String
      }

      let visits: [Visit]
      /// Of which 'restore' alone has told.
      let underWay: [UnderWay]
      let damaged: [String]

      func print(to console: Console) {
        if visits.isEmpty, underWay.isEmpty { console.line("There are no visits.") }
        for visit in underWay {
          console.line("visit \(visit.visit) of \(visit.hospital)")
          console.line(
            "  was under way when it was found: 'bcemr patient find' brings it once its team has completed it; "
              + "to begin it anew, 'bcemr patient ticket' with another ticket and --closing")
        }
        for visit in visits {
          console.line("visit \(visit.visit) of \(visit.hospital), \(visit.encounter)")
          console.line("  \(visit.words)")
          for consent in visit.consents {
            let who = consent.doctor ?? "somebody that only the ledger's notice is known of"
            console.line(
              "  consent \(consent.consent)\n    to \(who)"
                + (consent.purpose.map { ", for \(printable($0))" } ?? "")
                + (consent.expiresAt.map { ", until \($0)" } ?? "")
                + (consent.revocation.map { ", taken back: \($0.standing)" } ?? ""))
          }
        }
        for row in damaged { Console.diagnostic("a row of the store cannot be read: \(row)") }
      }
    }

    func run() async throws {
      output.deliver(
        try await PatientSession.run(profile) { session in
          let patient = session.patient
          var consents: [NamedVisit: [Report.Consent]] = [:]
          for consent in try await patient.consents() {
            let standing = try await patient.standing(ofRevocation: consent.consent)
            consents[NamedVisit(consent.visit, at: consent.hospital), default: []].append(
              Report.Consent(
                consent: "\(consent.consent)", doctor: consent.doctor, purpose: consent.purpose,
                expiresAt: consent.expiresAt.map(LedgerTime.text),
                revocation: standing.map(DemoReport.StandingReport.init)))
          }
          let halts = await patient.halts()
          let visits = try await patient.visits().map { visit in
            Report.Visit(
              visit: "\(visit.visit)", hospital: visit.hospital, encounter: visit.encounter,
              amends: visit.amends.map(RecordFile.Named.init),
              collected: visit.recordDigest != nil, receipted: visit.isReceipted,
              deadline: LedgerTime.deadline(visit.lastDeadline &+ halts),
              over: visit.isOver(at: LedgerTime.now(), halts: halts),
              consents: consents[NamedVisit(visit.visit, at: visit.hospital)] ?? [])
          }
          let known = Set(visits.map(\.visit))
          return Report(
            visits: visits,
            underWay: try await patient.visitsUnderWay().filter { !known.contains("\($0.visit)") }
              .map { .init(visit: "\($0.visit)", hospital: $0.hospital) },
            damaged: try await patient.damagedRows())
        })
    }
  }
#endif
