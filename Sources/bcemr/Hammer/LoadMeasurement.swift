#if Network
  import Consortium

  /// Runs a load, and measures it.
  struct LoadMeasurement {
    var visits: LoadSchedule.Arrivals
    var sharings: Double
    /// In seconds.
    var idle, warmUp, window: Double
    var doctors, patients: Int
    /// The processes beside this one, by name.
    var processes: [(name: String, number: Int32)]
    let progress: @Sendable (String) -> Void

    /// How long the last visits may take, in seconds.
    private static let patience = 90.0
    /// Fewer visits say nothing.
    private static let leastVisits = 20
    /// What part of the rate has to be reached.
    private static let leastPart = 0.9

    private struct Sample: Sendable {
      let at: ContinuousClock.Instant
      let uses: [ProcessUse?]
      let traffic: LoadTraffic?
    }

    func run(_ target: any LoadTarget) async throws -> LoadReport {
      let load = ProcessUse.machineLoad
      progress("registering \(doctors) doctors at each of \(target.hospitals.count) hospitals")
      var everybody: [LoadDoctor] = []
      for hospital in target.hospitals {
        everybody += try await target.doctors(doctors, at: hospital)
      }
      var patients: [LoadPatient] = []
      for number in 0..<self.patients { patients.append(try await target.patient(number)) }
      let recorder = LoadRecorder()
      let run = try LoadRun(target, recorder, doctors: everybody, patients: patients)
      let (doctors, patientCount) = (everybody, patients.count)
      return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await target.work(doctors, recorder) }
        group.addTask { await run.collect() }
        defer { group.cancelAll() }
        return try await measure(run, doctors.count, patientCount, load)
      }
    }

    private func measure(
      _ run: LoadRun, _ doctors: Int, _ patients: Int, _ load: Double?
    ) async throws -> LoadReport {
      let recorder = run.recorder
      // What registering leaves to be done is over by then.
      try await Task.sleep(for: .seconds(min(idle, 3)))
      progress("idle for \(Int(idle)) s")
      let idleBefore = await sample(run.target)
      try await Task.sleep(for: .seconds(idle))
      let idleAfter = await sample(run.target)

      let begin = ContinuousClock.now + .seconds(warmUp)
      let end = begin + .seconds(window)
      recorder.open(begin..<end)
      progress("\(Int(warmUp)) s of load, and \(Int(window)) s that are measured")
      async let before = sample(run.target, at: begin)
      async let after = sample(run.target, at: end)
      let (visits, sharings) = (self.visits, self.sharings)
      await withDiscardingTaskGroup { group in
        group.addTask {
          await LoadSchedule(arrivals: visits, end: end).run { await run.visit($0, intended: $1) }
        }
        group.addTask {
          await LoadSchedule(arrivals: .rate(sharings), end: end)
            .run { await run.share($0, intended: $1) }
        }
      }
      progress("waiting until all is final")
      let last = ContinuousClock.now + .seconds(Self.patience)
      while await run.waiting > 0, ContinuousClock.now < last {
        try await Task.sleep(for: .milliseconds(250))
      }
      var report = report(
        run, doctors, patients, load, (idleBefore, idleAfter), (await before, await after),
        notFinal: await run.waiting)
      report.faults = faults(report)
      return report
    }

    private func sample(
      _ target: any LoadTarget, at time: ContinuousClock.Instant = .now
    ) async -> Sample {
      try? await Task.sleep(until: time)
      return Sample(
        at: .now, uses: [ProcessUse.read()] + processes.map { ProcessUse.read($0.number) },
        traffic: target.traffic)
    }

    private func report(
      _ run: LoadRun, _ doctors: Int, _ patients: Int, _ load: Double?,
      _ idle: (Sample, Sample), _ loaded: (Sample, Sample), notFinal: Int
    ) -> LoadReport {
      let steps = run.recorder.steps.mapValues { step in
        LoadReport.Step(
          count: step.count, perSecond: Double(step.count) / window,
          latency: LoadReport.Latency(step.latencies), duration: LoadReport.Latency(step.durations))
      }
      let count = Double(max(1, steps[.confirmed]?.count ?? 0))
      let names = [processes.isEmpty ? "process" : "people"] + processes.map(\.name)
      let used = names.indices.compactMap {
        process(
          names[$0], visits: count, (idle.0.uses[$0], idle.1.uses[$0]),
          (loaded.0.uses[$0], loaded.1.uses[$0]), seconds: (seconds(idle), seconds(loaded)))
      }
      var people: LoadReport.People?
      if let before = loaded.0.traffic, let after = loaded.1.traffic {
        people = LoadReport.People(
          messagesPerVisit: Double(after.messages - before.messages) / count,
          bytesPerVisit: Double(after.bytes - before.bytes) / count)
      }
      var (rate, atOnce): (Double?, Int?) = (nil, nil)
      switch visits {
      case .rate(let value): rate = value
      case .atOnce(let value): atOnce = value
      }
      let intended = run.recorder.intended
      return LoadReport(
        target: run.target is LocalTarget ? "process" : "daemons",
        hospitals: run.target.hospitals.count, doctors: doctors, patients: patients,
        windowSeconds: window, intendedVisitsPerSecond: rate, atOnce: atOnce,
        intendedSharingsPerSecond: sharings, intendedVisits: intended.visits,
        intendedSharings: intended.sharings, steps: steps, errors: run.recorder.errors,
        notFinal: notFinal, processes: used,
        processorMsPerVisit: used.reduce(0) { $0 + $1.processorMsPerVisit },
        grossProcessorMsPerVisit: used.reduce(0) { $0 + $1.processorSeconds } / count * 1000,
        people: people, machineLoadBefore: load, faults: [])
    }

    private func seconds(_ samples: (Sample, Sample)) -> Double {
      let (seconds, attoseconds) = (samples.1.at - samples.0.at).components
      return max(1e-3, Double(seconds) + Double(attoseconds) / 1e18)
    }

    private func process(
      _ name: String, visits: Double, _ idle: (ProcessUse?, ProcessUse?),
      _ loaded: (ProcessUse?, ProcessUse?), seconds: (idle: Double, loaded: Double)
    ) -> LoadReport.Process? {
      guard let before = loaded.0, let after = loaded.1, let idleBefore = idle.0,
        let idleAfter = idle.1
      else { return nil }
      let idlePerSecond =
        (idleAfter.processorSeconds - idleBefore.processorSeconds) / seconds.idle
      let used = after.processorSeconds - before.processorSeconds
      var written: Double?
      if let before = before.written, let after = after.written {
        written = Double(after - before) / visits
      }
      return LoadReport.Process(
        name: name, processorSeconds: used, idlePerSecond: idlePerSecond,
        processorMsPerVisit: max(0, used - idlePerSecond * seconds.loaded) / visits * 1000,
        memoryBefore: before.memory, memoryAfter: after.memory,
        memoryPerVisit: Double(after.memory - before.memory) / visits,
        writtenPerVisit: written)
    }

    /// Why a run counts for nothing.
    private func faults(_ report: LoadReport) -> [String] {
      var faults: [String] = []
      let count = report.steps[.confirmed]?.count ?? 0
      if count < Self.leastVisits {
        faults.append("too little traffic: \(Quantity.count(count, "visit")) confirmed")
      }
      if let wanted = report.intendedVisitsPerSecond {
        let reached = report.steps[.confirmed]?.perSecond ?? 0
        if reached < Self.leastPart * wanted {
          faults.append("\(reached) of \(wanted) visits a second were reached")
        }
      }
      let sharings = report.steps[.opening]?.count ?? 0
      if Double(sharings) < Self.leastPart * Double(report.intendedSharings) - 2 {
        faults.append("\(sharings) of \(report.intendedSharings) sharings ended")
      }
      let errors = report.errors.values.reduce(0) { $0 + $1.values.reduce(0, +) }
      if errors > 0 { faults.append(Quantity.count(errors, "error")) }
      if report.notFinal > 0 {
        faults.append("\(Quantity.count(report.notFinal, "visit")) did not become final")
      }
      return faults
    }
  }
#endif
