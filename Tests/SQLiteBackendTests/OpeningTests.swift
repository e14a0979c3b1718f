import CanonicalEncoding
import Consortium
import Foundation
import GRDB
import Ledger
import SQLiteBackend
import Testing

@Suite("A file that is not ours is refused and stays as it is")
struct OpeningTests {
  /// Opens the file as each of the five stores, and requires refusals that change nothing.
  private func expectUntouched(
    _ folder: TemporaryFolder, _ code: StoreError.Code, as kinds: Set<Int> = [0, 1, 2, 3, 4],
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let before = try folder.contents()
    let open: [() throws -> Void] = [
      { _ = try SQLiteOrderingLog(path: folder("store.sqlite")) },
      { _ = try SQLiteRecordStore(path: folder("store.sqlite")) },
      { _ = try SQLiteRoleStore(path: folder("store.sqlite")) },
      { _ = try SQLiteChainLog(path: folder("store.sqlite")) },
      { _ = try SQLiteStateStore(path: folder("store.sqlite")) },
    ]
    for kind in kinds {
      await expectRefusal(code, sourceLocation: sourceLocation) { try open[kind]() }
    }
    #expect(try folder.contents() == before, sourceLocation: sourceLocation)
  }

  @Test("no SQLite file, an empty one, one that is too short")
  func foreignFiles() async throws {
    for bytes in [
      Data("a letter to the hospital".utf8), Data(), Data("SQLite format 3\0".utf8),
      Data(count: 4096),
    ] {
      let folder = try TemporaryFolder()
      try bytes.write(to: URL(filePath: folder("store.sqlite")))
      try await expectUntouched(folder, .notOurs)
    }
  }

  @Test("a database of another program")
  func foreignDatabase() async throws {
    for mode in ["DELETE", "WAL"] {
      let folder = try TemporaryFolder()
      let database = try DatabaseQueue(path: folder("store.sqlite"))
      try await database.writeWithoutTransaction {
        try $0.execute(sql: "PRAGMA journal_mode = \(mode); CREATE TABLE entry (position, bytes)")
      }
      try database.close()
      try await expectUntouched(folder, .notOurs)
    }
  }

  @Test("one store is not opened as another")
  func otherStore() async throws {
    let folder = try TemporaryFolder()
    _ = try SQLiteOrderingLog(path: folder("store.sqlite"))
    try await expectUntouched(folder, .notOurs, as: [1, 2, 3, 4])
    let chain = try TemporaryFolder()
    _ = try SQLiteChainLog(path: chain("store.sqlite"))
    try await expectUntouched(chain, .notOurs, as: [0, 1, 2, 4])
  }

  @Test("a file of a newer version")
  func newerVersion() async throws {
    let folder = try TemporaryFolder()
    _ = try SQLiteRoleStore(path: folder("store.sqlite"))
    try tamper(folder("store.sqlite"), "PRAGMA user_version = 2")
    try await expectUntouched(folder, .newerVersion, as: [2])
    #expect(StoreCheck.findings(inFileAt: folder("store.sqlite")).map(\.code) == [.notOurs])
    let state = try TemporaryFolder()
    _ = try SQLiteStateStore(path: state("store.sqlite"))
    try tamper(state("store.sqlite"), "PRAGMA user_version = 2")
    try await expectUntouched(state, .newerVersion, as: [4])
  }

  @Test("a damaged header")
  func damagedHeader() async throws {
    let folder = try TemporaryFolder()
    _ = try SQLiteOrderingLog(path: folder("store.sqlite"))
    try overwrite(folder("store.sqlite"), "SQLite format", with: "SQLite Format")
    try await expectUntouched(folder, .notOurs)
    #expect(StoreCheck.findings(inFileAt: folder("store.sqlite")).map(\.code) == [.notOurs])
  }

  @Test("other tables")
  func otherTables() async throws {
    let folder = try TemporaryFolder()
    _ = try SQLiteRecordStore(path: folder("store.sqlite"))
    try tamper(folder("store.sqlite"), "CREATE TRIGGER t DELETE ON record BEGIN SELECT 1; END")
    try await expectUntouched(folder, .corrupted, as: [1])
    #expect(StoreCheck.findings(inFileAt: folder("store.sqlite")).map(\.code) == [.wrongSchema])
  }

  @Test("a journal without its file is not taken for a new one's")
  func lostFile() async throws {
    let folder = try TemporaryFolder()
    let probe = try Probe("append", folder("store.sqlite"), "1000000", "300")
    _ = probe.lines { $0 >= 5 }
    probe.kill()
    try FileManager.default.removeItem(atPath: folder("store.sqlite"))
    try await expectUntouched(folder, .corrupted, as: [0])
  }

  @Test("a file of version 1, written when it was new, opens")
  func versionOne() async throws {
    let folder = try TemporaryFolder()
    let url = try #require(
      Bundle.module.url(
        forResource: "ordering-log-1", withExtension: "sqlite", subdirectory: "Vectors"))
    try FileManager.default.copyItem(atPath: url.path(), toPath: folder("log.sqlite"))
    #expect(StoreCheck.findings(inFileAt: folder("log.sqlite")) == [])
    let log = try SQLiteOrderingLog(path: folder("log.sqlite"))
    let entries = try await log.entries(from: 0, limit: .max)
    #expect(entries.map(\.position) == [0, 1, 2])
    for entry in entries {
      let text = Array("entry \(entry.position) ".utf8)
      #expect(entry.bytes == text + [UInt8](repeating: 0, count: 12))
    }
  }

  @Test("an entry beyond the limit appends nothing of its batch")
  func tooLarge() async throws {
    let folder = try TemporaryFolder()
    let log = try SQLiteOrderingLog(path: folder("log.sqlite"))
    let largest = [UInt8](repeating: 1, count: SQLiteOrderingLog.maximumEntryByteCount)
    await #expect {
      try await log.append([[2], largest + [1]])
    } throws: {
      ($0 as? OrderingLogError)?.code == .tooLarge
    }
    #expect(try await log.append([largest]) == [0])
    #expect(try await log.entries(from: 0, limit: 2).map(\.bytes) == [largest])
  }
}
