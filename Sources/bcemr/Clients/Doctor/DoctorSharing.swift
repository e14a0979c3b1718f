#if Network
  import ArgumentParser
  import CanonicalEncoding
  import Consortium
  import TerminalText

  struct DoctorRequest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "request", abstract: "Ask a patient for records of earlier visits.",
      discussion: """
        The patient is told who asks and for what, by the system manager, and decides visit by visit. 'run' answers \
        the patient's program, which asks yours for keys before it consents.
        """)

    @Argument(
      help: "The text of the QR code of the patient's address; '-' reads it from standard input.")
    var address: String

    @Option(help: "What you ask for: the patient is told this.")
    var purpose: String

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      let request: String

      func print(to console: Console) { console.line("Asked the patient: request \(request).") }
    }

    func run() async throws {
      let text = try CarriedText.read(address, asking: "The text of the patient's address")
      let (address, purpose) = (try PatientAddress(text: text), purpose)
      output.deliver(
        try await DoctorSession.run(profile) { session in
          Report(
            request: "\(try await session.doctor.requestAccess(address: address, purpose: purpose))"
          )
        })
    }
  }

  struct DoctorConsents: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "consents", abstract: "List the consents that patients have given you.",
      discussion: """
        Of those that are not used it asks the clouds of their hospitals whether they stand, or were taken back, and says \
        as of when: a patient may take one back a moment later, and the ledger is asked again when it is used.
        """)

    @Flag(help: "Ask nobody.")
    var offline = false

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      struct Consent: Encodable {
        let consent: String
        let visit: String
        let hospital: String
        let purpose: String
        let expiresAt: String
        let expired: Bool
        let used: Bool
        /// unknown, pending, stands or revoked, by the word of `by` with the block of `asOf`; absent, as these, of one
        /// that is used or has expired, and where nobody has said so.
        let standing: String?
        let by: String?
        /// In ledger time.
        let asOf: String?

        var words: String {
          if used { return ", used" }
          if expired { return ", expired" }
          guard let standing, let by, let asOf else {
            return "; nobody was asked whether it still stands"
          }
          let word =
            switch standing {
            case "revoked": "taken back"
            case "pending": "not final yet"
            case "unknown": "not on the ledger yet"
            default: "stands"
            }
          return "; \(word), by \(by) as of \(asOf) in ledger time"
        }
      }

      let consents: [Consent]
      /// Whose clouds were not heard, and why.
      let unheard: [String: String]

      func print(to console: Console) {
        if consents.isEmpty { console.line("There are no consents.") }
        for consent in consents {
          console.line("consent \(consent.consent)")
          console.line(
            "  to visit \(consent.visit) of \(consent.hospital), for \(printable(consent.purpose))")
          console.line("  until \(consent.expiresAt)\(consent.words)")
        }
        for (hospital, code) in unheard.sorted(by: { $0.key < $1.key }) {
          console.line(
            "The cloud of \(hospital) was not heard (\(code)): a consent there may be taken back.")
        }
      }
    }

    func run() async throws {
      let offline = offline
      let report = try await DoctorSession.run(profile) { session in
        let now = LedgerTime.now()
        let asked = offline ? ConsentStandings() : try await session.doctor.consentStandings()
        return Report(
          consents: try await session.doctor.consents().map {
            let heard = asked.known[$0.consent]
            return Report.Consent(
              consent: "\($0.consent)", visit: "\($0.visit)", hospital: $0.hospital,
              purpose: $0.purpose, expiresAt: LedgerTime.text($0.expiresAt),
              expired: $0.expiresAt < now, used: $0.isUsed, standing: heard?.state.rawValue,
              by: heard?.cloud, asOf: heard.map { LedgerTime.text($0.time) })
          }, unheard: asked.unheard.mapValues { "\($0)" })
      }
      output.deliver(report)
      if !report.unheard.isEmpty { throw ExitCode(CommandFailure.ExitStatus.waits.rawValue) }
    }
  }

  struct DoctorOpen: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "open", abstract: "Open the record that a patient has consented to.",
      discussion: """
        Every signature of its team is checked, and that it is the record on the ledger. It is written into a new \
        folder for you alone, each finding as FHIR and 'record.json', and is durable there before the consent counts as \
        used: a consent opens once, and the patient's access log says so.
        """)

    @Argument(help: "The consent, by the first 8 or more digits of its identifier.")
    var consent: String

    @Option(
      name: [.customLong("output"), .customShort("o")],
      help: ArgumentHelp("A new folder, which its owner alone can enter.", valueName: "folder"))
    var folder: String

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      let path: String
      let visit: String
      let hospital: String
      let files: [String]

      func print(to console: Console) {
        console.line(
          "\(path): the record of visit \(visit) of \(hospital), "
            + "\(Quantity.count(files.count - 1, "finding")), as the team signed it")
        console.line("The consent is used; the access stands in the patient's access log.")
      }
    }

    func run() async throws {
      try SystemFile.requireNothing(at: folder)
      let (name, folder) = (consent, folder)
      output.deliver(
        try await DoctorSession.run(profile) { session in
          _ = try? await session.doctor.readMail(waiting: 0)
          let consent = try Named.only(
            try await session.doctor.consents(), name, "consent",
            hint: "'bcemr doctor consents' lists those that you were given"
          ) { $0.consent }
          let client = session.doctor.client
          let record = try await session.doctor.open(consent: consent.consent) { record in
            let time = await BlockTime.of(record.baseHeight, shownBy: record.hospital, client)
            try RecordFolder.write(record, at: time, to: folder)
          }
          return Report(
            path: folder, visit: "\(record.visit)", hospital: record.hospital,
            files: RecordFolder.names(of: record))
        })
    }
  }
#endif
