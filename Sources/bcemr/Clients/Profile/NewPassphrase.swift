#if Network
  import ArgumentParser
  import Keystore

  /// How the passphrase is given that takes the place of another.
  struct NewPassphraseOptions: ParsableArguments, PassphraseSource {
    @Option(
      name: .customLong("new-passphrase-file"),
      help: ArgumentHelp(
        "A file that its owner alone can read, with the new passphrase on its first line.",
        valueName: "file"))
    var passphraseFile: String?

    @Option(
      name: .customLong("new-passphrase-fd"),
      help: ArgumentHelp(
        "An open file descriptor that has the new passphrase on its first line.",
        valueName: "number"))
    var passphraseDescriptor: Int32?

    func validate() throws {
      guard passphraseFile == nil || passphraseDescriptor == nil else {
        throw ValidationError("--new-passphrase-file and --new-passphrase-fd exclude each other")
      }
      guard passphraseDescriptor ?? 0 >= 0 else {
        throw ValidationError("--new-passphrase-fd is not below 0")
      }
    }
  }

  /// What both commands have to say of it.
  enum NewPassphrase {
    static let discussion = """
      The keys stay as they are. A copy of the former file, as in a backup, still opens with the former passphrase. \
      'run' ends when it has to open the keys again, and is started anew.
      """

    struct Report: ClientReport {
      let profile: String
      let changed: Bool

      func print(to console: Console) {
        console.line("\(profile): the keys open with the new passphrase from now on.")
      }
    }

    /// Seals the keys of a profile under another passphrase, when nobody else works with it.
    static func change(
      _ options: ProfileOptions, _ new: NewPassphraseOptions, _ kind: ProfileDescription.Kind
    ) throws -> Report {
      let profile = try OpenProfile.open(options, kind)
      let passphrase = try PassphraseInput.new(new, of: profile.path)
      try profile.keystore.reseal(under: passphrase)
      return Report(profile: profile.path, changed: true)
    }
  }

  struct DoctorPassphrase: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "passphrase", abstract: "Take another passphrase.",
      discussion: NewPassphrase.discussion)

    @OptionGroup var new: NewPassphraseOptions
    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      output.deliver(try NewPassphrase.change(profile, new, .doctor))
    }
  }

  struct PatientPassphrase: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "passphrase", abstract: "Take another passphrase.",
      discussion: NewPassphrase.discussion)

    @OptionGroup var new: NewPassphraseOptions
    @OptionGroup var profile: ProfileOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      output.deliver(try NewPassphrase.change(profile, new, .patient))
    }
  }
#endif
