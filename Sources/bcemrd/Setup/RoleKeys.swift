import Consortium
import Credentials
import Foundation
import Ledger

/// The keys of the roles of a machine, as they lie in its data folder; nothing is made here, and nothing locked.
enum RoleKeys {
  /// Whether each role has a key file of its own. Looked at before anything is made: a folder that `run` had
  /// begun anew would stand in the way of `restore`.
  ///
  /// - Throws: ``DaemonFailure`` for the first that has none, ``CredentialError``.
  static func requirePresence(_ configuration: DaemonConfiguration) throws {
    for id in configuration.roles { _ = try file(of: id, configuration) }
  }

  /// Whether a role has the keys that the ledger names.
  ///
  /// - Returns: the uses of which it has given up its keys.
  /// - Throws: ``DaemonFailure``, ``CredentialError``.
  static func check(
    _ id: String, _ configuration: DaemonConfiguration, _ genesis: ValidGenesis,
    _ members: ValidMembers
  ) throws -> Set<KeyUse> {
    guard let party = members.party(id) ?? genesis.members.party(id) else {
      throw DaemonFailure(
        .checkFailed, "the ledger, as it is known here, does not list \(id)", code: "not-listed",
        hint: "'run' waits until a vote of the members lists it")
    }
    if case .organisation = party { throw organisation(id) }
    let file = try file(of: id, configuration)
    guard let givenUp = try file.givenUp(by: members, network: genesis.content.network) else {
      throw foreign(id, at: location(id, configuration))
    }
    return givenUp
  }

  /// Whether a role has a key file here, whatever is in it.
  static func arePresent(_ id: String, _ configuration: DaemonConfiguration) throws -> Bool {
    try Identifiers.check(id, "roles:")
    return FileManager.default.fileExists(atPath: location(id, configuration))
  }

  private static func file(
    of id: String, _ configuration: DaemonConfiguration
  ) throws -> KeyFile {
    guard ValidGenesis.isIdentifier(id) else {
      throw DaemonFailure(
        .badInput, "roles: \(id.debugDescription) is no identifier", hint: Identifiers.form)
    }
    let place = location(id, configuration)
    guard FileManager.default.fileExists(atPath: place) else {
      throw missing(id, at: place, data: configuration.data)
    }
    return try KeyFile.read(from: place, owner: id)
  }

  private static func location(_ id: String, _ configuration: DaemonConfiguration) -> String {
    "\(configuration.data)/\(id)/keys.pem"
  }

  // MARK: What is wrong

  static func missing(_ id: String, at place: String, data: String) -> DaemonFailure {
    DaemonFailure(
      .badInput, "\(place): the keys of \(id) are missing", code: "missing-keys",
      hint: "is this the right data folder? what is lost comes from a backup: "
        + "bcemrd restore BACKUP \(data)")
  }

  static func foreign(_ id: String, at place: String) -> DaemonFailure {
    DaemonFailure(
      .badInput, "\(place): these are not the keys that \(id) has on the ledger",
      code: "foreign-keys")
  }

  static func organisation(_ id: String) -> DaemonFailure {
    DaemonFailure(
      .badInput, "\(id) is an organisation, which has no server: its key belongs offline")
  }

  /// - Parameter pin: of the TLS key that is here.
  static func unlistedTLSKey(_ id: String, _ pin: some CustomStringConvertible) -> DaemonFailure {
    DaemonFailure(
      .badInput, "the ledger, as it is known here, does not name the TLS key \(pin) for \(id)",
      code: "unlisted-tls-key",
      hint: "put back the key that it names; if it is this ledger that is old, as after 'restore', "
        + "begin once with --unlisted-tls-key")
  }
}
