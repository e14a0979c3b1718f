#if Network
  import ArgumentParser
  import Consortium
  import EMRScheme
  import Keystore
  import Ledger

  struct DoctorInit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "init", abstract: "Make the keys and the profile of a doctor.",
      discussion: """
        Then 'fingerprint' shows what the hospital's office is told in person, and 'register' registers the keys.
        """)

    @Argument(help: "Your identifier in the consortium: 1 to 64 of a-z, 0-9 and '-'.")
    var id: String

    @Option(help: ArgumentHelp("The hospital where you work.", valueName: "name"))
    var hospital: String

    @Option(
      name: .customLong("specialty"),
      help: ArgumentHelp(
        "What you are a specialist in, as the hospital expects it, up to 8 times.",
        valueName: "system|code"))
    var specialties: [String] = []

    @OptionGroup var ledger: NewProfileOptions
    @OptionGroup var profile: ProfileOptions
    @Flag(help: "The hospital has joined after the genesis: the program finds it on the ledger.")
    var joined = false

    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      let profile: String
      let doctor: String
      let hospital: String
      let genesis: String

      func print(to console: Console) {
        console.line(
          "\(profile): the profile of \(doctor) of \(hospital), for the ledger \(genesis)")
        console.line(
          "'bcemr doctor fingerprint' shows what the hospital's office is told in person.")
      }
    }

    func validate() throws {
      guard ValidGenesis.isIdentifier(id) else {
        throw ValidationError(
          "an identifier has 1 to 64 of a-z, 0-9 and '-', and no other characters: \(id)")
      }
      guard !joined || ValidGenesis.isIdentifier(hospital) else {
        throw ValidationError(
          "--hospital \(hospital): an identifier has 1 to 64 of a-z, 0-9 and '-'")
      }
      guard specialties.count <= Specialty.countLimit else {
        throw ValidationError("a doctor has at most \(Specialty.countLimit) specialties")
      }
      for text in specialties where Specialty(text) == nil {
        throw ValidationError("--specialty \(text): this is not 'system|code'")
      }
    }

    func run() async throws {
      let genesis = try ledger.read()
      guard genesis.members.hospitals.contains(hospital) || joined else {
        throw CommandFailure(
          .badInput, code: "unknown-hospital", "there is no hospital \(hospital) in this genesis",
          hint:
            "it has \(genesis.members.hospitals.joined(separator: ", ")); one that has joined since "
            + "is named with --joined")
      }
      let path = try profile.path ?? "\(ProfileOptions.home())/\(id)"
      try NewProfile.requireNothing(at: path)
      let passphrase = try PassphraseInput.new(profile.passphrase, of: path)
      var randomness = SystemRandomNumberGenerator()
      let keys = try DoctorKeys.generate(owner: id, using: &randomness)
      let description = ProfileDescription(
        kind: .doctor, id: id, hospital: hospital, specialties: specialties,
        genesis: "\(genesis.digest)")
      try NewProfile.create(path, description, keys, genesis, passphrase)
      output.deliver(
        Report(profile: path, doctor: id, hospital: hospital, genesis: "\(genesis.digest)"))
    }
  }
#endif
