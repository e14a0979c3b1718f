#if Network
  import ArgumentParser

  /// A doctor's own program.
  struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "doctor",
      abstract: "Work as a doctor: register, see patients, sign, ask for records and read them.",
      discussion: """
        A profile has the keys of one doctor, sealed under a passphrase, and what the program remembers, sealed under \
        them. 'run' answers what colleagues, the hospital and patients ask, so it has to run while visits are under \
        way; other commands may be given meanwhile. Exit code 3: somebody does not answer, or the ledger is not that \
        far; what was signed is kept and sent again.
        """,
      subcommands: [
        DoctorInit.self, DoctorFingerprint.self, DoctorRegister.self, DoctorRun.self,
        DoctorVisits.self, DoctorPresence.self, DoctorConfirm.self, DoctorSign.self,
        DoctorRequest.self, DoctorConsents.self, DoctorOpen.self, DoctorRotateKeys.self,
        DoctorPassphrase.self, DoctorStatus.self,
      ])
  }
#endif
