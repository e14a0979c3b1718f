#if Network
  import ArgumentParser
  import Consortium
  import Credentials
  import Keystore
  import Ledger

  /// Whom a profile is of.
  struct NewPatientOptions: ParsableArguments {
    @Option(
      help: ArgumentHelp(
        "Your identity, as the hospitals' counters have it; '-' reads it from standard input.",
        valueName: "system|value"))
    var identity: String

    @Option(
      help: ArgumentHelp(
        "What you call the profile: 1 to 64 of a-z, 0-9 and '-'. Nobody else hears of it."))
    var name = "patient"

    @OptionGroup var ledger: NewProfileOptions
    @OptionGroup var profile: ProfileOptions

    func validate() throws {
      guard ValidGenesis.isIdentifier(name) else {
        throw ValidationError("--name \(name): a name has 1 to 64 of a-z, 0-9 and '-'")
      }
      guard identity == "-" || Self.isIdentity(identity) else { throw Self.noIdentity }
    }

    private static func isIdentity(_ text: String) -> Bool {
      let parts = text.split(separator: "|", omittingEmptySubsequences: false)
      return parts.count == 2 && parts.allSatisfy { !$0.isEmpty } && text.utf8.count <= 256
    }

    private static var noIdentity: ValidationError {
      ValidationError(
        "--identity: an identity is a system and a value, as 'system|value', of at most 256 bytes")
    }

    /// The identity, which no list of processes shows where it comes from standard input.
    private func person() throws -> String {
      guard identity == "-" else { return identity }
      let text = try CarriedText.read("-", asking: "Your identity, as 'system|value'")
        .split(whereSeparator: \.isNewline).first.map(String.init)
      guard let text, Self.isIdentity(text) else { throw Self.noIdentity }
      return text
    }

    struct Made {
      let path: String
      let description: ProfileDescription
      let genesis: ValidGenesis
      let passphrase: Passphrase

      /// The profile, opened with the passphrase that was just given.
      func open() throws -> OpenProfile {
        let keystore = try Keystore.open(
          at: OpenProfile.keys(path), owner: description.id, passphrase: passphrase)
        return try OpenProfile(path, ProfileDescription.read(in: path), keystore)
      }
    }

    /// Makes the profile.
    ///
    /// - Parameters:
    ///   - make: the keys.
    ///   - show: is given the keys before there is a profile.
    func create(
      _ make: () throws -> KeyFile, showing show: (KeyFile) throws -> Void
    ) throws -> Made {
      let genesis = try ledger.read()
      let identity = try person()
      let path = try profile.path ?? "\(ProfileOptions.home())/\(name)"
      try NewProfile.requireNothing(at: path)
      let keys = try make()
      let passphrase = try PassphraseInput.new(profile.passphrase, of: path)
      let description = ProfileDescription(
        kind: .patient, id: name, identity: identity, genesis: "\(genesis.digest)")
      try NewProfile.create(path, description, keys, genesis, passphrase, showing: show)
      return Made(
        path: path, description: description, genesis: genesis, passphrase: passphrase)
    }
  }

  struct PatientProfileReport: ClientReport {
    let profile: String
    let identity: String
    let genesis: String
    /// Where the words are, if they are in a file.
    let phraseFile: String?

    func print(to console: Console) {
      console.line("\(profile): the profile of \(identity), for the ledger \(genesis)")
    }
  }

  struct PatientInit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "init",
      abstract: "Make the keys and the profile of a patient, and show the 24 words.",
      discussion: """
        The words are shown once, on the terminal or into --phrase-file. Write them down on paper before anything else, \
        and keep them where nobody else reads them: whoever has them has everything. 'phrase --check' tells later \
        whether the paper is right.
        """)

    @OptionGroup var new: NewPatientOptions

    @Option(
      help: ArgumentHelp(
        "A new file for the words, which its owner alone can read, instead of the terminal.",
        valueName: "file"))
    var phraseFile: String?

    @OptionGroup var output: OutputOptions

    func validate() throws {
      let isShown = SystemFile.Stream.output.isTerminal && !output.json && !output.quiet
      guard phraseFile != nil || isShown else {
        throw ValidationError(
          "the 24 words are shown on a terminal alone: name a new file for them with --phrase-file")
      }
    }

    func run() async throws {
      if let phraseFile { try SystemFile.requireNothing(at: phraseFile) }
      let made = try new.create {
        var randomness = SystemRandomNumberGenerator()
        return try PatientKeys.generate(owner: new.name, using: &randomness)
      } showing: { keys in
        try show(try PatientKeys(keys).recoveryPhrase)
      }
      output.deliver(
        PatientProfileReport(
          profile: made.path, identity: made.description.identity ?? "",
          genesis: "\(made.genesis.digest)",
          phraseFile: phraseFile))
    }

    private func show(_ phrase: RecoveryPhrase) throws {
      if let phraseFile {
        try SystemFile.create(Array("\(phrase.text)\n".utf8), at: phraseFile, isPrivate: true)
        return
      }
      let console = output.console
      console.line("These 24 words are all that brings your records back. They are shown once:")
      console.line()
      for row in stride(from: 0, to: phrase.words.count, by: 6) {
        let words = phrase.words[row..<row + 6].enumerated().map { "\(row + $0 + 1). \($1)" }
        console.line("  " + words.joined(separator: "  "))
      }
      console.line()
    }
  }

  struct PatientPhrase: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "phrase",
      abstract: "Tell whether the 24 words on paper are those of this profile.",
      discussion: "The words are shown by 'init' alone, and by nothing else.")

    @Flag(help: "Compare words with this profile's.")
    var check = false

    @Option(
      help: ArgumentHelp("A file that has the words; '-' is standard input.", valueName: "file"))
    var phraseFile = "-"

    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    private struct Report: ClientReport {
      let profile: String
      let same: Bool

      func print(to console: Console) {
        console.line("\(profile): the words are those of this profile.")
      }
    }

    func validate() throws {
      guard check else {
        throw ValidationError("say --check: the words themselves are not shown again")
      }
    }

    func run() async throws {
      let phrase = try RecoveryPhrase(words: CarriedText.phrase(phraseFile))
      let path = try profile.folder(of: .patient)
      let description = try OpenProfile.describe(path, .patient)
      let keystore = try OpenProfile.unlock(path, description, profile.passphrase)
      guard try PatientKeys(keystore.keys).recoveryPhrase == phrase else {
        throw CommandFailure(
          .checkFailed, code: "other-words", "\(path): these are words of other keys")
      }
      output.deliver(Report(profile: path, same: true))
    }
  }
#endif
