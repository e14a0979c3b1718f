#if Network
  import ArgumentParser
  import CanonicalEncoding
  import Consortium
  import Ledger

  struct DoctorStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "status",
      abstract: "Show what waits, how stands what you have submitted, and who does not answer.")

    @Flag(help: "Ask nobody who is reached.")
    var offline = false

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      let profile: String
      let doctor: String
      let hospital: String
      let genesis: String
      let visits: [AssignedVisitReport]
      /// Those that are known to be taken back left out.
      let unusedConsents: Int
      /// Of those that were not used; absent with --offline.
      let revokedConsents: Int?
      let submissions: [SubmissionReport]
      let words: [String]
      /// Absent with --offline.
      let reached: [Reachability]?

      private enum CodingKeys: String, CodingKey {
        case profile, doctor, hospital, genesis, visits, unusedConsents, revokedConsents
        case submissions, reached
      }

      func print(to console: Console) {
        console.line("\(doctor) of \(hospital), in \(profile); ledger \(genesis)")
        let open = visits.filter { $0.step != "done" && !$0.over }
        let over = visits.filter(\.over)
        console.line(
          "\(Quantity.count(open.count, "visit")) to work on, "
            + (over.isEmpty ? "" : "\(over.count) over, ")
            + "\(Quantity.count(unusedConsents, "consent")) not used"
            + (revokedConsents.map { $0 > 0 ? ", \($0) taken back" : "" } ?? ""))
        for visit in open + over { visit.print(to: console) }
        if words.isEmpty { console.line("Nothing was submitted.") }
        for line in words { console.line(line) }
        for party in reached ?? [] where !party.answers {
          console.line("\(party.party) does not answer now: what is for it waits.")
        }
      }
    }

    func run() async throws {
      let offline = offline
      output.deliver(
        try await DoctorSession.run(profile) { session in
          let doctor = session.doctor
          let halts = await doctor.halts()
          let submissions = try await doctor.submissions()
          let reached =
            offline
            ? nil
            : await Reachability.of(await doctor.neededParties()) { await doctor.answers($0) }
          let unused = try await doctor.consents().count { !$0.isUsed }
          let revoked =
            offline
            ? nil : try await doctor.consentStandings().known.values.count { $0.state == .revoked }
          return Report(
            profile: session.profile.path, doctor: doctor.id, hospital: doctor.hospital,
            genesis: "\(session.profile.genesis.digest)",
            visits: try await doctor.visits().map { .init($0, halts: halts) },
            unusedConsents: unused - (revoked ?? 0), revokedConsents: revoked,
            submissions: submissions.map(SubmissionReport.init),
            words: submissions.map(SubmissionReport.words), reached: reached)
        })
    }
  }
#endif
