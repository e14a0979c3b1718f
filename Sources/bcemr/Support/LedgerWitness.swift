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
  let folder: DataFolder
  private let genesis: ValidGenesis
  private let consortium: ConsortiumView
  private let keeper: String?

  init(_ ledger: FolderLedger, in folder: DataFolder) {
    self.folder = folder
    (genesis, consortium, keeper) = (ledger.genesis, ledger.consortium, ledger.keeper)
  }

  private static var place: String? {
    let environment = ProcessInfo.processInfo.environment
    if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return "\(state)/bcemr" }
    guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
    return "\(home)/.local/state/bcemr"
  }

  struct Seen: Codable {
    /// Where the ledger was continued last.
    let folder: String
    /// Of the consortium chain, as far as it was final.
    let size: UInt64
    let root: String
    /// While a run goes on in that folder, or after one that did not come to its end, what tells the folder
    /// from its copies: what the run has signed is known there alone.
    var unfinished: String?
    /// What told it from them before, as long as the run has signed nothing: it may not have drawn the other.
    var before: String?
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
    /// What was seen of it cannot be read.
    case damagedNote
  }

  var file: String? { Self.place.map { "\($0)/\(genesis.digest)" } }

  /// What was noted of the ledger; nil if nothing was.
  ///
  /// - Throws: ``CommandFailure`` `damaged-note` where there is a note that cannot be read.
  func seen() throws(CommandFailure) -> Seen? {
    guard let file else { return nil }
    var status = stat()
    guard unsafe lstat(file, &status) == 0 else {
      let failure = DurableFile.Failure(path: file)
      if [ENOENT, ENOTDIR].contains(failure.code) { return nil }
      throw damaged(failure.message)
    }
    let bytes: [UInt8]
    do {
      bytes = try SystemFile.contents(of: file, limit: 1 << 16)
    } catch {
      throw damaged(error.message)
    }
    guard let seen = try? JSONDecoder().decode(Seen.self, from: Data(bytes)),
      Digest32(hex: seen.root) != nil
    else { throw damaged("\(file): this is no such note") }
    return seen
  }

  private func damaged(_ what: String) -> CommandFailure {
    CommandFailure(
      .checkFailed, code: "damaged-note",
      "\(folder.path): what this machine has noted of its ledger cannot be read: \(what)",
      hint:
        "it says how far the ledger was final, and in which folder: put it back from a copy. Remove it only "
        + "if this folder is the newest of the ledger, and nobody goes on with another one")
  }

  /// Compares the folder with what was seen of its ledger.
  ///
  /// - Returns: with the failure of who would continue the ledger here, if that must not be.
  func standing() throws -> (standing: Standing, failure: CommandFailure?) {
    guard let file else { return (.unseen, nil) }
    let noted: Seen?
    do { noted = try self.seen() } catch { return (.damagedNote, error) }
    guard var seen = noted else { return (.unseen, nil) }
    // The run was interrupted before it had signed anything.
    if let before = seen.before, before == self.mark { seen.unfinished = before }
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
      .checkFailed, code: Self.copied,
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
  /// `damaged-note`; `missing` if the consortium chain is with the manager alone.
  func check() throws {
    if let failure = try standing().failure { throw failure }
    guard keeper == genesis.members.manager.id else { return }
    throw CommandFailure(
      .checkFailed, code: "missing",
      "\(folder.path): no hospital and no cloud of its ledger has the consortium chain any more; the manager has "
        + "\(consortium.size) leaves of it, and they may have signed more",
      hint: "the manager's is not enough to go on with: restore the newest backup")
  }

  /// Notes how far the ledger is, and that it is in this folder. Returns when that is durable.
  ///
  /// - Parameters:
  ///   - unfinished: the mark of a run that goes on, or has failed; nil for one that came to its end.
  ///   - before: the mark that the folder had before, as long as the run has signed nothing.
  /// - Throws: what the file system refuses; ``CommandFailure`` `unavailable`, `damaged-note`.
  func note(unfinished: String? = nil, before: String? = nil) throws {
    guard let place = Self.place else {
      throw CommandFailure(
        .badInput, code: "unavailable", "neither XDG_STATE_HOME nor HOME is set")
    }
    try FileManager.default.createDirectory(
      atPath: place, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    try? DurableFile.synchronizeFolder(ofItemAt: place)
    var size = consortium.final?.size ?? 0
    var root = try consortium.checkpoint(size: size).root.hex
    // After a run that failed, the replay that had most may be the one that is damaged.
    if let seen = try seen(), seen.size > size { (size, root) = (seen.size, seen.root) }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let bytes = try encoder.encode(
      Seen(folder: path, size: size, root: root, unfinished: unfinished, before: before))
    try DurableFile.replace(Array(bytes), at: "\(place)/\(genesis.digest)")
  }

  private var path: String { SystemFile.absolute(folder.path) }

  /// The number that the file system has for the folder, which no copy has while the folder is there, and what
  /// was drawn for its lock, which no backup has.
  var mark: String? {
    guard let drawn = try? SystemFile.contents(of: lock, limit: Self.drawnByteCount) else {
      return nil
    }
    return mark(drawing: String(decoding: drawn, as: UTF8.self))
  }

  /// The mark of the folder once this text was drawn for its lock.
  func mark(drawing text: String) -> String? {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    return "\(status.st_ino)/\(text)"
  }

  private static let drawnByteCount = 64
  static let copied = "copied-folder"

  var lock: String { "\(path)/lock" }

  private static func genesis(in folder: String) -> Digest32? {
    (try? SystemFile.contents(of: "\(folder)/genesis.der", limit: Genesis.maximumByteCount))
      .flatMap { try? Genesis(encoded: $0).digest }
  }
}
