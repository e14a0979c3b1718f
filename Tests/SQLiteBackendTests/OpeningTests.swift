import CanonicalEncoding
import Consortium
import Foundation
import GRDB
import Ledger
import SQLiteBackend
import Testing

@Suite("A file that is not ours is refused and stays as it is")
struct OpeningTests {
  enum Kind: String, CaseIterable {
    case records, role, chain, state

    func open(_ path: String) throws {
      switch self {
      case .records: _ = try SQLiteRecordStore(path: path)
      case .role: _ = try SQLiteRoleStore(path: path)
      case .chain: _ = try SQLiteChainLog(path: path)
      case .state: _ = try SQLiteStateStore(path: path)
      }
    }
  }

  /// Opens the file as each of these stores, and requires refusals that change nothing.
  private func expectUntouched(
    _ folder: TemporaryFolder, _ code: StoreError.Code, as kinds: [Kind] = Kind.allCases,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let before = try folder.contents()
    for kind in kinds {
      await expectRefusal(code, sourceLocation: sourceLocation) {
        try kind.open(folder("store.sqlite"))
      }
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

  @Test("one store is not opened as another", arguments: Kind.allCases)
  func otherStore(_ kind: Kind) async throws {
    let folder = try TemporaryFolder()
    try kind.open(folder("store.sqlite"))
    try await expectUntouched(folder, .notOurs, as: Kind.allCases.filter { $0 != kind })
    try kind.open(folder("store.sqlite"))
  }

  @Test("a file of a newer version, or of an older one", arguments: Kind.allCases)
  func otherVersion(_ kind: Kind) async throws {
    let folder = try TemporaryFolder()
    try kind.open(folder("store.sqlite"))
    for (version, code) in [(3, .newerVersion), (0, .notOurs)] as [(Int, StoreError.Code)] {
      try tamper(folder("store.sqlite"), "PRAGMA user_version = \(version)")
      try await expectUntouched(folder, code, as: [kind])
      #expect(StoreCheck.findings(inFileAt: folder("store.sqlite")).map(\.code) == [.notOurs])
    }
  }

  @Test("a damaged header")
  func damagedHeader() async throws {
    let folder = try TemporaryFolder()
    _ = try SQLiteRoleStore(path: folder("store.sqlite"))
    try overwrite(folder("store.sqlite"), "SQLite format", with: "SQLite Format")
    try await expectUntouched(folder, .notOurs)
    #expect(StoreCheck.findings(inFileAt: folder("store.sqlite")).map(\.code) == [.notOurs])
  }

  @Test("other tables")
  func otherTables() async throws {
    let folder = try TemporaryFolder()
    _ = try SQLiteRecordStore(path: folder("store.sqlite"))
    try tamper(folder("store.sqlite"), "CREATE TRIGGER t DELETE ON piece BEGIN SELECT 1; END")
    try await expectUntouched(folder, .corrupted, as: [.records])
    #expect(StoreCheck.findings(inFileAt: folder("store.sqlite")).map(\.code) == [.wrongSchema])
  }

  @Test("a journal without its file is not taken for a new one's")
  func lostFile() async throws {
    let folder = try TemporaryFolder()
    let probe = try Probe("write", folder("store.sqlite"), "1000000", "300")
    _ = probe.lines { $0 >= 5 }
    probe.kill()
    try FileManager.default.removeItem(atPath: folder("store.sqlite"))
    try await expectUntouched(folder, .corrupted, as: [.role])
  }

  /// Made by another program, from the formats alone; that of the records is in WAL mode, as all
  /// were once.
  @Test("a file of each present version opens")
  func presentVersions() async throws {
    let folder = try TemporaryFolder()
    for name in ["record-store-2", "role-store-2", "chain-log-1", "state-store-1"] {
      let url = try #require(
        Bundle.module.url(forResource: name, withExtension: "sqlite", subdirectory: "Vectors"))
      try FileManager.default.copyItem(atPath: url.path(), toPath: folder(name))
      #expect(StoreCheck.findings(inFileAt: folder(name)) == [])
    }
    let records = try SQLiteRecordStore(path: folder("record-store-2"))
    let names = (UInt8(0)...2).map { number in
      RecordName(
        hospital: "hospital-1", visit: Digest32(sha256: [number]),
        recordDigest: Digest32(sha256: [number, number]))
    }
    #expect(try await records.records() == names.sorted())
    let role = try SQLiteRoleStore(path: folder("role-store-2"))
    #expect(try role.keys(withPrefix: "").count == 3)
    let chain = try SQLiteChainLog(path: folder("chain-log-1"))
    let leaves = try await chain.leaves(from: 0, limit: .max, byteCount: .max)
    let state = try SQLiteStateStore(path: folder("state-store-1"))
    for number in UInt8(0)...2 {
      let value = Array("value \(number)".utf8)
      #expect(try await records.row(1, of: names[Int(number)]) == value)
      #expect(try await records.rowCount(of: names[Int(number)]) == 2)
      #expect(try role.value(forKey: "key \(number)") == value)
      #expect(leaves[Int(number)] == value)
      #expect(try state.value(forKey: [number]) == value)
    }
    #expect(leaves.count == 3)
  }

  @Test("what is beyond the limit of a state changes nothing of its commit")
  func tooLarge() async throws {
    let folder = try TemporaryFolder()
    let store = try SQLiteStateStore(path: folder("state.sqlite"))
    let largest = [UInt8](repeating: 1, count: SQLiteStateStore.maximumByteCount - 2)
    await expectRefusal(.tooLarge) {
      try store.commit([[2]: [2], [3, 3]: largest + [1]])
    }
    #expect(try store.value(forKey: [2]) == nil)
    try store.commit([[3, 3]: largest])
    #expect(try store.value(forKey: [3, 3]) == largest)
  }
}
