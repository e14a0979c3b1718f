import CanonicalEncoding
import Consortium
import Foundation
import GRDB
import Ledger
import SQLiteBackend
import Testing

/// A folder that goes away with this object.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory
      .appending(path: "bc-emr-\(UUID().uuidString)").path()
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

  /// Every file in it with its bytes, but SQLite's index of a write-ahead log, which holds no data.
  func contents() throws -> [String: Data] {
    let names = try FileManager.default.subpathsOfDirectory(atPath: path)
    return names.filter { !$0.hasSuffix("-shm") }.reduce(into: [:]) {
      $0[$1] = try? Data(contentsOf: URL(filePath: self($1)))
    }.filter { !$0.value.isEmpty || !$0.key.hasSuffix("-wal") }
  }
}

/// Changes a store file behind the back of its store.
func tamper(_ path: String, _ sql: String) throws {
  try DatabaseQueue(path: path).write { try $0.execute(sql: sql) }
}

/// Replaces the first occurrence of `old` in a file by `new`, of the same length.
func overwrite(_ path: String, _ old: String, with new: String) throws {
  var bytes = try Data(contentsOf: URL(filePath: path))
  let range = try #require(bytes.range(of: Data(old.utf8)))
  bytes.replaceSubrange(range, with: Data(new.utf8))
  try bytes.write(to: URL(filePath: path))
}

/// The program that works with stores in a process of its own.
struct Probe {
  let process = Process()
  private let output = Pipe()

  /// - Parameter limit: how long a file may grow, in blocks of 512 bytes.
  init(_ arguments: String..., limit: Int? = nil) throws {
    let program = Bundle.module.bundleURL.deletingLastPathComponent()
      .appending(path: "store-crash-probe").path()
    let limiting = limit.map { "trap '' XFSZ; ulimit -f \($0); " } ?? ""
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", limiting + #"exec "$0" "$@""#, program] + arguments
    process.standardOutput = output
    try process.run()
  }

  /// What it says, line by line, until it ends or `isEnough`.
  func lines(until isEnough: (Int) -> Bool = { _ in false }) -> [String] {
    var text = Data()
    while !isEnough(text.count { $0 == UInt8(ascii: "\n") }),
      case let more = output.fileHandleForReading.availableData, !more.isEmpty
    {
      text += more
    }
    // What stands behind the last line break was not said to its end.
    return String(decoding: text, as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
  }

  /// Kills it once it said `count` lines; what it said until it was dead.
  func lines(killingAfter count: Int) -> [String] {
    var isKilled = false
    let lines = lines {
      if $0 >= count, !isKilled {
        Foundation.kill(process.processIdentifier, SIGKILL)
        isKilled = true
      }
      return false
    }
    process.waitUntilExit()
    return lines
  }

  func kill() {
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// The rest of what it says, and its exit status.
  func finish() -> (lines: [String], status: Int32) {
    let lines = lines()
    process.waitUntilExit()
    return (lines, process.terminationStatus)
  }
}

/// Runs `body` and requires a store to refuse it for this reason.
func expectRefusal(
  _ code: StoreError.Code, sourceLocation: SourceLocation = #_sourceLocation,
  _ body: () async throws -> Void
) async {
  await #expect(sourceLocation: sourceLocation) {
    try await body()
  } throws: {
    ($0 as? StoreError)?.code == code
  }
}
