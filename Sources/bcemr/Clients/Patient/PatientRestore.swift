#if Network
  import ArgumentParser
  import Consortium
  import Credentials
  import Ledger

  /// What was found of what belongs to the words.
  struct RestorationReport: ClientReport {
    struct Source: Encodable {
      let hospital: String
      let supernode: String
      let leaves: UInt64
      let complete: Bool
      let failure: String?
    }

    struct Visit: Encodable {
      let visit: String
      let hospital: String
      /// complete, complete-without-record, under-way or abandoned.
      let state: String
      let undocumentedConsents: Int
      let failure: String?
    }

    let profile: String
    let complete: Bool
    let sources: [Source]
    let visits: [Visit]
    /// What was submitted by the words' keys and is not known to be final.
    let submissions: [SubmissionReport]
    private let words: [String]

    private enum CodingKeys: String, CodingKey {
      case profile, complete, sources, visits, submissions
    }

    func print(to console: Console) {
      let leaves = sources.reduce(0) { $0 + $1.leaves }
      console.line(
        "\(profile): looked at \(leaves) leaves, found \(Quantity.count(visits.count, "visit"))")
      for visit in visits {
        console.line(
          "visit \(visit.visit) of \(visit.hospital): \(visit.state)"
            + (visit.failure.map { ", not all of it (\($0))" } ?? ""))
      }
      for source in sources {
        guard let failure = source.failure else { continue }
        console.line("\(source.supernode) was not heard about \(source.hospital) (\(failure))")
      }
      if !complete { console.line("There may be more: 'bcemr patient find' goes on.") }
      for line in words { console.line("\(line); 'bcemr patient sync' asks again") }
    }

    init(_ path: String, _ found: Restoration, waiting: [Submission]) {
      profile = path
      submissions = waiting.map(SubmissionReport.init)
      words = waiting.map(SubmissionReport.words)
      complete = found.isComplete
      sources = found.sources.map {
        Source(
          hospital: $0.hospital, supernode: $0.supernode, leaves: $0.leaves,
          complete: $0.isComplete, failure: $0.failure.map { "\($0)" })
      }
      visits = found.visits.map {
        let state =
          switch $0.state {
          case .complete(let hasRecord): hasRecord ? "complete" : "complete-without-record"
          case .underWay: "under-way"
          case .abandoned: "abandoned"
          }
        return Visit(
          visit: "\($0.visit)", hospital: $0.hospital, state: state,
          undocumentedConsents: $0.undocumented.count, failure: $0.failure.map { "\($0)" })
      }
    }

    /// Looks for it, and says what was found.
    ///
    /// - Throws: `ExitCode` where somebody was not heard.
    static func find(in profile: OpenProfile, anew: Bool, _ output: OutputOptions) async throws {
      let path = profile.path
      let report = try await PatientSession.run(in: profile) { session in
        let found = try await session.patient.restore(anew: anew)
        do {
          // A note says what was signed, and not how it stands: that is asked for now.
          _ = try await session.patient.followUp(demandingAfter: nil)
        } catch let error as StoreError {
          throw error
        } catch {
          // What is not answered now, 'sync' asks again.
        }
        let waiting = try await session.patient.submissions().filter(\.isWaiting)
        return RestorationReport(path, found, waiting: waiting)
      }
      output.deliver(report)
      if !report.complete { throw ExitCode(CommandFailure.ExitStatus.waits.rawValue) }
    }
  }

  struct PatientRestore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "restore",
      abstract: "Make a profile from the 24 words, and find visits, records and consents again.",
      discussion: """
        It asks hospitals and clouds for what belongs to the words, and how stands what was submitted. Where somebody \
        does not answer, the profile is made all the same, and 'find' goes on. What does not come back: addresses, requests on their way, consents given by \
        half and unused tickets.
        """)

    @OptionGroup var new: NewPatientOptions

    @Option(
      help: ArgumentHelp("A file that has the words; '-' is standard input.", valueName: "file"))
    var phraseFile = "-"

    @OptionGroup var output: OutputOptions

    func validate() throws {
      guard phraseFile != "-" || new.identity != "-" else {
        throw ValidationError("standard input can be read once: name a file with --phrase-file")
      }
    }

    func run() async throws {
      let text = try CarriedText.phrase(phraseFile)
      let profile = try new.create {
        try PatientKeys.restored(owner: new.name, from: RecoveryPhrase(words: text))
      } showing: { _ in
      }.open()
      do {
        try await RestorationReport.find(in: profile, anew: false, output)
      } catch let failure as CommandFailure where failure.exitCode == .waits {
        throw CommandFailure(
          .waits, code: failure.code, failure.message,
          hint: "the profile is made; 'bcemr patient find' goes on")
      }
    }
  }

  struct PatientFind: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "find",
      abstract: "Find visits, records and consents of this profile's keys on all chains.",
      discussion: """
        It goes on with what 'restore' began, and finds what another machine with the same words has added since.
        """)

    @Flag(help: "Look again at chains that were looked at to their ends.")
    var anew = false

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await RestorationReport.find(
        in: try OpenProfile.open(profile, .patient), anew: anew, output)
    }
  }
#endif
