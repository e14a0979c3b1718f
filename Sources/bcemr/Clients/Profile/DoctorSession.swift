#if Network
  import Consortium
  import EMRScheme
  import HTTPTransport
  import Keystore
  import Ledger

  /// A doctor's program at work with its profile.
  struct DoctorSession {
    let profile: OpenProfile
    let doctor: Doctor

    /// Runs `body` with the profile open, and releases it.
    ///
    /// - Throws: ``CommandFailure``.
    static func run<Value: Sendable>(
      _ options: ProfileOptions, _ body: (DoctorSession) async throws -> Value
    ) async throws -> Value {
      try await run(in: try OpenProfile.open(options, .doctor), body)
    }

    static func run<Value: Sendable>(
      in profile: OpenProfile, _ body: (DoctorSession) async throws -> Value
    ) async throws -> Value {
      let whereabouts = Whereabouts()
      let courier = HTTPCourier { await whereabouts.location(of: $0) }
      let description = profile.description
      let doctor = try Doctor(
        id: description.id, hospital: description.hospital ?? "", genesis: profile.genesis,
        keys: DoctorKeys(profile.keystore.keys), store: profile.store, courier: courier,
        clock: LedgerTime.now,
        specialties: Set((description.specialties ?? []).compactMap { Specialty($0) }))
      whereabouts.ask { [doctor] in await doctor.location(of: $0) }
      do {
        let value = try await body(DoctorSession(profile: profile, doctor: doctor))
        whereabouts.ask(nil)
        await courier.shutDown()
        return value
      } catch {
        let waiting = (try? await doctor.submissions().count(where: \.isWaiting)) ?? 0
        whereabouts.ask(nil)
        await courier.shutDown()
        throw CommandFailure(asClient: error, waiting: waiting, agent: "bcemr doctor run")
      }
    }

    /// A visit by the first digits of its identifier.
    func visit(_ text: String) async throws -> AssignedVisit {
      try Named.only(
        try await doctor.visits(), text, "visit",
        hint: "'bcemr doctor visits' lists those on whose teams you are"
      ) { $0.visit }
    }
  }
#endif
