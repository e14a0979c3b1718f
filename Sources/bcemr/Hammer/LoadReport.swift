#if Network
  import Histogram

  /// What a load has measured.
  struct LoadReport: Encodable {
    /// In milliseconds.
    struct Latency: Encodable {
      let p50, p90, p99, p999, most, mean: Double
    }

    struct Step: Encodable {
      /// How many ended in the window, and in a second of it.
      let count: Int
      let perSecond: Double
      /// From the intended beginning.
      let latency: Latency
      /// From the end of the step before.
      let duration: Latency
    }

    struct Process: Encodable {
      let name: String
      /// Of processors, in the window.
      let processorSeconds: Double
      /// Before the load, in a second.
      let idlePerSecond: Double
      /// Of processors, in milliseconds, without what it takes idle.
      let processorMsPerVisit: Double
      /// At the beginning and the end of the window, in bytes.
      let memoryBefore, memoryAfter: Int
      let memoryPerVisit: Double
      /// To disks, in bytes; nil where it may not be seen.
      let writtenPerVisit: Double?
    }

    struct People: Encodable {
      let messagesPerVisit, bytesPerVisit: Double
    }

    /// `daemons` or `process`.
    let target: String
    let hospitals, doctors, patients: Int
    let windowSeconds: Double
    /// What was asked for; nil where so many were to be under way at once.
    let intendedVisitsPerSecond: Double?
    let atOnce: Int?
    let intendedSharingsPerSecond: Double
    let intendedVisits, intendedSharings: Int
    /// Of all steps that have ended.
    let steps: [LoadStep: Step]
    /// How often each step failed, by the code of the error; in the whole run.
    let errors: [LoadStep: [String: Int]]
    /// Visits that were confirmed, and not final at the end.
    let notFinal: Int
    let processes: [Process]
    /// Of all processes, and the same with what they take idle.
    let processorMsPerVisit, grossProcessorMsPerVisit: Double
    let people: People?
    /// The machine's load before: others may use it.
    let machineLoadBefore: Double?
    /// Why the run counts for nothing; empty for one that counts.
    var faults: [String]
  }

  extension LoadReport.Latency {
    /// - Parameter histogram: of microseconds.
    init(_ histogram: Histogram<UInt64>) {
      func milliseconds(_ percentile: Double) -> Double {
        Double(histogram.valueAtPercentile(percentile)) / 1000
      }
      self.init(
        p50: milliseconds(50), p90: milliseconds(90), p99: milliseconds(99),
        p999: milliseconds(99.9), most: Double(histogram.max) / 1000,
        mean: histogram.totalCount == 0 ? 0 : histogram.mean / 1000)
    }
  }

  extension LoadReport {
    /// What an operator reads.
    func print(to console: Console) {
      console.line(
        "\(target == "daemons" ? "Daemons" : "One process") of "
          + "\(Quantity.count(hospitals, "hospital")): \(Quantity.count(doctors, "doctor")), "
          + "\(Quantity.count(patients, "patient")), \(Self.text(windowSeconds)) s measured")
      let rate = steps[.confirmed]?.perSecond ?? 0
      let wanted =
        intendedVisitsPerSecond.map { "\(Self.text($0)) visits/s wanted" }
        ?? "\(atOnce ?? 0) visits at once"
      console.line("\(wanted), \(Self.text(rate)) visits/s confirmed")
      console.line()
      console.line("milliseconds since a visit or a sharing was to begin, and of the step alone")
      let rows = LoadStep.allCases.compactMap { step in
        steps[step].map { [Self.name(step)] + Self.cells($0) }
      }
      console.line(
        Table.text(
          [["step", "number", "per s", "p50", "p90", "p99", "p99.9", "most", "alone p50", "p99"]]
            + rows))
      console.line()
      console.line(
        Table.text(
          [["process", "ms/visit", "idle ms/s", "memory", "a visit", "to disk"]]
            + processes.map(\.cells)
            + [["together", Self.text(processorMsPerVisit), "", "", "", ""]]))
      if let people {
        console.line(
          "people: \(Self.text(people.messagesPerVisit)) messages and "
            + "\(Quantity.bytes(Int(people.bytesPerVisit))) a visit")
      }
      if let machineLoadBefore {
        console.line("load of the machine before: \(Self.text(machineLoadBefore))")
      }
      for (step, codes) in errors.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
        for (code, count) in codes.sorted(by: { $0.key < $1.key }) {
          console.line("\(Self.name(step)): \(code), \(count) times")
        }
      }
    }

    private static func name(_ step: LoadStep) -> String {
      step.rawValue.replacing("_", with: " ")
    }

    private static func cells(_ step: Step) -> [String] {
      let latency = step.latency
      return ["\(step.count)"]
        + [
          step.perSecond, latency.p50, latency.p90, latency.p99, latency.p999, latency.most,
          step.duration.p50, step.duration.p99,
        ].map(text)
    }

    /// With at most three digits that say something.
    fileprivate static func text(_ value: Double) -> String {
      let digits = abs(value) >= 100 ? 1.0 : abs(value) >= 10 ? 10 : 100
      let rounded = (value * digits).rounded() / digits
      return digits == 1 ? "\(Int(rounded))" : "\(rounded)"
    }
  }

  extension LoadReport.Process {
    fileprivate var cells: [String] {
      [
        name, LoadReport.text(processorMsPerVisit), LoadReport.text(idlePerSecond * 1000),
        Quantity.bytes(memoryAfter), Quantity.bytes(Int(max(0, memoryPerVisit))),
        writtenPerVisit.map { Quantity.bytes(Int(max(0, $0))) } ?? "",
      ]
    }
  }
#endif
