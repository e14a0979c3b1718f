#if Network
  import ArgumentParser
  import Consortium
  import Keystore
  import TerminalText

  struct DoctorFingerprint: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "fingerprint",
      abstract: "Show what you tell the hospital's office in person, so that it takes your keys.",
      discussion: """
        It asks the hospital whether you are registered. Where you are, with other keys, as after a lost machine, the \
        fingerprint is that of a registration in their place.
        """)

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      let doctor: String
      let hospital: String
      let fingerprint: String
      let specialties: [String]

      func print(to console: Console) {
        console.line(fingerprint)
        console.line(
          "Show it at \(hospital), which expects \(doctor) with it"
            + (specialties.isEmpty ? "." : " and with \(specialties.joined(separator: ", "))."))
      }
    }

    func run() async throws {
      output.deliver(
        try await DoctorSession.run(profile) { session in
          Report(
            doctor: session.doctor.id, hospital: session.doctor.hospital,
            fingerprint: "\(try await session.doctor.fingerprint())",
            specialties: session.profile.description.specialties ?? [])
        })
    }
  }

  struct DoctorRegister: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "register",
      abstract: "Register your keys with the hospital and the consortium.",
      discussion: """
        The hospital takes them once its office expects you with the fingerprint. They count from the block that has \
        them. The same again is the same registration.
        """)

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      let doctor: String
      let hospital: String
      let registered: Bool

      func print(to console: Console) {
        console.line(
          "\(doctor) is registered at \(hospital); the keys count once a block has them.")
      }
    }

    func run() async throws {
      output.deliver(
        try await DoctorSession.run(profile) { session in
          try await session.doctor.register()
          return Report(
            doctor: session.doctor.id, hospital: session.doctor.hospital, registered: true)
        })
    }
  }

  struct DoctorRotateKeys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "rotate-keys",
      abstract: "Take a new identity key in the place of the one you have.",
      discussion: """
        The key is stored, sealed, before anybody hears of it, and used once a final block has it. The keystore has it \
        then, under the same passphrase. Where that takes longer than --wait, run it again.
        """)

    @Option(
      help: ArgumentHelp("How long to wait for the block, at most a week.", valueName: "seconds"),
      transform: LengthOfTime.argument)
    var wait = LengthOfTime.minute

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      let doctor: String
      let inForce: Bool

      func print(to console: Console) {
        console.line(
          inForce
            ? "The new identity key of \(doctor) is in force, and in the keystore."
            : "The new key is offered and not in force yet: run 'bcemr doctor rotate-keys' again.")
      }
    }

    func run() async throws {
      let wait = wait
      let report = try await DoctorSession.run(profile) { session in
        let end = ContinuousClock.now + wait.duration
        var isInForce = false
        while true {
          isInForce = try await session.doctor.rotateKeys()
          if isInForce || ContinuousClock.now >= end { break }
          try await Task.sleep(for: .seconds(1))
        }
        if isInForce {
          let keystore = session.profile.keystore
          try keystore.replace(await session.doctor.keyFile(renewing: keystore.keys))
        }
        return Report(doctor: session.doctor.id, inForce: isInForce)
      }
      output.deliver(report)
      if !report.inForce { throw ExitCode(CommandFailure.ExitStatus.waits.rawValue) }
    }
  }
#endif
