import ClinicalRecords
import Credentials
import EMRScheme
import Foundation
import Ledger
import SQLiteBackend

/// What all runs of a demonstration in one folder have in common, as `demonstration.json` in it.
struct DemoSettings: Codable {
  /// How many doctors sign a visit: findings are divided among them, so with another number the same
  /// history is other findings.
  let doctors: Int

  private static func file(_ folder: DataFolder) -> String { "\(folder.path)/demonstration.json" }

  /// - Throws: ``CommandFailure`` `other-team` if the folder has visits of another number; `damaged-settings`.
  func check(_ folder: DataFolder) throws {
    // Folders from before have none.
    guard let known = try Self.stored(in: folder), known.doctors != doctors else { return }
    throw CommandFailure(
      .badInput, code: "other-team",
      "\(folder.path): its visits are signed by \(Quantity.count(known.doctors, "doctor")), and --doctors is "
        + "\(doctors)",
      hint: "go on with --doctors \(known.doctors), or name a new folder")
  }

  /// What earlier runs had in common, if it is known.
  static func known(_ folder: DataFolder) -> DemoSettings? { try? stored(in: folder) }

  /// - Returns: nil where nothing is noted.
  /// - Throws: ``CommandFailure`` `damaged-settings`.
  private static func stored(in folder: DataFolder) throws(CommandFailure) -> DemoSettings? {
    let file = Self.file(folder)
    do {
      let settings = try JSONDecoder().decode(
        Self.self, from: Data(SystemFile.contents(of: file, limit: 1 << 16)))
      if Visit.teamSizes.contains(settings.doctors) { return settings }
    } catch {
      if CommandFailure(error).code == "not-found" { return nil }
    }
    throw CommandFailure(
      .checkFailed, code: damaged, "\(file): it does not say how many doctors sign a visit",
      hint: "remove it: the next run notes it again, with the number of its --doctors", place: file)
  }

  private static let damaged = "damaged-settings"

  /// What is wrong with what is noted.
  ///
  /// - Parameter logs: of the ledger, if they can be read.
  static func findings(
    in folder: DataFolder, _ logs: [ExportWriter.Log]?
  ) throws -> [FolderCheck.Report.Finding] {
    do {
      guard let known = try stored(in: folder), let logs else { return [] }
      // 'bcemr generate' may have added visits of other teams.
      let sizes = try teamSizes(logs, until: known.doctors)
      if sizes.isEmpty || sizes.contains(known.doctors) { return [] }
      return [
        FolderCheck.Report.Finding(
          code: "wrong-settings", file: file(folder),
          what: "no visit on the ledger has a team of \(known.doctors)")
      ]
    } catch let failure as CommandFailure where failure.code == damaged {
      return [
        FolderCheck.Report.Finding(code: damaged, file: file(folder), what: failure.message)
      ]
    }
  }

  /// How many doctors the teams of complete visits have; no more are read than until one has `wanted`.
  private static func teamSizes(
    _ logs: [ExportWriter.Log], until wanted: Int
  ) throws -> Set<Int> {
    var sizes: Set<Int> = []
    for log in logs where log.chain != ChainName.consortium {
      var position: UInt64 = 0
      while position < log.size {
        let (completions, next) = try log.completions(from: position)
        sizes.formUnion(completions.map(\.context.signers.count))
        if sizes.contains(wanted) { return sizes }
        position = next
      }
    }
    return sizes
  }

  /// Notes them in a folder that has none.
  func note(in folder: DataFolder) throws {
    guard !FileManager.default.fileExists(atPath: Self.file(folder)) else { return }
    try DurableFile.create(Array(JSONEncoder().encode(self)), at: Self.file(folder))
  }
}
