import Credentials
import Foundation
import SQLiteBackend

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension SystemFile {
  /// Writes a backup under its name, for its owner alone, whole or not at all. Returns when it is durable.
  ///
  /// - Parameters:
  ///   - replacing: whether it may take the place of an earlier backup of this ledger; of anything else it
  ///     never does.
  ///   - write: writes the backup.
  /// - Throws: ``CommandFailure``; `file-exists`, `newer-backup`, `inside-data-folder`; what `write` throws.
  static func createBackup<Value>(
    of head: BackupArchive.Head, at path: String, replacing: Bool,
    _ write: (OutputFile) async throws -> Value
  ) async throws -> Value {
    try DataFolder.requireOutside(path)
    // Before anything is looked at, so that what comes later is another.
    let known = replacing ? Identity(path) : nil
    try requireReplaceable(path, by: head, replacing)
    do {
      return try await TemporaryItems.draft(of: path) { draft in
        let file = try OutputFile(creating: draft, isPrivate: true)
        let value = try await write(file)
        try file.finish()
        if let known {
          try replace(known, at: path, by: draft)
        } else {
          try name(draft, path)
        }
        try DurableFile.synchronizeFolder(ofItemAt: path)
        return value
      }
    } catch let error as DurableFile.Failure {
      if error.isExisting { try requireReplaceable(path, by: head, replacing) }
      throw CommandFailure(DurableFile.Failure(path: path, code: error.code))
    }
  }

  /// Whether a file begins as a backup does.
  static func beginsLikeBackup(_ path: String) throws -> Bool {
    let beginning = BackupArchive.beginning
    return try InputFile(path).read(beginning.count) == beginning
  }

  private static func requireReplaceable(
    _ path: String, by head: BackupArchive.Head, _ replacing: Bool
  ) throws {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else { return }
    let isFile = status.st_mode & S_IFMT == S_IFREG
    let file = isFile ? try InputFile(path) : nil
    guard replacing, let file, let known = try? BackupReader(read: { try file.read($0) }).head,
      known.genesis == head.genesis
    else {
      throw CommandFailure(
        .badInput, code: "file-exists", "\(path): something of this name is there; it is kept",
        hint: replacing
          ? "--replace takes the place of a backup of the same ledger alone"
          : "choose another name; --replace takes the place of a backup of the same ledger")
    }
    guard known.leaves <= head.leaves else {
      throw CommandFailure(
        .badInput, code: "newer-backup",
        "\(path): this backup has \(known.leaves) leaves of the consortium chain, and the folder "
          + "\(head.leaves)",
        hint: "it is kept; choose another name")
    }
  }

  /// - Throws: ``CommandFailure`` `not-empty` or `not-a-folder` if something is there, but for an empty folder.
  static func requireNoFolder(at path: String) throws {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw CommandFailure(
        .badInput, code: "not-a-folder", "\(path): something of this name is there; it is kept")
    }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      throw CommandFailure(DurableFile.Failure(path: path, code: EACCES))
    }
    guard names.isEmpty else {
      throw CommandFailure(
        .badInput, code: "not-empty", "\(path): the folder is not empty; it is kept",
        hint: "name a new folder")
    }
  }

  /// Gives a folder its name, in the place of an empty one at most. Returns when that is durable.
  static func move(_ draft: String, to path: String) throws {
    guard unsafe rename(draft, path) == 0 else {
      let failure = CommandFailure(DurableFile.Failure(path: path))
      throw CommandFailure(
        failure.exitCode, code: failure.code, failure.message,
        hint: "name a new folder, also on a disk of its own")
    }
    do {
      try DurableFile.synchronizeFolder(ofItemAt: path)
    } catch {
      throw CommandFailure(error)
    }
  }

  /// The length of a file.
  static func byteCount(of path: String) throws -> UInt64 {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { throw DurableFile.Failure(path: path) }
    return UInt64(status.st_size)
  }
}
