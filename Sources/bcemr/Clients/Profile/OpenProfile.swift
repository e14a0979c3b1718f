#if Network
  import CanonicalEncoding
  import Consortium
  import Credentials
  import Foundation
  import Keystore
  import Ledger
  import SQLiteBackend

  /// A profile that this process works with: nobody else does until it is released.
  struct OpenProfile {
    let path: String
    let description: ProfileDescription
    let genesis: ValidGenesis
    let keystore: Keystore
    /// What the role remembers.
    let store: any RoleStore
    private let folder: DataFolder

    /// Asks for the passphrase and waits for the profile.
    ///
    /// - Throws: ``CommandFailure``, `CredentialError`, `StoreError`.
    static func open(
      _ options: ProfileOptions, _ kind: ProfileDescription.Kind
    ) throws -> OpenProfile {
      let path = try options.folder(of: kind)
      let description = try describe(path, kind)
      let keystore = try unlock(path, description, options.passphrase)
      return try OpenProfile(path, description, keystore)
    }

    /// - Throws: ``CommandFailure`` `other-profile` for that of the other kind.
    static func describe(
      _ path: String, _ kind: ProfileDescription.Kind
    ) throws -> ProfileDescription {
      let description = try ProfileDescription.read(in: path)
      guard description.kind == kind else {
        throw CommandFailure(
          .badInput, code: "other-profile", "\(path): this is a \(description.kind)'s profile",
          hint: "use 'bcemr \(description.kind)'")
      }
      return description
    }

    static func unlock(
      _ path: String, _ description: ProfileDescription, _ options: PassphraseOptions
    ) throws -> Keystore {
      let file = keys(path)
      // Before anybody is asked to type.
      try Keystore.check(file)
      return try Keystore.open(
        at: file, owner: description.id,
        passphrase: try PassphraseInput.known(options, of: path))
    }

    /// Where the keys of a profile are.
    static func keys(_ path: String) -> String { "\(path)/keys.sealed" }

    /// Under which the keys have the digest of `profile.json`.
    static let digestName = "profile"

    /// With keys that are open.
    ///
    /// - Parameter patience: how long others may work with the profile, in seconds.
    init(
      _ path: String, _ description: ProfileDescription, _ keystore: Keystore,
      patience: Double = ProfileTurn.patience
    ) throws {
      let folder = try ProfileTurn(path).folder(patience: patience)
      // Others may have changed keys or passphrase while this one waited.
      let keystore = try keystore.reopened()
      (self.path, self.description, self.keystore) = (path, description, keystore)
      guard try keystore.keys.secret(Self.digestName) == description.digest.bytes else {
        throw CommandFailure(
          .checkFailed, code: "invalid-profile",
          "\(path)/\(ProfileDescription.fileName): the file was changed since the keys were made")
      }
      guard let bytes = try folder.genesis() else {
        throw CommandFailure(
          .badInput, code: "not-found", "\(path)/genesis.der: the file is missing")
      }
      let genesis = try ValidGenesis(Genesis(encoded: bytes))
      guard "\(genesis.digest)" == description.genesis else {
        throw CommandFailure(
          .checkFailed, code: "other-ledger",
          "\(path)/genesis.der: this is the ledger \(genesis.digest), and not \(description.genesis)"
        )
      }
      self.genesis = genesis
      store = try SealedRoleStore(folder.roleStore(description.role), keystore)
      self.folder = folder
    }
  }
#endif
