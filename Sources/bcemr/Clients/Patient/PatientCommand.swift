#if Network
  import ArgumentParser

  /// A patient's own program.
  struct PatientCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "patient",
      abstract: "Act as a patient: be admitted, open your records, share them, take that back.",
      discussion: """
        A profile has the root of all keys of one patient, sealed under a passphrase, and what the program remembers, \
        sealed under them. The 24 words that 'init' shows bring everything back on another machine ('restore'), and to \
        whoever reads them. Exit code 3: somebody does not answer, or the ledger is not that far; what was signed is \
        kept and sent again by 'sync'.
        """,
      subcommands: [
        PatientInit.self, PatientRestore.self, PatientFind.self, PatientTicket.self,
        PatientCode.self,
        PatientCollect.self, PatientVisits.self, PatientAddressCommand.self, PatientRequests.self,
        PatientConsent.self, PatientRevoke.self, PatientLog.self, PatientSync.self,
        PatientPhrase.self, PatientPassphrase.self, PatientStatus.self,
      ])
  }
#endif
