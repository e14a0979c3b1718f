#if Network
  import ArgumentParser
  import CanonicalEncoding
  import Consortium

  /// A visit on whose team a doctor is, as it is told.
  struct AssignedVisitReport: Encodable, Sendable {
    let visit: String
    let team: [String]
    let position: Int
    /// group-key, presence, words, finding, completion or done.
    let step: String
    /// In seconds after it opened, in counted time.
    let deadlineAfterOpening: UInt64
    /// T_k of the visit's context, and behind it all halts of the ledger that are known: by the clock, unless the
    /// ledger halts once more.
    let deadline: String
    /// T_n, the same.
    let lastDeadline: String
    /// Whether nothing can be done in it any more: T_k has passed by this machine's clock and this doctor has not
    /// signed, or T_n has and it is not known to be complete. Where the ledger has halted since it began it is not so yet.
    let over: Bool

    /// - Parameter halts: of the ledger, in seconds.
    init(_ visit: AssignedVisit, halts: UInt64) {
      self.visit = "\(visit.visit)"
      (team, position) = (visit.team, visit.position)
      step = Self.name(visit.step)
      deadlineAfterOpening = visit.deadline - min(visit.openedAt, visit.deadline)
      let (own, last) = (visit.deadline &+ halts, visit.lastDeadline &+ halts)
      (deadline, lastDeadline) = (LedgerTime.deadline(own), LedgerTime.deadline(last))
      let now = LedgerTime.now()
      over =
        switch visit.step {
        case .completion: now > last
        // What the last doctor has submitted is followed until it is final.
        case .done: visit.position < visit.team.count && now > last
        case .groupKey, .presence, .words, .finding: now > own
        }
    }

    private static func name(_ step: AssignedVisit.Step) -> String {
      switch step {
      case .groupKey: "group-key"
      case .presence: "presence"
      case .words: "words"
      case .finding: "finding"
      case .completion: "completion"
      case .done: "done"
      }
    }

    /// What is to be done, or what it means that the visit is over (specification 6.4 and 8.2).
    private var next: String {
      switch step {
      case "done" where over:
        "over since \(lastDeadline), unless the ledger has halted since the visit began: it is complete, or never "
          + "will be; 'bcemr doctor run' asks which"
      case _ where over:
        "over since \(step == "completion" ? lastDeadline : deadline), unless the ledger has halted since the visit "
          + "began: nobody completes it any more, and the patient is admitted again with another ticket"
      case "group-key": "waits for the team's group key: 'bcemr doctor run' has to run"
      case "presence": "read the code on the patient's device: 'bcemr doctor presence'"
      case "words": "compare the six words with the patient: 'bcemr doctor confirm'"
      case "finding":
        position == 1
          ? "sign: 'bcemr doctor sign'" : "sign once those before have: 'bcemr doctor sign'"
      case "completion": "the record waits to be stored: 'bcemr doctor run' does it"
      default: "done"
      }
    }

    func print(to console: Console) {
      console.line("visit \(visit)")
      console.line("  doctor \(position) of \(team.count): \(team.joined(separator: ", "))")
      console.line("  to sign until \(deadline)")
      console.line("  \(next)")
    }
  }

  struct DoctorVisits: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "visits",
      abstract: "List the visits on whose teams you are, with deadline and next step.",
      discussion: """
        Nobody is asked: this is what 'run' has taken on. All halts of the ledger before a visit began are in its \
        deadline; it is later by as long as the ledger halts in the visit.
        """)

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      let visits: [AssignedVisitReport]
      /// Rows of the store that cannot be read.
      let damaged: [String]

      func print(to console: Console) {
        if visits.isEmpty { console.line("There are no visits.") }
        for visit in visits { visit.print(to: console) }
        for row in damaged { Console.diagnostic("a row of the store cannot be read: \(row)") }
      }
    }

    func run() async throws {
      output.deliver(
        try await DoctorSession.run(profile) { session in
          let halts = await session.doctor.halts()
          return Report(
            visits: try await session.doctor.visits().map { .init($0, halts: halts) },
            damaged: try await session.doctor.damagedRows())
        })
    }
  }

  struct DoctorPresence: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "presence", abstract: "Take the code that a patient shows in person.",
      discussion: """
        The visit has to be assigned to you, which 'run' does. The result says until when you can sign, and whether that \
        is over.
        """)

    @Argument(
      help: "The text of the QR code on the patient's device; '-' reads it from standard input.")
    var code: String

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      let visit: String
      /// As of ``AssignedVisitReport``; absent, as what follows, where the visit has ended meanwhile.
      let step: String?
      let deadline: String?
      let over: Bool?

      func print(to console: Console) {
        let until = deadline.map { " until \($0)" } ?? ""
        let told = "The patient of visit \(visit) is there"
        if over == true {
          console.line(
            "\(told); but the time to sign is over\(until.replacing(" until", with: ", since")).")
          console.line(
            "Unless the ledger has halted since the visit began: 'bcemr doctor sign' tells.")
        } else if step == "group-key" {
          console.line("\(told); you can sign\(until), once the team has its group key.")
          console.line(
            "'bcemr doctor run' has to run for it, of all doctors of the team at one time.")
        } else {
          console.line("\(told); you can sign\(until).")
        }
      }
    }

    func run() async throws {
      let text = try CarriedText.read(code, asking: "The text of the patient's code")
      output.deliver(
        try await DoctorSession.run(profile) { session in
          let visit = try await Self.take(text, session.doctor)
          let halts = await session.doctor.halts()
          let known = try await session.doctor.visits().first { $0.visit == visit }
            .map { AssignedVisitReport($0, halts: halts) }
          return Report(
            visit: "\(visit)", step: known?.step, deadline: known?.deadline, over: known?.over)
        })
    }

    private static func take(_ text: String, _ doctor: Doctor) async throws -> Digest32 {
      do {
        return try await doctor.take(presence: text)
      } catch let error as ConsortiumError where error.code == .unknownVisit {
        // The assignment may wait in the mailbox.
        _ = try? await doctor.readMail(waiting: 0)
      }
      do {
        return try await doctor.take(presence: text)
      } catch let error as ConsortiumError where error.code == .unknownVisit {
        throw CommandFailure(
          .checkFailed, code: "\(error.code)",
          "this program does not know the visit of this code: it is not assigned to \(doctor.id) yet, has no "
            + "group key yet, or is another team's",
          hint:
            "let 'bcemr doctor run' run, for all doctors of the team at one time, until it shows the visit; "
            + "then take a code again")
      }
    }
  }

  struct DoctorConfirm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "confirm",
      abstract: "Take the six words that a patient who is elsewhere reads out.")

    @Argument(help: "The words, in one argument or several.")
    var words: [String]

    @Option(help: "The visit, by the first 8 or more digits of its identifier.")
    var visit: String

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      let visit: String

      func print(to console: Console) {
        console.line("The words are those of the patient of visit \(visit); you can sign.")
      }
    }

    func run() async throws {
      let (text, name) = (words.joined(separator: " "), visit)
      output.deliver(
        try await DoctorSession.run(profile) { session in
          let visit = try await session.visit(name).visit
          // What the patient has sent may wait in the mailbox; without the network, what came before counts.
          _ = try? await session.doctor.readMail(waiting: 0)
          try await session.doctor.confirm(text, visit: visit)
          return Report(visit: "\(visit)")
        })
    }
  }
#endif
