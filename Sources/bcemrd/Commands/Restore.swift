import ArgumentParser
import CanonicalEncoding
import Consortium
import Credentials
import Foundation
import Ledger
import SQLiteBackend

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Makes a data folder of a backup, without the keys with which it could contradict itself.
struct Restore: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a data folder from a backup, for servers that have lost theirs.",
    discussion: """
      What was signed after the backup was made is not in it. So the keys with which supernodes vote and \
      confirm are not restored: others take their place, which 'bcemrd run' has listed by itself. Until the \
      next epoch a delegate has no voice, and a cloud confirms no chain of a hospital. All else the roles \
      take again from the other members. Never run the same roles in two places.
      """)

  @Argument(help: "A file that 'bcemrd backup' or 'bcemr backup' wrote.")
  var file: String

  @Argument(help: "The new data folder: it is not there, or is empty.")
  var folder: String

  func run() throws {
    umask(0o077)
    if let existing = try? FileManager.default.contentsOfDirectory(atPath: folder) {
      guard existing.isEmpty else {
        throw Self.occupied(folder)
      }
      try FileManager.default.removeItem(atPath: folder)
    }
    let draft = "\(folder).\(UInt64.random(in: .min ... .max)).new"
    defer { try? FileManager.default.removeItem(atPath: draft) }
    let head: BackupArchive.Head
    do {
      head = try unpack(into: draft)
    } catch let error as BackupError {
      throw DaemonFailure(
        .checkFailed, "\(file): \(error.message)", code: "invalid-backup",
        hint: "nothing of it was restored; take another copy of the file, or another backup")
    }
    let renewed = try Self.renounce(in: draft, head.genesis)
    try FileManager.default.moveItem(atPath: draft, toPath: folder)
    try DurableFile.synchronizeFolder(ofItemAt: folder)
    Output.line("\(folder): \(head.leaves) leaves of the consortium chain, until \(head.until)")
    Output.line("genesis \(head.genesis)")
    for (role, uses) in renewed.sorted(by: { $0.key < $1.key }) {
      Output.line("\(role): other keys for \(uses.joined(separator: ", "))")
    }
  }

  /// What to do about a folder in which there is something: to remove it is nobody's advice.
  private static func occupied(_ folder: String) -> DaemonFailure {
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []
    let name = folder.hasSuffix("/") ? String(folder.dropLast()) : folder
    let aside = "move it away, and restore again: mv \(name) \(name).former"
    if names.contains(where: { $0 == "keys.pem" || $0.hasSuffix("/keys.pem") }) {
      return DaemonFailure(
        .badInput, "\(folder): there are keys in it already", code: "occupied",
        hint: "only what is lost is restored; if this is damaged or another's, \(aside)")
    }
    let left = names.filter {
      !($0 == "lock" || DataFolder.isLedgerFile($0) || $0.contains(".sqlite-")
        || $0.hasSuffix(".sock") || isFolder("\(folder)/\($0)"))
    }
    guard left.isEmpty else {
      return DaemonFailure(
        .badInput, "\(folder): there is something in it already, as \(left.sorted()[0])",
        code: "occupied", hint: aside)
    }
    return DaemonFailure(
      .badInput,
      "\(folder): a genesis or stores are in it, and no keys, as after a run without its keys",
      code: "occupied", hint: aside)
  }

  private static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      && isFolder.boolValue
  }

  private func unpack(into draft: String) throws -> BackupArchive.Head {
    let input = try FileHandle(forReadingFrom: URL(filePath: file))
    defer { try? input.close() }
    var reader = try BackupReader { count in
      var bytes: [UInt8] = []
      while bytes.count < count,
        let more = try input.read(upToCount: count - bytes.count), !more.isEmpty
      {
        bytes += more
      }
      return bytes
    }
    try DurableFile.createFolder(draft)
    while let next = try reader.next() {
      let place = "\(draft)/\(next.name)"
      try FileManager.default.createDirectory(
        at: URL(filePath: place).deletingLastPathComponent(), withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
      // What is no byte long has no piece.
      _ = try PrivateOutput.write(place) { write in
        while let piece = try reader.piece() { try write(piece) }
      }
      guard DataFolder.isStore(next.name) else { continue }
      if let finding = StoreCheck.findings(inFileAt: place).first {
        throw DaemonFailure(.checkFailed, "\(file): \(next.name): \(finding.what)")
      }
    }
    try DurableFile.create([], at: "\(draft)/lock")
    return reader.head
  }

  /// Takes other keys in the place of all with which a supernode votes and confirms.
  ///
  /// - Returns: for which uses, by role.
  private static func renounce(
    in folder: String, _ digest: Digest32
  ) throws -> [String: [String]] {
    let data = try DataFolder(path: folder, creating: false)
    let genesis = try ValidGenesis(Genesis(encoded: try data.genesis() ?? []))
    guard genesis.digest == digest else {
      throw DaemonFailure(
        .checkFailed, "the backup is said to be of another ledger", code: "invalid-backup")
    }
    var renewed: [String: [String]] = [:]
    var randomness: Randomness = SystemRandomNumberGenerator()
    for name in try data.inventory().files where name.hasSuffix("/keys.pem") {
      let role = String(name.dropLast("/keys.pem".count))
      guard ValidGenesis.isIdentifier(role), let file = try data.keys(role, owner: role) else {
        continue
      }
      let ring = try KeyRing(
        file, network: genesis.content.network, save: { try data.replace(keys: $0, role) })
      let uses = ring.uses.filter { $0 == .voting || $0.chain != nil }
      let found = try ring.abandonAll(uses, using: &randomness)
      if !found.isEmpty { renewed[role] = found.map(\.name).sorted() }
    }
    return renewed
  }
}
