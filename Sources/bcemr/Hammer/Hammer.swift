#if Network
  import ArgumentParser
  import CanonicalEncoding
  import DeskInterface
  import EMRScheme
  import Ledger

  struct Hammer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Measure a consortium of daemons under load, with doctors and patients of its own.",
      discussion: """
        Visits begin at a rate, whatever becomes of those before: from ticket and admission to the team's signatures, \
        the record at the cloud, the confirmed completion, and the patient's receipt once that is final; and sharings \
        of final visits, from the doctor's request to the opened record. Latencies count from when each was to begin. \
        All doctors and patients are this process, with keys in memory and connections of their own.

        It takes doctors on at the hospitals' desks, whose account it therefore needs, and leaves them there: it is for \
        a consortium that was founded for it, and refuses one that has doctors. With --in-process it founds one \
        in this process, with the same stores and no network, to compare.

        Exit code 1: there were errors, or too little traffic, so the figures count for nothing.
        """)

    @Option(help: ArgumentHelp("The genesis of the ledger.", valueName: "file"))
    var genesis: String?

    @Option(
      help: ArgumentHelp(
        "A hospital with the socket of its desk; once for each that has visits.",
        valueName: "hospital=path"))
    var desk: [String] = []

    @Option(
      name: .customLong("process"),
      help: ArgumentHelp(
        "A daemon's process, whose use is measured; may be given several times.",
        valueName: "name=number"))
    var processes: [String] = []

    @Option(
      help: ArgumentHelp("How many hospitals there are in this process, 3 to 64.", valueName: "n"))
    var inProcess: Int?

    @Option(help: ArgumentHelp("How many visits begin in a second.", valueName: "n"))
    var rate: Double?

    @Option(
      help: ArgumentHelp(
        "How many visits are under way at once, instead of a rate: what is reached at most.",
        valueName: "n"))
    var atOnce: Int?

    @Option(help: ArgumentHelp("How many sharings begin in a second.", valueName: "n"))
    var sharings = 0.0

    @Option(help: ArgumentHelp("How long is measured.", valueName: "seconds"))
    var seconds = 60.0

    @Option(help: ArgumentHelp("How long the load runs before that.", valueName: "seconds"))
    var warmUp = 10.0

    @Option(help: ArgumentHelp("How long nothing is asked before that.", valueName: "seconds"))
    var idle = 5.0

    @Option(help: ArgumentHelp("How many doctors each hospital has.", valueName: "n"))
    var doctors = 12

    @Option(help: ArgumentHelp("How many patients there are.", valueName: "n"))
    var patients = 64

    @Option(
      help: ArgumentHelp("Of a team in this process; a daemon's staffing says it.", valueName: "n"))
    var team = 3

    @Option(
      help: ArgumentHelp(
        "Between two looks of a server in this process at what others have.", valueName: "seconds"))
    var pause = 0.1

    @OptionGroup var output: OutputOptions

    func validate() throws {
      guard (inProcess == nil) != desk.isEmpty else {
        throw ValidationError("either --desk, for daemons, or --in-process")
      }
      guard inProcess != nil || genesis != nil else {
        throw ValidationError("daemons need --genesis")
      }
      guard (rate == nil) != (atOnce == nil) else {
        throw ValidationError("either --rate or --at-once")
      }
      guard rate.map({ (0.01...1000).contains($0) }) ?? true, (0...1000).contains(sharings) else {
        throw ValidationError("--rate is 0.01 to 1000, --sharings 0 to 1000")
      }
      guard atOnce.map({ (1...512).contains($0) }) ?? true else {
        throw ValidationError("--at-once is 1 to 512")
      }
      guard (1...86_400).contains(seconds), (0...3600).contains(warmUp), (1...600).contains(idle)
      else {
        throw ValidationError("--seconds is 1 to 86400, --warm-up 0 to 3600, --idle 1 to 600")
      }
      guard (1...1000).contains(doctors), (1...100_000).contains(patients),
        inProcess.map({ (3...64).contains($0) }) ?? true, (1...Limits.teamSize).contains(team),
        (0.001...10).contains(pause)
      else {
        throw ValidationError(
          "--doctors is 1 to 1000, --patients 1 to 100000, --in-process 3 to 64, "
            + "--team 1 to \(Limits.teamSize), --pause 0.001 to 10")
      }
    }

    func run() async throws {
      let console = output.console
      let measurement = LoadMeasurement(
        visits: rate.map { .rate($0) } ?? .atOnce(atOnce ?? 1), sharings: sharings, idle: idle,
        warmUp: warmUp, window: seconds, doctors: doctors, patients: patients,
        processes: try processes.map(Self.process), progress: { console.progress($0) })
      let report: LoadReport
      do {
        report = try await measured(by: measurement)
      } catch let failure as LoadFailure {
        throw CommandFailure(.checkFailed, code: failure.code, "the load could not begin")
      } catch let failure as ReportedFailure {
        throw CommandFailure(
          .badInput, code: failure.code, failure.message, hint: failure.hint)
      }
      console.endProgress()
      if output.json { Console.write(report) } else { report.print(to: console) }
      for fault in report.faults { Console.diagnostic(fault) }
      if !report.faults.isEmpty {
        throw ExitCode(CommandFailure.ExitStatus.checkFailed.rawValue)
      }
    }

    private func measured(by measurement: LoadMeasurement) async throws -> LoadReport {
      if let inProcess {
        return try await TemporaryItems.folder { folder in
          try await measurement.run(
            try await LocalTarget(
              folder, hospitals: inProcess, doctors: doctors, team: team, pause: pause))
        }
      }
      let bytes = try SystemFile.contents(of: genesis ?? "", limit: Genesis.maximumByteCount)
      let target = DaemonTarget(
        genesis: try ValidGenesis(Genesis(encoded: bytes)),
        desks: Dictionary(
          try desk.map { try Self.pair($0, "--desk") }, uniquingKeysWith: { first, _ in first }),
        run: "load-\(UInt32.random(in: .min ... .max))")
      do {
        try await target.requireNoDoctors()
        let report = try await measurement.run(target)
        await target.end()
        return report
      } catch {
        await target.end()
        throw error
      }
    }

    private static func pair(_ text: String, _ option: String) throws -> (String, String) {
      let parts = text.split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else {
        throw CommandFailure(.usage, code: "usage", "\(option) \(text): this is no NAME=VALUE")
      }
      return (String(parts[0]), String(parts[1]))
    }

    private static func process(_ text: String) throws -> (name: String, number: Int32) {
      let (name, number) = try pair(text, "--process")
      guard let number = Int32(number), number > 0 else {
        throw CommandFailure(.usage, code: "usage", "--process \(text): this is no process")
      }
      return (name, number)
    }
  }
#endif
