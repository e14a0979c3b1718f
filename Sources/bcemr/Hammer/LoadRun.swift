#if Network
  import CanonicalEncoding
  import ClinicalRecords
  import Consortium
  import EMRScheme
  import Ledger
  import Synchronization

  /// A load under way: what each visit and each sharing does.
  final class LoadRun: Sendable {
    let target: any LoadTarget
    let recorder: LoadRecorder
    private let doctors: [String: LoadDoctor]
    private let patients: [LoadPatient]
    private let visits: Visit
    private let queues: [String: FinalityQueue]
    private let final = Mutex((visits: [LoadedVisit](), busy: Set<Int>()))

    /// For how long a step may wait for others, in seconds.
    private static let patience = 60.0
    /// Between two looks at what has to become final.
    private static let look = Duration.milliseconds(250)
    /// How many visits of a hospital are looked at at once.
    private static let collectors = 4
    /// How many final visits are remembered, to be shared.
    private static let memory = 1024

    init(
      _ target: any LoadTarget, _ recorder: LoadRecorder, doctors: [LoadDoctor],
      patients: [LoadPatient]
    ) throws {
      (self.target, self.recorder, self.patients) = (target, recorder, patients)
      self.doctors = Dictionary(
        doctors.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
      queues = Dictionary(uniqueKeysWithValues: target.hospitals.map { ($0, FinalityQueue()) })
      visits = try FHIRHistory(json: ExampleHistory.json).visits[1]
    }

    // MARK: A visit

    /// Holds a visit, from the counter until its completion is confirmed.
    func visit(_ number: Int, intended: ContinuousClock.Instant) async {
      let hospital = target.hospitals[number % target.hospitals.count]
      let patient = number % patients.count
      recorder.begin(intended, isSharing: false)
      var step = LoadStep.admission
      do {
        var begun = ContinuousClock.now
        let deadline = begun + .seconds(Self.patience)
        func end() { begun = recorder.end(step, intended: intended, since: begun) }
        let person = patients[patient]
        let context = try await admit(person, to: hospital, number)
        let visit = context.visitID
        let team = try context.signers.map { try doctor($0.doctor) }
        end()
        step = .groupKey
        try await target.awaitGroupKey(of: visit, at: hospital, first: team[0], until: deadline)
        end()
        step = .signed
        for (doctor, finding) in zip(team, visits.findings(forTeamOf: team.count)) {
          let code = try await person.patient.presence(visit, at: hospital, to: doctor.id)
          _ = try await doctor.doctor.take(presence: code.text)
          try await doctor.doctor.diagnose(visit, finding)
        }
        end()
        step = .confirmed
        let last = team[team.count - 1].doctor
        try await last.sealRecord(visit)
        try await last.completeVisit(visit)
        end()
        await queues[hospital]?.add(
          LoadedVisit(
            visit: visit, hospital: hospital, patient: patient, team: Set(team.map(\.id)),
            intended: intended, confirmed: begun))
      } catch {
        fail(step, error)
      }
    }

    private func admit(
      _ person: LoadPatient, to hospital: String, _ number: Int
    ) async throws -> VisitContext {
      let ticket = try await target.ticket(for: person, at: hospital)
      let admission = try await person.patient.admit(
        to: hospital, encounter: "load-\(number)", ticket: ticket)
      guard case .opened(let context, _) = admission, !context.signers.isEmpty else {
        throw LoadFailure(code: "known-visit")
      }
      return context
    }

    private func doctor(_ id: String) throws -> LoadDoctor {
      guard let doctor = doctors[id] else { throw LoadFailure(code: "foreign-doctor") }
      return doctor
    }

    private func fail(_ step: LoadStep, _ error: any Error) {
      recorder.fail(step, (error as? LoadFailure)?.code ?? "\(ConsortiumError(error).code)")
    }

    // MARK: Finality

    /// Has the patients collect the records of what has become final, until the task is cancelled.
    func collect() async {
      await withDiscardingTaskGroup { group in
        for queue in queues.values {
          for _ in 0..<Self.collectors { group.addTask { await self.collect(from: queue) } }
        }
      }
    }

    /// How many visits are confirmed and not final yet.
    var waiting: Int {
      get async {
        var count = 0
        for queue in queues.values { count += await queue.count }
        return count
      }
    }

    private func collect(from queue: FinalityQueue) async {
      while !Task.isCancelled {
        guard var visit = await queue.take() else {
          try? await Task.sleep(for: Self.look)
          continue
        }
        do {
          let collected = try await patients[visit.patient].patient
            .collect(visit.visit, at: visit.hospital)
          guard collected.record != nil, collected.receiptFailure == nil else {
            throw LoadFailure(code: "no-receipt")
          }
          recorder.end(.final, intended: visit.intended, since: visit.confirmed)
          await queue.end()
          note(final: visit)
        } catch {
          let isDue = ContinuousClock.now > visit.confirmed + .seconds(Self.patience)
          guard (error as? ConsortiumError)?.code == .notFinal, !isDue else {
            await queue.end()
            fail(.final, isDue ? LoadFailure(code: "timed-out") : error)
            continue
          }
          visit.askAgain()
          await queue.putBack(visit)
        }
      }
    }

    // MARK: A sharing

    private func note(final visit: LoadedVisit) {
      final.withLock { final in
        final.visits.append(visit)
        if final.visits.count > Self.memory { final.visits.removeFirst() }
      }
    }

    /// A visit that is final and of a patient who shares none now.
    private func takeForSharing() -> LoadedVisit? {
      final.withLock { final in
        guard
          let index = final.visits.firstIndex(where: { !final.busy.contains($0.patient) })
        else { return nil }
        final.busy.insert(final.visits[index].patient)
        return final.visits.remove(at: index)
      }
    }

    /// Has a doctor ask for a record, the patient consent, and the doctor open it.
    func share(_ number: Int, intended: ContinuousClock.Instant) async {
      guard let visit = takeForSharing() else {
        // Before the first visit is final there is nothing to share: that is no fault, and no sharing.
        return
      }
      recorder.begin(intended, isSharing: true)
      defer { final.withLock { _ = $0.busy.remove(visit.patient) } }
      var step = LoadStep.consent
      do {
        var begun = ContinuousClock.now
        let person = patients[visit.patient]
        let reader = try reader(of: visit, number)
        let address = try await target.address(of: visit.patient, person)
        let request = try await reader.requestAccess(address: address, purpose: "treatment")
        try await target.bringMail(to: person)
        let consent = try await person.patient.consent(
          to: request, visit: visit.visit, at: visit.hospital, expiresAt: LedgerTime.now() + 3600)
        begun = recorder.end(step, intended: intended, since: begun)
        step = .opening
        try await open(consent, reader, until: begun + .seconds(Self.patience))
        recorder.end(step, intended: intended, since: begun)
      } catch {
        fail(step, error)
      }
    }

    /// A doctor who was not on the team, of another hospital where there is one.
    private func reader(of visit: LoadedVisit, _ number: Int) throws -> Doctor {
      let others = doctors.values.map(\.doctor).filter { !visit.team.contains($0.id) }
      let elsewhere = others.filter { $0.hospital != visit.hospital }
      let readers = (elsewhere.isEmpty ? others : elsewhere).sorted { $0.id < $1.id }
      guard !readers.isEmpty else { throw LoadFailure(code: "no-reader") }
      return readers[number % readers.count]
    }

    private func open(
      _ consent: Digest32, _ reader: Doctor, until deadline: ContinuousClock.Instant
    ) async throws {
      while true {
        do {
          try await reader.open(consent: consent)
          return
        } catch let error as ConsortiumError
          where [.consentNotFinal, .notFinal].contains(error.code)
        {
          guard ContinuousClock.now < deadline else { throw LoadFailure(code: "timed-out") }
          try await Task.sleep(for: Self.look)
        }
      }
    }
  }

  /// The visits of one hospital that are confirmed, in the order in which their patients ask next.
  private actor FinalityQueue {
    private var visits: [LoadedVisit] = []
    private var taken = 0

    /// With those that are being looked at.
    var count: Int { visits.count + taken }

    func add(_ visit: LoadedVisit) {
      let index = visits.firstIndex { $0.due > visit.due } ?? visits.endIndex
      visits.insert(visit, at: index)
    }

    /// One whose patient asks now.
    func take() -> LoadedVisit? {
      guard let first = visits.first, first.due <= .now else { return nil }
      taken += 1
      return visits.removeFirst()
    }

    func end() { taken -= 1 }

    func putBack(_ visit: LoadedVisit) {
      taken -= 1
      add(visit)
    }
  }
#endif
