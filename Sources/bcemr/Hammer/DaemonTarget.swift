#if Network
  import CanonicalEncoding
  import Consortium
  import DeskInterface
  import HTTPTransport
  import Ledger
  import Synchronization

  /// Daemons, reached by HTTPS: each person has connections of its own. Doctors are taken on, and tickets made, at
  /// the desks.
  final class DaemonTarget: LoadTarget {
    let hospitals: [String]
    private let genesis: ValidGenesis
    private let desks: [String: DeskClient]
    /// In names and identities, so that one run takes none of another's.
    private let run: String
    private let counted = Mutex(LoadTraffic())
    private let couriers = Mutex<[HTTPCourier]>([])

    /// How long registrations may take, in seconds.
    private static let patience = 180.0

    init(genesis: ValidGenesis, desks: [String: String], run: String) {
      (self.genesis, self.run) = (genesis, run)
      hospitals = desks.keys.sorted()
      self.desks = desks.mapValues { DeskClient(socket: $0) }
    }

    var traffic: LoadTraffic? { counted.withLock { $0 } }

    private func desk(_ hospital: String) throws -> DeskClient {
      guard let desk = desks[hospital] else { throw LoadFailure(code: "no-desk") }
      return desk
    }

    /// That no doctor of a hospital would be put on teams and not be there.
    ///
    /// - Throws: ``CommandFailure`` `has-doctors`.
    func requireNoDoctors() async throws {
      for hospital in hospitals {
        let known = try await desk(hospital).ask(ListDoctors(role: hospital)).doctors
        guard known.allSatisfy({ $0.standing == "retired" || $0.standing == "suspended" }) else {
          throw CommandFailure(
            .badInput, code: "has-doctors",
            "\(hospital) has doctors, who would be on the teams: this is for a consortium of its own",
            hint: "found one for the load; never try it on one that people use")
        }
      }
    }

    // MARK: People

    func doctors(_ count: Int, at hospital: String) async throws -> [LoadDoctor] {
      let desk = try desk(hospital)
      let doctors = try await withThrowingTaskGroup(of: LoadDoctor.self) { group in
        for number in 1...count {
          group.addTask { try await self.doctor("\(self.run)-\(hospital)-\(number)", at: hospital) }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      let end = ContinuousClock.now + .seconds(Self.patience)
      while try await desk.ask(ListDoctors(role: hospital)).doctors
        .count(where: { $0.standing == "active" }) < count
      {
        guard ContinuousClock.now < end else { throw LoadFailure(code: "not-registered") }
        try await Task.sleep(for: .milliseconds(250))
      }
      return doctors
    }

    private func doctor(_ id: String, at hospital: String) async throws -> LoadDoctor {
      var randomness = SystemRandomNumberGenerator()
      let whereabouts = Whereabouts()
      let doctor = try Doctor(
        id: id, hospital: hospital, genesis: genesis,
        keys: DoctorKeys(DoctorKeys.generate(owner: id, using: &randomness)), store: PeopleStore(),
        courier: courier(whereabouts), clock: LedgerTime.now)
      whereabouts.ask { [doctor] in await doctor.location(of: $0) }
      let fingerprint = try await doctor.fingerprint()
      _ = try await desk(hospital).ask(
        ExpectDoctor(role: hospital, doctor: id, fingerprint: "\(fingerprint)", specialties: []))
      try await doctor.register()
      return LoadDoctor(doctor)
    }

    func patient(_ number: Int) throws -> LoadPatient {
      let identity = "urn:bcemr:load|\(run)-\(number)"
      var randomness = SystemRandomNumberGenerator()
      let whereabouts = Whereabouts()
      let patient = try Patient(
        identity: identity, genesis: genesis,
        keys: PatientKeys(PatientKeys.generate(owner: "\(number)", using: &randomness)),
        store: PeopleStore(), courier: courier(whereabouts), clock: LedgerTime.now)
      whereabouts.ask { [patient] in await patient.location(of: $0) }
      return LoadPatient(identity: identity, patient: patient)
    }

    private func courier(_ whereabouts: Whereabouts) -> any Courier {
      let courier = HTTPCourier { await whereabouts.location(of: $0) }
      couriers.withLock { $0.append(courier) }
      return CountingCourier(courier: courier) { [self] bytes in
        counted.withLock { traffic in
          traffic.messages += 1
          traffic.bytes += bytes
        }
      }
    }

    // MARK: What people do

    func ticket(for patient: LoadPatient, at hospital: String) async throws -> AdmissionTicket {
      let answer = try await desk(hospital).ask(
        IssueTicket(role: hospital, identity: patient.identity))
      return try AdmissionTicket(text: answer.code)
    }

    func awaitGroupKey(
      of visit: Digest32, at hospital: String, first: LoadDoctor,
      until deadline: ContinuousClock.Instant
    ) async throws {
      while true {
        let seen = first.mail.changes
        if try await first.doctor.hasGroupKey(visit) { return }
        guard ContinuousClock.now < deadline else { throw LoadFailure(code: "timed-out") }
        await first.mail.wait(after: seen, until: deadline)
      }
    }

    func address(of patient: Int, _ person: LoadPatient) async throws -> PatientAddress {
      try await person.patient.makeAddress()
    }

    func bringMail(to person: LoadPatient) async throws { _ = try await person.patient.readMail() }

    func work(_ doctors: [LoadDoctor], _ recorder: LoadRecorder) async {
      await withDiscardingTaskGroup { group in
        for doctor in doctors {
          group.addTask { await doctor.readMail(recorder) }
          group.addTask { await doctor.followUp(recorder) }
        }
      }
    }

    func end() async {
      for courier in couriers.withLock({ $0 }) { await courier.shutDown() }
    }
  }

  /// Says how much passes.
  private struct CountingCourier: Courier {
    let courier: any Courier
    let count: @Sendable (_ bytes: Int) -> Void

    func send(
      _ request: [UInt8], from sender: String, to recipient: String
    ) async throws(ConsortiumError) -> [UInt8] {
      let answer = try await courier.send(request, from: sender, to: recipient)
      count(request.count + answer.count)
      return answer
    }
  }
#endif
