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
    abstract: "Check configuration, keys, certificate, disk, S3 and the way to every other member.")

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
    let present = try PresentMembers(configuration, genesis)
    let members = present.members
    Output.line("genesis \(genesis.digest)")
    Output.line(
      present.height.map { "members as of height \($0)" } ?? "members as of the genesis")
    await tell("TLS key and certificate") {
      let tls = try TLSFiles.load(
        certificate: configuration.certificate, key: configuration.key)
      for id in configuration.roles {
        guard members.location(of: id)?.pins.contains(tls.pin) == true else {
          throw DaemonFailure(
            .checkFailed, "the ledger names another key for \(id) than \(tls.pin)")
        }
      }
      let days = Int((tls.notValidAfter.timeIntervalSinceNow / 86_400).rounded(.down))
      guard days >= CertificateWatch.warningDays else {
        throw DaemonFailure(
          .checkFailed,
          "the certificate ends in \(days) days: no member minds, others do; renew it")
      }
      return
        "the key is the pinned one; the certificate ends in \(days) days, which no member minds"
    }
    await tell("free disk") {
      let space = DiskGuard.freeBytes(configuration.data) ?? 0
      guard space >= configuration.diskFloor else {
        throw DaemonFailure(
          .checkFailed,
          "\(space >> 20) MiB: less than disk.floor, \(configuration.diskFloor >> 20) MiB")
      }
      return "\(space >> 30) GiB"
    }
    if let records = configuration.records {
      await tell("records in S3") {
        try await records.check()
        return "\(records.place): put, read, listed and removed"
      }
    }
    let courier = HTTPCourier { members.location(of: $0) }
    let requests = RequestClient(courier: courier, sender: configuration.roles.first ?? "")
    for id in [members.manager.id] + members.supernodes.map(\.id)
    where !configuration.roles.contains(id) {
      await tell(id) {
        let key = try await requests.ask(FetchEnvelopeKey(), of: id)
        guard let signer = members.identityKey(of: id),
          (try? key.verified(by: signer)) != nil
        else { throw DaemonFailure(.checkFailed, "it answers, and does not sign as \(id)") }
        return "answers as itself"
      }
    }
    await courier.shutDown()
    if failures > 0 { throw ExitCode(DaemonFailure.Status.checkFailed.rawValue) }
  }
}
