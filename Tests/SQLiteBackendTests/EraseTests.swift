import CanonicalEncoding
import Consortium
import Foundation
import GRDB
import Ledger
import SQLiteBackend
import TestSupport
import Testing

/// What is removed from a store is in none of its files any more.
@Suite("What is removed is overwritten")
struct EraseTests {
  /// Whether bytes are in a file of the folder.
  private func contains(_ folder: TemporaryFolder, _ bytes: [UInt8]) throws -> Bool {
    try FileManager.default.subpathsOfDirectory(atPath: folder.path).contains { name in
      try Data(contentsOf: URL(filePath: folder(name))).range(of: Data(bytes)) != nil
    }
  }

  @Test("[attack] a disk is stolen: no file of a role has a value that was removed or replaced")
  func values() throws {
    let folder = try TemporaryFolder()
    let store = try SQLiteRoleStore(path: folder("store.sqlite"))
    var generator = SeededGenerator(seed: 77)
    var (live, gone): ([String: [UInt8]], [[UInt8]]) = ([:], [])
    // Rows as those of a doctor: in one page, in several, many in one; pages split and merge.
    for number in 0..<600 {
      let secret = generator.bytes(32)
      let value =
        generator.bytes([40, 300, 1500, 3000, 9000][number % 5]) + secret + generator.bytes(200)
      let key = "visit/\(Digest32(sha256: generator.bytes(8)))"
      try store.write([key: value])
      live[key] = secret
      guard number % 3 > 0, let victim = live.keys.sorted().first, let old = live[victim] else {
        continue
      }
      let other = generator.bytes(32)
      if number % 3 == 1 {
        try store.write([victim: other])
        live[victim] = other
      } else {
        try store.write([victim: nil])
        live[victim] = nil
      }
      gone.append(old)
    }
    #expect(gone.count == 400)
    let left = try gone.filter { try contains(folder, $0) }
    #expect(left.isEmpty, "\(left.count) of \(gone.count) are left")
    for secret in live.values.prefix(20) { #expect(try contains(folder, secret)) }
  }

  @Test("a store that was kept with a write-ahead log has none of it left")
  func writeAheadLog() throws {
    let folder = try TemporaryFolder()
    let path = folder("store.sqlite")
    let secret = [UInt8]("the group key of a visit that is over".utf8)
    try SQLiteRoleStore(path: path).write(["visit/1": secret])
    // As an earlier program left it: in WAL mode, with the row in the log too.
    let database = try DatabaseQueue(path: path)
    try database.writeWithoutTransaction {
      try $0.execute(sql: "PRAGMA journal_mode = WAL; UPDATE value SET key = key || '0'")
      try $0.execute(sql: "UPDATE value SET key = substr(key, 1, length(key) - 1)")
    }
    #expect(try Data(contentsOf: URL(filePath: path + "-wal")).range(of: Data(secret)) != nil)
    for suffix in ["", "-wal"] {
      try FileManager.default.copyItem(atPath: path + suffix, toPath: folder("copy") + suffix)
    }
    try database.close()
    for name in ["store.sqlite", "store.sqlite-wal", "store.sqlite-shm"] {
      try? FileManager.default.removeItem(atPath: folder(name))
    }
    let store = try SQLiteRoleStore(path: folder("copy"))
    #expect(try store.value(forKey: "visit/1") == secret)
    try store.write(["visit/1": nil])
    #expect(try !contains(folder, secret))
  }

  @Test("a record that is removed is overwritten too")
  func records() async throws {
    let folder = try TemporaryFolder()
    let store = try SQLiteRecordStore(path: folder("records.sqlite"))
    let name = RecordName(hospital: "h", visit: .zero, recordDigest: .zero)
    let mark = [UInt8]("a mark in a sealed record of an abandoned visit".utf8)
    let piece = [UInt8](repeating: 5, count: 500_000) + mark
    try await store.put([0: [1], 1: piece, 2: piece], of: name)
    #expect(try contains(folder, mark))
    try await store.remove(name)
    #expect(try !contains(folder, mark))
  }

  @Test("secure_delete is on, whatever the library was built with")
  func setting() throws {
    let folder = try TemporaryFolder()
    #expect(
      try SQLiteRoleStore(path: folder("store.sqlite")).file.setting("secure_delete") == "1")
  }
}
