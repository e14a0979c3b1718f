#if Network
  import CanonicalEncoding
  import Consortium
  import Credentials
  import Ledger
  import SQLiteBackend

  /// The same roles in this process, with the servers' stores in SQLite, and neither HTTP nor mailboxes: what a load
  /// of daemons is compared with.
  struct LocalTarget: LoadTarget {
    let hospitals: [String]
    private let consortium: LocalConsortium
    private let pause: Duration

    var traffic: LoadTraffic? { nil }

    /// Founds a consortium in a folder.
    ///
    /// - Parameters:
    ///   - doctors: of each hospital.
    ///   - pause: as the daemons' `pause`, in seconds.
    init(
      _ folder: DataFolder, hospitals: Int, doctors: Int, team: Int, pause: Double
    ) async throws {
      var configuration = LocalConsortium.Configuration(teamSize: team)
      (configuration.hospitals, configuration.doctors) = (hospitals, doctors)
      // As a daemon's before anybody sets another: all are on duty, and a team is found by turns.
      configuration.staffing = try StaffingPlan(json: Array(#"{"team_size": \#(team)}"#.utf8))
      var environment = LocalConsortium.Environment(
        clock: LedgerTime.now, nanoseconds: MonotoneTime.nanoseconds)
      environment.freshness = LedgerNode.shortFreshness
      consortium = try await LocalConsortium.open(
        storage: StorageOfServers(folder: folder), configuration: configuration,
        environment: environment)
      for hospital in consortium.hospitals.values {
        await hospital.node.waitBetweenBlocks(LedgerNode.blockPause)
      }
      for cloud in consortium.clouds.values {
        await cloud.node.waitBetweenBlocks(LedgerNode.blockPause)
      }
      self.hospitals = consortium.hospitals.keys.sorted()
      self.pause = .seconds(pause)
    }

    func doctors(_ count: Int, at hospital: String) async throws -> [LoadDoctor] {
      await consortium.doctors.values.filter { $0.hospital == hospital }.map(LoadDoctor.init)
    }

    func patient(_ number: Int) async throws -> LoadPatient {
      let contact = Self.contact(number)
      let identity = "urn:bcemr:load|\(number)"
      try await consortium.addPatient(contact: contact, identity: identity)
      guard let patient = await consortium.patients[contact] else {
        throw LoadFailure(code: "no-patient")
      }
      return LoadPatient(identity: identity, patient: patient)
    }

    private static func contact(_ number: Int) -> String { "patient-\(number)" }

    private func server(_ hospital: String) throws -> HospitalServer {
      guard let server = consortium.hospitals[hospital] else {
        throw LoadFailure(code: "no-hospital")
      }
      return server
    }

    func ticket(for patient: LoadPatient, at hospital: String) async throws -> AdmissionTicket {
      try await server(hospital).issueTicket(for: patient.identity)
    }

    func awaitGroupKey(
      of visit: Digest32, at hospital: String, first: LoadDoctor,
      until deadline: ContinuousClock.Instant
    ) async throws {
      try await server(hospital).establishGroupKey(visit)
    }

    func address(of patient: Int, _ person: LoadPatient) async throws -> PatientAddress {
      try await consortium.address(ofPatient: Self.contact(patient))
    }

    func bringMail(to person: LoadPatient) async throws {}

    func work(_ doctors: [LoadDoctor], _ recorder: LoadRecorder) async {
      await withDiscardingTaskGroup { group in
        for doctor in doctors { group.addTask { await doctor.followUp(recorder) } }
        for hospital in consortium.hospitals.values {
          group.addTask { await drive(hospital.node, recorder) { try await hospital.advance() } }
        }
        for cloud in consortium.clouds.values {
          group.addTask { await drive(cloud.node, recorder) { try await cloud.advance() } }
        }
        let manager = consortium.manager
        group.addTask {
          await drive(manager.node, recorder) {
            let isNew = try await manager.node.advance()
            try await manager.advance()
            return isNew
          }
        }
      }
    }

    /// Has a server do what is due, and its time-outs expire in time, as a daemon does.
    private func drive(
      _ node: LedgerNode, _ recorder: LoadRecorder, _ step: () async throws -> Bool
    ) async {
      var pace = ServerPace(pause: pause)
      while !Task.isCancelled {
        var next = pace.pause
        do {
          next = try await pace.take(of: node, step)
        } catch {
          // What the next step tries again is no fault of a daemon either.
          let code = ConsortiumError(error).code
          if ![.unreachable, .notFinal].contains(code) { recorder.fail(.final, "server-\(code)") }
        }
        try? await Task.sleep(for: next)
      }
    }

    func end() async {}
  }

  /// Servers in a folder, people in memory: as where people have programs of their own.
  private struct StorageOfServers: ConsortiumStorage {
    let folder: DataFolder

    func genesis() throws -> [UInt8]? { try folder.genesis() }
    func create(genesis: [UInt8]) throws { try folder.create(genesis: genesis) }
    func requireNoStores() throws { try folder.requireNoStores() }
    func chainLog(_ place: String) throws -> SQLiteChainLog { try folder.chainLog(place) }
    func stateStore(_ place: String, chain: String) throws -> SQLiteStateStore {
      try folder.stateStore(place, chain: chain)
    }
    func recordStore(_ place: String) throws -> SQLiteRecordStore {
      try folder.recordStore(place)
    }
    func roleStore(_ place: String) throws -> AnyStore {
      AnyStore(
        store: Self.isOfPerson(place) ? PeopleStore() : try folder.roleStore(place))
    }
    func keys(_ place: String, owner: String) throws -> KeyFile? {
      Self.isOfPerson(place) ? nil : try folder.keys(place, owner: owner)
    }
    func create(keys: KeyFile, _ place: String) throws {
      if !Self.isOfPerson(place) { try folder.create(keys: keys, place) }
    }
    func replace(keys: KeyFile, _ place: String) throws { try folder.replace(keys: keys, place) }

    private static func isOfPerson(_ place: String) -> Bool {
      place.hasPrefix("doctors/") || place.hasPrefix("patients/")
    }
  }

  /// A store of one kind or another.
  private struct AnyStore: RoleStore {
    let store: any RoleStore

    func value(forKey key: String) throws(StoreError) -> [UInt8]? { try store.value(forKey: key) }
    func keys(withPrefix prefix: String) throws(StoreError) -> [String] {
      try store.keys(withPrefix: prefix)
    }
    func write(_ changes: [String: [UInt8]?]) throws(StoreError) { try store.write(changes) }
  }
#endif
