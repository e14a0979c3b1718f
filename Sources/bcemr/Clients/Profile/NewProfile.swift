#if Network
  import ArgumentParser
  import CanonicalEncoding
  import Credentials
  import Foundation
  import Keystore
  import Ledger
  import SQLiteBackend

  /// What every profile is made of.
  struct NewProfileOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The genesis of the ledger.", valueName: "file"))
    var genesis: String

    @Option(
      help: ArgumentHelp(
        "SHA-256 of the genesis, as somebody has said it whom you trust: by it the ledger is known.",
        valueName: "hex"))
    var digest: String

    /// The genesis, if it is the one that is meant.
    ///
    /// - Throws: ``CommandFailure`` `other-ledger`, `no-genesis`, `usage`.
    func read() throws -> ValidGenesis {
      guard let wanted = Digest32(hex: digest.lowercased()) else {
        throw CommandFailure(
          .usage, code: "usage", "--digest \(digest): this is not 64 hexadecimal digits")
      }
      let bytes = try SystemFile.contents(of: genesis, limit: Genesis.maximumByteCount)
      let valid: ValidGenesis
      do {
        valid = try ValidGenesis(Genesis(encoded: bytes))
      } catch {
        throw CommandFailure(
          .badInput, code: "no-genesis", "\(genesis): this is no genesis of a ledger")
      }
      guard valid.digest == wanted else {
        throw CommandFailure(
          .checkFailed, code: "other-ledger",
          "\(genesis): this is the ledger \(valid.digest), and not \(wanted)",
          hint: "take no part in it before you know whose it is")
      }
      return valid
    }
  }

  enum NewProfile {
    /// Makes a profile: whole, or not at all. Returns when it is durable.
    ///
    /// - Parameters:
    ///   - show: is given the keys before there is a profile, to write down what has to be.
    /// - Throws: ``CommandFailure`` `file-exists` if something of this name is there.
    static func create(
      _ path: String, _ description: ProfileDescription, _ keys: KeyFile, _ genesis: ValidGenesis,
      _ passphrase: Passphrase, showing show: (KeyFile) throws -> Void = { _ in }
    ) throws {
      let draft = "\(path).\(UInt64.random(in: .min ... .max)).new"
      do {
        let folder = try DataFolder(path: draft)
        try folder.create(genesis: genesis.content.encoded())
        let digest = Digest32(sha256: try description.encoded())
        let keystore = try Keystore.create(
          try Keystore.withStoreKey(keys).changed([OpenProfile.digestName: digest.bytes]),
          at: OpenProfile.keys(draft), passphrase: passphrase)
        // Whose store it is stands in it from the beginning.
        _ = try SealedRoleStore(folder.roleStore(description.role), keystore)
        try description.create(in: draft)
        try show(keys)
        try SystemFile.name(draft, path)
        try DurableFile.synchronizeFolder(ofItemAt: path)
      } catch {
        try? FileManager.default.removeItem(atPath: draft)
        guard let failure = error as? DurableFile.Failure else { throw error }
        if failure.isExisting { throw taken(path) }
        throw CommandFailure(failure)
      }
    }

    /// - Throws: ``CommandFailure`` `file-exists` if something of this name is there; before anybody types.
    static func requireNothing(at path: String) throws {
      if FileManager.default.fileExists(atPath: path) { throw taken(path) }
      let parent = SystemFile.parent(of: path)
      do {
        try FileManager.default.createDirectory(
          atPath: parent, withIntermediateDirectories: true,
          attributes: [.posixPermissions: 0o700])
      } catch {
        throw CommandFailure(
          .badInput, code: "unavailable", "\(parent): the folder cannot be made")
      }
    }

    private static func taken(_ path: String) -> CommandFailure {
      CommandFailure(
        .badInput, code: "file-exists", "\(path): something of this name is there; it is kept",
        hint: "choose another folder with --profile")
    }
  }
#endif
