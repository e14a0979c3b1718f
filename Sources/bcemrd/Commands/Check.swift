import ArgumentParser
import CanonicalEncoding
import Consortium
import EtcdBackend
import Foundation
import HTTPTransport
import Ledger
import SQLiteBackend

/// What an operator runs first: whether this machine can work.
struct Check: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Check configuration, keys, certificates, ports, disk, S3, the way to every other member, and the clock."
  )

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
        let failure = DaemonFailure(error)
        Output.line("failed  \(what): \(failure.message)")
        if let hint = failure.hint { Output.line("        hint: \(hint)") }
      }
    }
    let present = try PresentMembers(configuration, genesis)
    let members = present.members
    Output.line("genesis \(genesis.digest)")
    Output.line(
      present.height.map { "members as of height \($0)" } ?? "members as of the genesis")
    for id in configuration.roles {
      await tell("keys of \(id)") {
        if configuration.engine != nil, try !RoleKeys.arePresent(id, configuration) {
          return "not here yet: they come from the engine when this machine first runs"
        }
        let givenUp = try RoleKeys.check(id, configuration, genesis, members)
        return givenUp.isEmpty
          ? "those that the ledger names"
          : "others take the place of \(givenUp.map(\.name).sorted().joined(separator: ", ")); 'run' lists them"
      }
    }
    let ports = PortCheck(
      configuration: configuration, isRunning: Self.isRunning(configuration),
      pin: try? TLSFiles.load(certificate: configuration.certificate, key: configuration.key).pin)
    await tell("listen.port") { try await ports.listening() }
    await tell("operations.port") { try await ports.operations() }
    await tell("TLS key and certificate") {
      let tls = try TLSFiles.load(
        certificate: configuration.certificate, key: configuration.key)
      for id in configuration.roles where members.party(id) != nil {
        guard members.location(of: id)?.pins.contains(tls.pin) == true else {
          throw RoleKeys.unlistedTLSKey(id, tls.pin)
        }
      }
      let days = tls.certificate.daysLeft
      guard days >= CertificateWatch.warningDays else {
        throw DaemonFailure(
          .checkFailed,
          "the certificate ends in \(days) days: no member minds, others do; renew it")
      }
      let isListed = configuration.roles.contains { members.party($0) != nil }
      return
        "the key is \(isListed ? "the pinned one" : "on no ledger yet"); the certificate ends in \(days) days, which no member minds"
    }
    await tell("free disk") {
      guard let space = DiskGuard.freeBytes(configuration.data) else {
        throw DaemonFailure(.checkFailed, "\(configuration.data): there is no such folder")
      }
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
    if let settings = configuration.engine { await Self.check(settings, tell) }
    let statistics = MessageStatistics()
    let courier = HTTPCourier(statistics: statistics) { members.location(of: $0) }
    let requests = RequestClient(courier: courier, sender: configuration.roles.first ?? "")
    let others = ([members.manager.id] + members.supernodes.map(\.id)).filter {
      !configuration.roles.contains($0)
    }
    for id in others {
      await tell(id) {
        let key = try await requests.ask(FetchEnvelopeKey(), of: id)
        guard let signer = members.identityKey(of: id),
          (try? key.verified(by: signer)) != nil
        else { throw DaemonFailure(.checkFailed, "it answers, and does not sign as \(id)") }
        return "answers as itself"
      }
    }
    await courier.shutDown()
    if !others.isEmpty {
      await tell("clock") { try Self.clock(statistics, within: members.numbers.clockTolerance) }
    }
    if failures > 0 { throw ExitCode(DaemonFailure.Status.checkFailed.rawValue) }
  }

  /// How the clock here differs from most others', by their answers.
  ///
  /// - Parameter tolerance: in seconds, within which a delegate takes a block's time for right (specification 6.11).
  /// - Throws: ``DaemonFailure`` if it differs by more, or nobody has answered.
  private static func clock(
    _ statistics: MessageStatistics, within tolerance: UInt64
  ) throws -> String {
    let count = statistics.counts.peers.values.count { $0.clockOffset != nil }
    guard let offset = statistics.clockOffset else {
      throw DaemonFailure(
        .checkFailed, "no other member has answered whose clock this one could be compared with")
    }
    let told =
      "\(ClockWatch.text(abs(offset))) s \(offset < 0 ? "behind" : "ahead of") "
      + "most of \(count) that answered"
    guard abs(offset) <= Double(tolerance) else {
      throw DaemonFailure(
        .checkFailed, "\(told); the ledger allows \(tolerance) s",
        hint: "set it right, and run a time service")
    }
    return told
  }

  /// Whether each member of etcd answers and writes, and S3 keeps what is put.
  private static func check(
    _ settings: EngineSettings,
    _ tell: (_ what: String, _ body: () async throws -> String) async -> Void
  ) async {
    for (name, path) in [
      ("certificate", settings.etcd.certificates.own?.certificate),
      ("authority", settings.etcd.certificates.authority),
    ] {
      guard let path else { continue }
      await tell("etcd's \(name)") {
        let days = try TLSFiles.describe(path).daysLeft
        guard days >= CertificateWatch.warningDays else {
          throw DaemonFailure(
            .checkFailed, "\(path) ends in \(days) days: without it etcd is not reached; renew it")
        }
        return "it ends in \(days) days"
      }
    }
    let engine: SharedEngine
    do {
      engine = try settings.open()
    } catch {
      return await tell("engine") { throw error }
    }
    for (endpoint, failure) in await engine.checkMembers() {
      await tell("etcd \(endpoint)") {
        if let failure { throw failure }
        return "writes below \(settings.etcd.prefix)/"
      }
    }
    await tell("engine in S3") {
      try await engine.checkObjects()
      return "\(settings.s3.place): put, read and removed"
    }
    await tell("machine that writes") {
      let holder = try await Tenure.present(engine)
      return holder.map { "\($0.name), in term \($0.term)" } ?? "none yet"
    }
  }

  /// Whether a process that writes, as the daemon is, works with the data folder.
  private static func isRunning(_ configuration: DaemonConfiguration) -> Bool {
    do throws(StoreError) {
      _ = try DataFolder(reading: configuration.data)
      return false
    } catch {
      return error.code == .locked
    }
  }
}
