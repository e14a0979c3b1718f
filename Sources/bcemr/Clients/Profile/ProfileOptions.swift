#if Network
  import ArgumentParser
  import Foundation

  /// Where a person's program keeps what it has, and how it is opened.
  struct ProfileOptions: ParsableArguments {
    @Option(
      name: .customLong("profile"),
      help: ArgumentHelp(
        "The folder of the profile. By default the only one of this kind in XDG_DATA_HOME/bcemr.",
        valueName: "folder"))
    var path: String?

    @OptionGroup var passphrase: PassphraseOptions

    /// Where profiles are that nobody puts elsewhere.
    ///
    /// - Throws: ``CommandFailure`` if neither XDG_DATA_HOME nor HOME is set.
    static func home() throws -> String {
      let environment = ProcessInfo.processInfo.environment
      if let data = environment["XDG_DATA_HOME"], data.hasPrefix("/") { return "\(data)/bcemr" }
      guard let home = environment["HOME"], home.hasPrefix("/") else {
        throw CommandFailure(
          .badInput, code: "no-profile", "neither XDG_DATA_HOME nor HOME is set",
          hint: "name a folder with --profile")
      }
      return "\(home)/.local/share/bcemr"
    }

    /// The profile that is meant.
    ///
    /// - Throws: ``CommandFailure`` `no-profile`, `several-profiles`.
    func folder(of kind: ProfileDescription.Kind) throws -> String {
      if let path { return path }
      let home = try Self.home()
      let names = (try? FileManager.default.contentsOfDirectory(atPath: home)) ?? []
      let found = names.sorted().map { "\(home)/\($0)" }.filter {
        (try? ProfileDescription.read(in: $0))?.kind == kind
      }
      guard let first = found.first else {
        throw CommandFailure(
          .badInput, code: "no-profile", "\(home): there is no profile of a \(kind)",
          hint: "'bcemr \(kind) init' makes one; --profile names one elsewhere")
      }
      guard found.count == 1 else {
        throw CommandFailure(
          .badInput, code: "several-profiles",
          "\(home): there are \(found.count) profiles of a \(kind)",
          hint: "choose with --profile: \(found.prefix(8).joined(separator: ", "))"
            + (found.count > 8 ? ", …" : ""))
      }
      return first
    }
  }

  /// Where a passphrase comes from that nobody types.
  protocol PassphraseSource {
    var passphraseFile: String? { get }
    var passphraseDescriptor: Int32? { get }
  }

  /// How a passphrase is given; never as an argument, which all programs of a machine can read.
  struct PassphraseOptions: ParsableArguments, PassphraseSource {
    @Option(
      help: ArgumentHelp(
        "A file that its owner alone can read, with the passphrase on its first line.",
        valueName: "file"))
    var passphraseFile: String?

    @Option(
      name: .customLong("passphrase-fd"),
      help: ArgumentHelp(
        "An open file descriptor that has the passphrase on its first line.", valueName: "number"))
    var passphraseDescriptor: Int32?

    func validate() throws {
      guard passphraseFile == nil || passphraseDescriptor == nil else {
        throw ValidationError("--passphrase-file and --passphrase-fd exclude each other")
      }
      guard passphraseDescriptor ?? 0 >= 0 else {
        throw ValidationError("--passphrase-fd is not below 0")
      }
    }
  }
#endif
