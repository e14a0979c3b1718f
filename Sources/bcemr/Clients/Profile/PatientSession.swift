#if Network
  import Consortium
  import HTTPTransport
  import Keystore
  import Ledger

  /// A patient's program at work with its profile.
  struct PatientSession {
    let profile: OpenProfile
    let patient: Patient

    /// Runs `body` with the profile open, and releases it.
    ///
    /// - Throws: ``CommandFailure``.
    static func run<Value: Sendable>(
      _ options: ProfileOptions, _ body: (PatientSession) async throws -> Value
    ) async throws -> Value {
      try await run(in: try OpenProfile.open(options, .patient), body)
    }

    static func run<Value: Sendable>(
      in profile: OpenProfile, _ body: (PatientSession) async throws -> Value
    ) async throws -> Value {
      let whereabouts = Whereabouts()
      let courier = HTTPCourier { await whereabouts.location(of: $0) }
      let patient = try Patient(
        identity: profile.description.identity ?? "", genesis: profile.genesis,
        keys: PatientKeys(profile.keystore.keys), store: profile.store, courier: courier,
        clock: LedgerTime.now)
      whereabouts.ask { [patient] in await patient.location(of: $0) }
      do {
        let value = try await body(PatientSession(profile: profile, patient: patient))
        whereabouts.ask(nil)
        await courier.shutDown()
        return value
      } catch {
        let waiting = (try? await patient.submissions().count(where: \.isWaiting)) ?? 0
        whereabouts.ask(nil)
        await courier.shutDown()
        throw CommandFailure(asClient: error, waiting: waiting, agent: "bcemr patient sync")
      }
    }

    /// A visit by the first digits of its identifier.
    func visit(_ text: String, at hospital: String?) async throws -> PatientHoldings.Visit {
      do {
        return try Named.only(
          try await patient.visits().filter { hospital == nil || $0.hospital == hospital }, text,
          "visit", hint: "'bcemr patient visits' lists what this program knows"
        ) { $0.visit }
      } catch let failure as CommandFailure where failure.code == "unknown-visit" {
        let found = try await patient.visitsUnderWay().filter {
          "\($0.visit)".hasPrefix(text.lowercased())
        }
        guard let visit = found.first else { throw failure }
        throw CommandFailure(
          .badInput, code: failure.code,
          "visit \(visit.visit.short) was under way when it was found, and what it takes was on the machine before",
          hint:
            "'bcemr patient find' brings it once its team has completed it; to begin it anew, be admitted with "
            + "another ticket and --closing")
      }
    }
  }
#endif
