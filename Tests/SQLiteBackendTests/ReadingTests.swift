import Foundation
import GRDB
import Ledger
import SQLiteBackend
import Testing

@Suite("Who only reads writes nothing")
struct ReadingTests {
  private let folder: TemporaryFolder

  init() async throws {
    folder = try TemporaryFolder()
    try await SQLiteChainLog(path: folder("chain.sqlite")).append([[1], [2]], at: 0)
    try SQLiteStateStore(path: folder("state.sqlite")).commit([[1]: [2]])
    try SQLiteRoleStore(path: folder("role.sqlite")).write(["a": [2]])
  }

  private static let files = ["chain.sqlite", "state.sqlite", "role.sqlite"]

  private func expectReadable(
    _ folder: TemporaryFolder, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let before = try folder.contents()
    let log = try SQLiteChainLog(readingFrom: folder("chain.sqlite"))
    #expect(
      try await log.leaves(from: 0, limit: 9, byteCount: 9) == [[1], [2]],
      sourceLocation: sourceLocation)
    let state = try SQLiteStateStore(readingFrom: folder("state.sqlite"))
    #expect(try state.value(forKey: [1]) == [2], sourceLocation: sourceLocation)
    let role = try SQLiteRoleStore(readingFrom: folder("role.sqlite"))
    #expect(try role.value(forKey: "a") == [2], sourceLocation: sourceLocation)
    #expect(try role.keys(withPrefix: "") == ["a"], sourceLocation: sourceLocation)
    for name in Self.files {
      #expect(StoreCheck.findings(inFileAt: folder(name)) == [], sourceLocation: sourceLocation)
    }
    await expectRefusal(.unavailable, sourceLocation: sourceLocation) {
      try await log.append([[3]], at: 2)
    }
    await expectRefusal(.unavailable, sourceLocation: sourceLocation) {
      try state.commit([[1]: nil])
    }
    await expectRefusal(.unavailable, sourceLocation: sourceLocation) {
      try role.write(["a": nil])
    }
    #expect(try folder.contents() == before, sourceLocation: sourceLocation)
  }

  @Test("with a journal or without, beside a writer or alone")
  func reads() async throws {
    try await expectReadable(folder)
    for name in Self.files {
      try FileManager.default.removeItem(atPath: folder(name + "-journal"))
    }
    try await expectReadable(folder)
    let writers = (
      try SQLiteChainLog(path: folder("chain.sqlite")),
      try SQLiteStateStore(path: folder("state.sqlite")),
      try SQLiteRoleStore(path: folder("role.sqlite"))
    )
    try await expectReadable(folder)
    try await writers.0.append([], at: 2)
    try writers.2.write([:])
  }

  @Test("a reader sees what is appended after it opened")
  func follows() async throws {
    let reader = try SQLiteChainLog(readingFrom: folder("chain.sqlite"))
    try await SQLiteChainLog(path: folder("chain.sqlite")).append([[3]], at: 2)
    #expect(try await reader.leaves(from: 2, limit: 9, byteCount: 9) == [[3]])
  }

  @Test("a folder and files without the right to write, after a clean end and after a crash")
  func readOnly() async throws {
    for isInterrupted in [false, true] {
      if isInterrupted {
        try interrupt("chain.sqlite", "INSERT INTO leaf VALUES (?, zeroblob(32), ?)")
      }
      let modes: [(String, Int)] = [("chain.sqlite", 0o444), ("chain.sqlite-journal", 0o444)]
      for (name, mode) in modes {
        try FileManager.default.setAttributes(
          [.posixPermissions: mode], ofItemAtPath: folder(name))
      }
      try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: folder.path)
      let before = try folder.contents()
      // The probe gives up the rights of the superuser, whom no mode stops.
      let (lines, status) = try Probe("read", folder("chain.sqlite")).finish()
      #expect(lines == ["2", "[]", "unavailable"])
      #expect(status == 0)
      #expect(try folder.contents() == before)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path)
      for (name, _) in modes {
        try FileManager.default.setAttributes(
          [.posixPermissions: 0o644], ofItemAtPath: folder(name))
      }
    }
  }

  @Test("after a crash in the middle of a commit, that commit is undone, in a copy")
  func interrupted() async throws {
    try interrupt("chain.sqlite", "INSERT INTO leaf VALUES (?, zeroblob(32), ?)")
    try interrupt("state.sqlite", "INSERT INTO state VALUES (CAST(? AS BLOB), x'', ?)")
    try interrupt(
      "role.sqlite", "INSERT INTO value VALUES (CAST(? AS TEXT), zeroblob(32), ?)")
    try await expectReadable(folder)
    // Who opens it to write undoes it in place.
    #expect(try await SQLiteChainLog(path: folder("chain.sqlite")).size() == 2)
    #expect(try SQLiteStateStore(path: folder("state.sqlite")).value(forKey: [1]) == [2])
    #expect(try SQLiteRoleStore(path: folder("role.sqlite")).keys(withPrefix: "") == ["a"])
    try await expectReadable(folder)
  }

  /// Leaves a file and its journal as a crash in the middle of a large commit does.
  private func interrupt(_ name: String, _ insert: String) throws {
    let (path, journal) = (folder(name), folder(name) + "-journal")
    let queue = try DatabaseQueue(path: path)
    try queue.writeWithoutTransaction { database in
      // So small a memory makes SQLite write before the commit.
      try database.execute(sql: "PRAGMA journal_mode = TRUNCATE; PRAGMA cache_size = 1; BEGIN")
      for number in 10..<200 {
        try database.execute(sql: insert, arguments: [number, Data(count: 900)])
      }
      for file in [path, journal] {
        try FileManager.default.copyItem(atPath: file, toPath: file + ".crashed")
      }
      try database.execute(sql: "ROLLBACK")
    }
    try queue.close()
    for file in [path, journal] {
      try FileManager.default.removeItem(atPath: file)
      try FileManager.default.moveItem(atPath: file + ".crashed", toPath: file)
    }
    #expect(try Data(contentsOf: URL(filePath: path)).count > 100_000)
    #expect(try Data(contentsOf: URL(filePath: journal)).first == 0xd9)
  }

  @Test("what is not there is not made")
  func absent() async throws {
    let before = try folder.contents()
    await expectRefusal(.unavailable) { _ = try SQLiteChainLog(readingFrom: folder("a.sqlite")) }
    await expectRefusal(.unavailable) { _ = try SQLiteStateStore(readingFrom: folder("a.sqlite")) }
    await expectRefusal(.notOurs) {
      _ = try SQLiteStateStore(readingFrom: folder("chain.sqlite"))
    }
    #expect(try folder.contents() == before)
  }

  @Test("a write-ahead log beside a file that never had one is not taken for part of it")
  func strayLog() async throws {
    try Data().write(to: URL(filePath: folder("chain.sqlite-wal")))
    await expectRefusal(.corrupted) { _ = try SQLiteChainLog(path: folder("chain.sqlite")) }
    await expectRefusal(.corrupted) { _ = try SQLiteChainLog(readingFrom: folder("chain.sqlite")) }
  }
}
