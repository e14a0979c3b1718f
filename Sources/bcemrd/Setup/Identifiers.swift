import Foundation
import Ledger

/// What is given on a command line, looked at before anything is made of it.
enum Identifiers {
  static let form = "an identifier has 1 to 64 of a-z, 0-9 and '-'"

  /// - Parameter what: whose identifier that is.
  /// - Throws: ``DaemonFailure`` for a text that can name no party.
  static func check(_ text: String, _ what: String) throws {
    guard ValidGenesis.isIdentifier(text) else {
      throw DaemonFailure(
        .badInput, "\(what) \(text.debugDescription): this is no identifier",
        code: "bad-identifier", hint: form)
    }
    guard !reserved.contains(text) else {
      throw DaemonFailure(
        .badInput, "\(what) \(text): no party can have this name", code: "bad-identifier")
    }
  }

  /// The consortium's chain has the one; folders of who has no server the others.
  private static let reserved = [ChainName.consortium, "doctors", "patients", "organisations"]

  /// Looks at an address at which others reach a server.
  ///
  /// - Returns: its host and port.
  /// - Throws: ``DaemonFailure``
  static func server(at address: String) throws -> (host: String, port: Int) {
    func refused(_ why: String) -> DaemonFailure {
      DaemonFailure(
        .badInput, "\(address): \(why)", code: "bad-address",
        hint: "it is as https://hospital.example:8443, without a path; the port is 1 to 65535, "
          + "and 443 where there is none")
    }
    guard address.utf8.count <= 256 else { throw refused("an address has at most 256 bytes") }
    guard address.hasPrefix("https://") else { throw refused("this is no https address") }
    guard let parts = URLComponents(string: address), let host = parts.host, !host.isEmpty else {
      throw refused("this address names no host")
    }
    guard parts.user == nil, parts.password == nil, parts.query == nil, parts.fragment == nil,
      ["", "/"].contains(parts.path)
    else { throw refused("an address has host and port alone") }
    // What stands behind a colon and is no number is no port that anybody meant.
    let authority = address.dropFirst("https://".count).prefix { $0 != "/" }
    let port = parts.port ?? 443
    guard (1...65535).contains(port), parts.port != nil || authority == host else {
      throw refused("a port is a number from 1 to 65535")
    }
    return (host, port)
  }
}
