import ArgumentParser
import CanonicalEncoding
import Consortium
import Foundation
import HTTPTransport
import Ledger
import SQLiteBackend

/// What an operator runs first: whether this machine can work.
struct Check: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check configuration, keys, certificate, disk and the way to every other member.")

  @Option(help: "The configuration that 'bcemrd init' made.")
  var config: String

  func run() async throws {
    let configuration = try await DaemonConfiguration.read(config)
    let genesis = try Machine.genesis(configuration)
    var failures = 0
    func tell(_ what: String, _ body: () async throws -> String) async {
      do {
        Output.line("ok      \(what): \(try await body())")
      } catch {
        failures += 1
        Output.line("failed  \(what): \(DaemonFailure(error).message)")
      }
    }
    Output.line("genesis \(genesis.digest)")
    await tell("TLS key and certificate") {
      let tls = try TLSFiles.load(
        certificate: configuration.certificate, key: configuration.key)
      for id in configuration.roles {
        guard genesis.members.location(of: id)?.pins.contains(tls.pin) == true else {
          throw DaemonFailure(
            .checkFailed, "the ledger names another key for \(id) than \(tls.pin)")
        }
      }
      let days = Int(tls.notValidAfter.timeIntervalSinceNow / 86_400)
      return
        "the key is the pinned one; the certificate ends in \(days) days, which no member minds"
    }
    await tell("free disk") {
      let space =
        try FileManager.default.attributesOfFileSystem(forPath: configuration.data)[
          .systemFreeSize] as? Int64 ?? 0
      guard space > 1 << 30 else {
        throw DaemonFailure(.checkFailed, "\(space >> 20) MiB: less than 1 GiB")
      }
      return "\(space >> 30) GiB"
    }
    let courier = HTTPCourier { genesis.members.location(of: $0) }
    let requests = RequestClient(courier: courier, sender: configuration.roles.first ?? "")
    for id in [genesis.members.manager.id] + genesis.members.supernodes.map(\.id)
    where !configuration.roles.contains(id) {
      await tell(id) {
        let key = try await requests.ask(FetchEnvelopeKey(), of: id)
        guard let signer = genesis.members.identityKey(of: id),
          (try? key.verified(by: signer)) != nil
        else { throw DaemonFailure(.checkFailed, "it answers, and does not sign as \(id)") }
        return "answers as itself"
      }
    }
    await courier.shutDown()
    if failures > 0 { throw ExitCode(DaemonFailure.Status.checkFailed.rawValue) }
  }
}
