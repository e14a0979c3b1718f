import ArgumentParser
import CanonicalEncoding
import Credentials
import Foundation
import Ledger
import SQLiteBackend

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Copies the data folder while the daemon runs, or while it does not.
struct Backup: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Copy the data folder into one file, also while the daemon runs.",
    discussion: """
      All stores but those of records are copied as of one moment, as if the power had failed then; records \
      after them, so that none is missing. The daemon waits while that lasts. Each copy is checked. The file is \
      there when it is whole, or not at all, and holds every private key of the folder, unencrypted: it is made \
      for its owner alone, and has to be kept like the folder itself. What is in it is older than what was \
      signed since: see 'bcemrd restore'.
      """)

  @Option(help: "The configuration of the daemon.")
  var config: String

  @Option(name: [.customLong("output"), .customShort("o")], help: "A new file.")
  var output: String

  func run() async throws {
    umask(0o077)
    let configuration = try await DaemonConfiguration.read(config)
    guard !FileManager.default.fileExists(atPath: output) else {
      throw DaemonFailure(
        .badInput, "\(output): there is something already", hint: "each backup is a new file")
    }
    let data = try DataFolder(beside: configuration.data)
    let names = try data.inventory().files
    let room = try CopiesFolder(for: output)
    defer { room.remove() }
    let copies = room.path
    try room.prepare(for: names, in: copies)
    let held = names.filter { DataFolder.isStore($0) && !$0.hasSuffix("/records.sqlite") }
    let waited = try room.copy(held, of: data, to: copies)
    for name in names where !held.contains(name) {
      if DataFolder.isStore(name) {
        try data.copyStore(name, to: "\(copies)/\(name)")
      } else {
        let bytes = try DurableFile.read("\(data.path)/\(name)", limit: 1 << 20).bytes
        try DurableFile.create(bytes, at: "\(copies)/\(name)")
      }
    }
    let head = try Self.head(ofCopies: copies, configuration)
    let count = try PrivateOutput.write(room.draft) { write in
      var writer = try BackupWriter(head, write: write)
      for name in names {
        let file = try FileHandle(forReadingFrom: URL(filePath: "\(copies)/\(name)"))
        let size = try file.seekToEnd()
        try file.seek(toOffset: 0)
        try writer.add(name, byteCount: size) { Array(try file.read(upToCount: $0) ?? Data()) }
        try file.close()
      }
      try writer.finish()
    }
    try room.name(output)
    Output.line(
      "\(output): \(names.count) files, \(count) bytes; \(head.leaves) leaves of the consortium chain, "
        + "until \(head.until); the daemon may have waited \(waited)")
    Output.line("All private keys are in it, unencrypted: keep it like the folder itself.")
  }

  private static func head(
    ofCopies copies: String, _ configuration: DaemonConfiguration
  ) throws -> BackupArchive.Head {
    let genesis = try Machine.genesis(configuration)
    var newest: ConsortiumView?
    for role in configuration.roles {
      let path = "\(copies)/\(role)/chains/\(ChainName.consortium).sqlite"
      guard FileManager.default.fileExists(atPath: path) else { continue }
      let view = try ConsortiumView(
        genesis: genesis, store: SQLiteStateStore(readingFrom: path))
      if view.final?.size ?? 0 >= newest?.final?.size ?? 0 { newest = view }
    }
    guard let newest else {
      throw DaemonFailure(
        .badInput, "\(configuration.data): no role has begun here yet", code: "nothing-there")
    }
    return BackupArchive.Head(
      genesis: genesis.digest, leaves: newest.final?.size ?? 0, until: Date.text(newest.time))
  }
}
