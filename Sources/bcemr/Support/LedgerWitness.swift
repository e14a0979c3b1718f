import CanonicalEncoding
import Credentials
import Foundation
import Ledger
import SQLiteBackend
import TransparencyLog

/// What this user's programs have seen of a ledger, kept outside of its folder: a folder that was copied, or
/// put back from an older copy, cannot know by itself that its parties have signed more since.
///
/// One small file for each ledger, in `$XDG_STATE_HOME/bcemr`, or `~/.local/state/bcemr`.
struct LedgerWitness {
  private let folder: DataFolder
  private let genesis: ValidGenesis
  private let consortium: ConsortiumView

  /// - Returns: nil for a folder without a ledger that can be read.
  init?(of folder: DataFolder) throws {
    guard let ledger = try folder.ledger() else { return nil }
    self.folder = folder
    (genesis, consortium) = ledger
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
  }

  /// Looks whether a ledger may be continued in this folder.
  ///
  /// - Throws: ``CommandFailure`` `older-copy` if it lacks, or contradicts, what was final where it was
  ///   continued last; `copied-folder` if another folder of it is there still.
  func check() throws {
    guard let file = Self.place.map({ "\($0)/\(genesis.digest)" }),
      let bytes = try? SystemFile.contents(of: file, limit: 1 << 16),
      let seen = try? JSONDecoder().decode(Seen.self, from: Data(bytes))
    else { return }
    let size = consortium.size
    let hint =
      "parties that sign in two copies of a folder sign two histories, which convicts them; if the other one "
      + "is lost for good, remove \(file)"
    guard size >= seen.size, try consortium.checkpoint(size: seen.size).root.hex == seen.root else {
      throw CommandFailure(
        .checkFailed, code: "older-copy",
        size < seen.size
          ? "\(folder.path): this is an older copy: it has \(size) leaves of the consortium chain, and "
            + "\(seen.size) were final in \(seen.folder)"
          : "\(folder.path): this is a copy that went another way: \(seen.size) leaves of the consortium "
            + "chain were final in \(seen.folder), and they are others here",
        hint: hint)
    }
    guard seen.folder != path, Self.genesis(in: seen.folder) == genesis.digest else { return }
    throw CommandFailure(
      .checkFailed, code: "copied-folder",
      "\(folder.path): this ledger was continued last in \(seen.folder), and that is there still",
      hint: hint)
  }

  /// Notes how far the ledger is, and that it is in this folder. Says so where it cannot.
  func note() {
    do {
      guard let place = Self.place else {
        throw CommandFailure(
          .badInput, code: "unavailable", "neither XDG_STATE_HOME nor HOME is set")
      }
      try FileManager.default.createDirectory(
        atPath: place, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      let size = consortium.final?.size ?? 0
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      let bytes = try encoder.encode(
        Seen(folder: path, size: size, root: consortium.checkpoint(size: size).root.hex))
      try DurableFile.replace(Array(bytes), at: "\(place)/\(genesis.digest)")
    } catch {
      Console.diagnostic(
        "\(folder.path): how far the ledger is could not be noted elsewhere "
          + "(\(CommandFailure(error).message)): a copy of the folder will not be noticed")
    }
  }

  private var path: String { Self.resolved(folder.path) }

  private static func resolved(_ path: String) -> String {
    URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path
  }

  private static func genesis(in folder: String) -> Digest32? {
    (try? SystemFile.contents(of: "\(folder)/genesis.der", limit: Genesis.maximumByteCount))
      .flatMap { try? Genesis(encoded: $0).digest }
  }
}

extension LedgerWitness {
  /// Continues the ledger of a folder that is to stay, or founds one.
  ///
  /// - Throws: as ``check()``; what `body` throws.
  static func continuing<Value>(
    _ folder: DataFolder, _ body: () async throws -> Value
  ) async throws -> Value {
    try LedgerWitness(of: folder)?.check()
    do {
      let value = try await body()
      try LedgerWitness(of: folder)?.note()
      return value
    } catch {
      try? LedgerWitness(of: folder)?.note()
      throw error
    }
  }
}
