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
      "if the other one is lost, and no export, checkpoint or proof of what it had has left the machine, remove "
      + "\(file): docs/command-line.md, \"After a restore\""
    let hint = convicts + lost
    guard size >= seen.size, try consortium.checkpoint(size: seen.size).root.hex == seen.root else {
      let failure = CommandFailure(
        .checkFailed, code: "older-copy",
        size < seen.size
          ? "\(folder.path): this is an older copy: it has \(size) leaves of the consortium chain, and "
            + "\(seen.size) were final in \(seen.folder)"
          : "\(folder.path): this is a copy that went another way: \(seen.size) leaves of the consortium "
            + "chain were final in \(seen.folder), and they are others here",
        hint: hint)
      return (.olderCopy, failure)
    }
    if let mark = seen.unfinished, mark != self.mark {
      let failure = CommandFailure(
        .checkFailed, code: "older-copy",
        "\(folder.path): this is a copy, and the last run of its ledger, in \(seen.folder), did not come to "
          + "its end: what it signed may not be here",
        hint: convicts + "go on in that folder; " + lost)
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

  private var path: String { Self.resolved(folder.path) }

  private static func resolved(_ path: String) -> String {
    URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path
  }

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
