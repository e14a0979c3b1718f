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
    /// About when the deadline is by this machine's clock; later if the ledger halts.
    let deadline: String?

    init(_ visit: AssignedVisit) {
      self.visit = "\(visit.visit)"
      (team, position) = (visit.team, visit.position)
      step = Self.name(visit.step)
      deadlineAfterOpening = visit.deadline - min(visit.openedAt, visit.deadline)
      deadline = visit.since.map { [deadlineAfterOpening] in
        LedgerTime.text(min($0, 1 << 40) + min(deadlineAfterOpening, 1 << 40))
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

    private var next: String {
      switch step {
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
      console.line(
        "  to sign until " + (deadline.map { "about \($0)" } ?? "")
          + (deadline == nil ? "\(deadlineAfterOpening) s after it opened" : ""))
      console.line("  \(next)")
    }
  }

  struct DoctorVisits: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "visits",
      abstract: "List the visits on whose teams you are, with deadline and next step.",
      discussion: """
        Nobody is asked: this is what 'run' has taken on. The deadline is about so by this machine's clock, and later by \
        as long as the ledger halts.
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
          Report(
            visits: try await session.doctor.visits().map(AssignedVisitReport.init),
            damaged: try await session.doctor.damagedRows())
        })
    }
  }

  struct DoctorPresence: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "presence", abstract: "Take the code that a patient shows in person.")

    @Argument(
      help: "The text of the QR code on the patient's device; '-' reads it from standard input.")
    var code: String

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      let visit: String

      func print(to console: Console) {
        console.line("The patient of visit \(visit) is there; you can sign.")
      }
    }

    func run() async throws {
      let text = try CarriedText.read(code)
      output.deliver(
        try await DoctorSession.run(profile) { session in
          Report(visit: "\(try await session.doctor.take(presence: text))")
        })
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
