import ArgumentParser
import Consortium
import Credentials
import EtcdBackend
import Foundation
import Ledger
import SQLiteBackend

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What several machines of one hospital share.
struct EngineCommands: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "engine",
    abstract: "Manage what several machines of one hospital share in etcd and S3.",
    subcommands: [Adopt.self, Status.self])

  /// Moves a hospital from its folder to where its machines share it.
  struct Adopt: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take a hospital's folder into the engine of the configuration, once.",
      discussion: """
        Run where the hospital's folder is, while no daemon runs. What is interrupted is run again. From then on \
        the folder is a copy, and the daemon runs with the part 'engine' of the configuration alone.
        """)

    @Option(help: "The configuration, with its part 'engine'.")
    var config: String

    @Flag(
      help: "What this folder is a copy of is lost for good, and no other machine has a newer one.")
    var lost = false

    func run() async throws {
      umask(0o077)
      let (configuration, settings, id) = try await EngineCommands.settings(config)
      let folder = try DataFolder(path: configuration.data, creating: false)
      guard let keys = try folder.keys(id, owner: id) else {
        throw RoleKeys.missing(id, at: folder.keyLocation(id), data: folder.path)
      }
      let engine = try settings.open()
      let shared = SharedKeys(engine, owner: id)
      guard try await shared.read() == nil else {
        throw DaemonFailure(
          .badInput, "etcd: \(id) is here already", code: "adopted",
          hint: "bcemrd run --config FILE")
      }
      let stores = [
        (try folder.roleStore(id), SharedHospital.roleStore(id)),
        (try folder.mailStore(id), SharedHospital.mailStore(id)),
      ]
      if !lost { try await requireNoOthersCopy(stores, engine, folder) }
      guard
        case .taken(let tenure) = try await Tenure.take(
          engine, name: settings.machine, lifetime: settings.lifetime)
      else {
        throw DaemonFailure(
          .badInput, "etcd: another machine writes", code: "held",
          hint: "what was interrupted lets go after \(settings.lifetime) seconds")
      }
      let keeping = Task { await tenure.keep() }
      defer { keeping.cancel() }
      let log = SharedChainLog(engine, id, tenure: tenure)
      let count = try await log.adopt(folder.chainLog(id))
      for (store, name) in stores {
        try SharedRoleStore.adopt(store, engine, name, tenure: tenure)
      }
      // With them it is done.
      try shared.replace(keys, tenure)
      await tenure.release()
      Output.line("\(id): \(count) leaves, and all that it remembers, are shared now")
      Output.line("\(folder.path) is a copy from now on; keep a backup of etcd and of S3")
    }

    /// - Throws: ``DaemonFailure`` for a folder that is a copy of what is shared elsewhere: the hospital would be
    ///   there twice, and vote twice.
    private func requireNoOthersCopy(
      _ stores: [(any RoleStore, String)], _ engine: SharedEngine, _ folder: DataFolder
    ) async throws {
      do throws(StoreError) {
        for (store, name) in stores {
          try await SharedRoleStore.requireNoOthersCopy(store, engine, name)
        }
      } catch {
        guard error.code == .corrupted else { throw error }
        throw DaemonFailure(
          .badInput, "\(folder.path): this is a copy of what machines share elsewhere",
          code: "copy",
          hint:
            "run with that part 'engine'; if it is lost for good, and no machine has a newer copy: --lost"
        )
      }
    }
  }

  /// Says which machine writes, and whether what is shared is whole.
  struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say which machine writes, and read all objects of the chain.")

    @Option(help: "The configuration, with its part 'engine'.")
    var config: String

    func run() async throws {
      let (_, settings, id) = try await EngineCommands.settings(config)
      let engine = try settings.open()
      let holder = try await Tenure.present(engine)
      Output.line(
        holder.map { "\($0.name) writes, in term \($0.term)" } ?? "nobody has written yet")
      let log = SharedChainLog(engine, id, tenure: nil)
      let findings = try await log.findings()
      Output.line("\(try await log.size()) leaves of the chain of \(id)")
      for finding in findings { Output.line("failed  \(finding)") }
      if !findings.isEmpty { throw ExitCode(DaemonFailure.Status.checkFailed.rawValue) }
    }
  }

  fileprivate static func settings(
    _ path: String
  ) async throws -> (DaemonConfiguration, EngineSettings, String) {
    let configuration = try await DaemonConfiguration.read(path)
    guard let settings = configuration.engine, let id = configuration.roles.first else {
      throw DaemonFailure(
        .badInput, "\(path): there is no part 'engine'", code: "missing-key",
        hint: "docs/operations.md has all keys")
    }
    return (configuration, settings, id)
  }
}
