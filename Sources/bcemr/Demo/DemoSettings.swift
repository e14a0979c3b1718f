import Credentials
import Foundation
import SQLiteBackend

/// What all runs of a demonstration in one folder have in common, as `demonstration.json` in it.
struct DemoSettings: Codable {
  /// How many doctors sign a visit: findings are divided among them, so with another number the same
  /// history is other findings.
  let doctors: Int

  private static func file(_ folder: DataFolder) -> String { "\(folder.path)/demonstration.json" }

  /// - Throws: ``CommandFailure`` `other-team` if the folder has visits of another number.
  func check(_ folder: DataFolder) throws {
    // Folders from before have none.
    guard let known = Self.known(folder), known.doctors != doctors else { return }
    throw CommandFailure(
      .badInput, code: "other-team",
      "\(folder.path): its visits are signed by \(Quantity.count(known.doctors, "doctor")), and --doctors is "
        + "\(doctors)",
      hint: "go on with --doctors \(known.doctors), or name a new folder")
  }

  /// What earlier runs had in common, if it is known.
  static func known(_ folder: DataFolder) -> DemoSettings? {
    (try? SystemFile.contents(of: file(folder), limit: 1 << 16)).flatMap {
      try? JSONDecoder().decode(Self.self, from: Data($0))
    }
  }

  /// Notes them in a folder that has none.
  func note(in folder: DataFolder) throws {
    guard !FileManager.default.fileExists(atPath: Self.file(folder)) else { return }
    try DurableFile.create(Array(JSONEncoder().encode(self)), at: Self.file(folder))
  }
}
