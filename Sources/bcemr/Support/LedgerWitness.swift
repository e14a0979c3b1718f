import CanonicalEncoding
import Credentials
import Foundation
import Ledger
import SQLiteBackend
import TransparencyLog

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What this user's programs have seen of a ledger, kept outside of its folder: a folder that was copied, or
/// put back from an older copy, cannot know by itself that its parties have signed more since.
///
/// One small file for each ledger, in `$XDG_STATE_HOME/bcemr`, or `~/.local/state/bcemr`.
struct LedgerWitness {
  private let folder: DataFolder
  private let genesis: ValidGenesis
  private let consortium: ConsortiumView

  init(_ ledger: FolderLedger, in folder: DataFolder) {
    self.folder = folder
    (genesis, consortium) = (ledger.genesis, ledger.consortium)
  }

  private static var place: String? {
    let environment = ProcessInfo.processInfo.environment
    if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return "\(state)/bcemr" }
    guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
    return "\(home)/.local/state/bcemr"
  }

  private struct Seen: Codable {
    /// Where the ledger was continued last.
    let folder: String
    /// Of the consortium chain, as far as it was final.
    let size: UInt64
    let root: String
    /// While a run goes on in that folder, or after one that did not come to its end, what tells the folder
    /// from its copies: what the run has signed is known there alone.
    var unfinished: String?
  }

  /// How a folder stands to what was seen of its ledger.
  enum Standing: Equatable {
    /// Nothing was seen of it on this machine.
    case unseen
    /// It has all that was final where the ledger was continued last.
    case current
    /// It lacks some of that, or has something else.
    case olderCopy
    /// It has all of that, and the other folder is there still.
    case copiedFolder
  }

  private var file: String? { Self.place.map { "\($0)/\(genesis.digest)" } }

  private var seen: Seen? {
    guard let file, let bytes = try? SystemFile.contents(of: file, limit: 1 << 16) else {
      return nil
    }
    return try? JSONDecoder().decode(Seen.self, from: Data(bytes))
  }

  /// Compares the folder with what was seen of its ledger.
  ///
  /// - Returns: with the failure of who would continue the ledger here, if that must not be.
  func standing() throws -> (standing: Standing, failure: CommandFailure?) {
    guard let file, let seen else { return (.unseen, nil) }
    let size = consortium.size
    let convicts =
      "parties that sign in two copies of a folder sign two histories, which convicts them; "
    let lost =
      "if nothing newer is left, and no export, checkpoint or proof of what was signed since has left the machine, "
      + "remove \(file): docs/command-line.md, \"After a restore\""
    // The folder may have been put back in its own place.
    let newer =
      "put back a newer backup first, if there is one, with 'bcemr restore'"
      + (seen.folder == path ? "" : ", or go on in \(seen.folder)")
    let hint = "\(convicts)\(newer); \(lost)"
    guard size >= seen.size, try consortium.checkpoint(size: seen.size).root.hex == seen.root else {
      let failure = CommandFailure(
        .checkFailed, code: "older-copy",
        size < seen.size
          ? "\(folder.path): this is an older copy: it has \(size) leaves of the consortium chain, and "
            + "\(seen.size) were final \(there(seen))"
          : "\(folder.path): this is a copy that went another way: \(seen.size) leaves of the consortium "
            + "chain were final \(there(seen)), and they are others here",
        hint: hint)
      return (.olderCopy, failure)
    }
    if let mark = seen.unfinished, mark != self.mark {
      let failure = CommandFailure(
        .checkFailed, code: "older-copy",
        "\(folder.path): this is a copy, and the last run of its ledger, \(there(seen)), did not come to "
          + "its end: what it signed may not be here",
        hint: hint)
      return (.olderCopy, failure)
    }
    guard seen.folder != path, Self.genesis(in: seen.folder) == genesis.digest else {
      return (.current, nil)
    }
    let failure = CommandFailure(
      .checkFailed, code: "copied-folder",
      "\(folder.path): this ledger was continued last in \(seen.folder), and that is there still",
      hint: convicts + "go on in one of them, and remove the other")
    return (.copiedFolder, failure)
  }

  /// Why a run is told of a ledger that this machine has not seen before; nil if it has, or there is none yet.
  static func remark(on folder: DataFolder) throws -> DemoReport.Remark? {
    guard let ledger = try folder.ledger(),
      try LedgerWitness(ledger, in: folder).standing().standing == .unseen
    else { return nil }
    return DemoReport.Remark(
      code: "unseen",
      message: "\(folder.path): this machine has not seen this ledger before: go on here only if "
        + "nobody goes on with another folder of it, or a newer one, elsewhere")
  }

  private func there(_ seen: Seen) -> String {
    seen.folder == path ? "here when it was continued last" : "in \(seen.folder)"
  }

  /// Why who only reads a folder is told that it lacks what this machine has seen of its ledger; nil if it
  /// does not.
  static func remark(onReading folder: DataFolder) -> DemoReport.Remark? {
    guard let ledger = try? folder.ledger(),
      let standing = try? LedgerWitness(ledger, in: folder).standing(),
      standing.standing == .olderCopy, let failure = standing.failure
    else { return nil }
    return DemoReport.Remark(code: failure.code, message: failure.message)
  }

  /// The ledger that was continued last in a folder, by what was noted, and the file that notes it; nil if
  /// none was.
  static func noted(in path: String) -> (genesis: String, file: String)? {
    guard let place, let names = try? FileManager.default.contentsOfDirectory(atPath: place) else {
      return nil
    }
    let folder = SystemFile.absolute(path)
    var newest: (genesis: String, file: String, date: Date)?
    for name in names where Digest32(hex: name) != nil {
      let file = "\(place)/\(name)"
      guard let bytes = try? SystemFile.contents(of: file, limit: 1 << 16),
        let seen = try? JSONDecoder().decode(Seen.self, from: Data(bytes)), seen.folder == folder
      else { continue }
      let attributes = try? FileManager.default.attributesOfItem(atPath: file)
      let date = attributes?[.modificationDate] as? Date ?? .distantPast
      if newest.map({ $0.date < date }) ?? true { newest = (name, file, date) }
    }
    return newest.map { ($0.genesis, $0.file) }
  }

  /// Says that a ledger was here, where nothing of one is.
  ///
  /// - Returns: nil if none was, as far as this machine knows.
  static func lost(_ path: String) -> CommandFailure? {
    noted(in: path).map { noted in
      CommandFailure(
        .badInput, code: "lost-ledger",
        "\(path): ledger \(noted.genesis) was continued here, and nothing of it is here any more",
        hint:
          "'bcemr restore BACKUP \(path)' puts back what a backup has, the newest one; if the ledger is "
          + "given up, remove \(noted.file)")
    }
  }

  /// - Throws: ``CommandFailure`` `lost-ledger` where another ledger would be founded in the place of one that
  ///   was lost; `inside-data-folder`; `not-a-folder` for tiles.
  static func requireFree(_ path: String) throws {
    try DataFolder.requireOutside(path)
    try DataFolder.requireNoTiles(path)
    guard !FileManager.default.fileExists(atPath: "\(path)/genesis.der"),
      DataFolder.firstStore(in: path) == nil, let lost = Self.lost(path)
    else { return }
    throw lost
  }

  /// Looks whether a ledger may be continued in this folder.
  ///
  /// - Throws: ``CommandFailure`` `older-copy` if it lacks, or contradicts, what was final where it was
  ///   continued last; `copied-folder` if another folder of it is there still.
  func check() throws {
    if let failure = try standing().failure { throw failure }
  }

  /// Notes how far the ledger is, and that it is in this folder. Says so where it cannot.
  ///
  /// - Parameter isBeginning: whether more is signed from now on, of which nothing is known until the next
  ///   note.
  func note(isBeginning: Bool = false) {
    do {
      guard let place = Self.place else {
        throw CommandFailure(
          .badInput, code: "unavailable", "neither XDG_STATE_HOME nor HOME is set")
      }
      try FileManager.default.createDirectory(
        atPath: place, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      let size = consortium.final?.size ?? 0
      // After a run that failed, the replay that had most may be the one that is damaged.
      if let seen, seen.size > size { return }
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      let bytes = try encoder.encode(
        Seen(
          folder: path, size: size, root: consortium.checkpoint(size: size).root.hex,
          unfinished: isBeginning ? try makeMark() : nil))
      try DurableFile.replace(Array(bytes), at: "\(place)/\(genesis.digest)")
    } catch {
      // It is said once, at the end.
      if isBeginning { return }
      Console.diagnostic(
        "\(folder.path): how far the ledger is could not be noted elsewhere "
          + "(\(CommandFailure(error).message)): a copy of the folder will not be noticed")
    }
  }

  private var path: String { SystemFile.absolute(folder.path) }

  /// The number that the file system has for the folder, which no copy has while the folder is there, and what
  /// was drawn for its lock, which no backup has.
  private var mark: String? {
    var status = stat()
    guard unsafe stat(path, &status) == 0,
      let drawn = try? SystemFile.contents(of: lock, limit: 64), !drawn.isEmpty
    else { return nil }
    return "\(status.st_ino)/\(String(decoding: drawn, as: UTF8.self))"
  }

  private var lock: String { "\(path)/lock" }

  private func makeMark() throws -> String? {
    if mark == nil {
      // Written where it stands: the file is locked by who works with the folder.
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: lock))
      try file.write(contentsOf: Array("\(UUID())".utf8))
      try file.synchronize()
      try file.close()
    }
    return mark
  }

  private static func genesis(in folder: String) -> Digest32? {
    (try? SystemFile.contents(of: "\(folder)/genesis.der", limit: Genesis.maximumByteCount))
      .flatMap { try? Genesis(encoded: $0).digest }
  }
}

extension LedgerWitness {
  /// Continues the ledger of a folder that is to stay, or founds one.
  ///
  /// What is final by then is noted also where `body` fails: it was signed.
  /// - Parameter body: is given the ledger as it is before.
  /// - Throws: as ``check()``; what `body` throws.
  static func continuing<Value>(
    _ folder: DataFolder, _ body: (FolderLedger?) async throws -> Value
  ) async throws -> Value {
    func note() throws {
      if let ledger = try folder.ledger() { LedgerWitness(ledger, in: folder).note() }
    }
    let ledger = try folder.ledger()
    if let ledger {
      let witness = LedgerWitness(ledger, in: folder)
      try witness.check()
      witness.note(isBeginning: true)
    }
    do {
      let value = try await body(ledger)
      try note()
      return value
    } catch {
      try? note()
      throw error
    }
  }
}
