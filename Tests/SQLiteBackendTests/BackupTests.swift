import CanonicalEncoding
import Foundation
import GRDB
import Ledger
import SQLiteBackend
import TestSupport
import Testing

@Suite("A backup is all of a folder, or none of it")
struct BackupTests {
  private static let head = BackupArchive.Head(
    genesis: Digest32(sha256: [1]), leaves: 42, until: "2026-11-27T14:00:00Z")

  private func backup(_ files: [(name: String, bytes: [UInt8])]) throws -> [UInt8] {
    var archive: [UInt8] = []
    var writer = try BackupWriter(Self.head) { archive += $0 }
    for file in files { try writer.add(file.name, file.bytes) }
    try writer.finish()
    return archive
  }

  private func contents(
    _ archive: [UInt8], head: inout BackupArchive.Head?
  ) throws -> [String: [UInt8]] {
    var rest = archive[...]
    var reader = try BackupReader { count in
      defer { rest = rest.dropFirst(count) }
      return Array(rest.prefix(count))
    }
    head = reader.head
    var files: [String: [UInt8]] = [:]
    while let file = try reader.next() {
      var bytes: [UInt8] = []
      while let piece = try reader.piece() { bytes += piece }
      #expect(bytes.count == Int(file.byteCount))
      files[file.name] = bytes
    }
    return files
  }

  private func contents(_ archive: [UInt8]) throws -> [String: [UInt8]] {
    var head: BackupArchive.Head?
    return try contents(archive, head: &head)
  }

  private static let long = "hospital-" + String(repeating: "h", count: 55)

  /// Files of all lengths that may matter, in the order of their names.
  private func files() -> [(name: String, bytes: [UInt8])] {
    var generator = SeededGenerator(seed: 5)
    let names = [
      "cloud/chains/consortium.sqlite", "cloud/keys.pem", "cloud/records.sqlite",
      "cloud/state.sqlite", "doctors/hospital-1-doctor-1/keys.pem", "genesis.der",
      "\(Self.long)/chains/\(Self.long).sqlite", "manager/state.sqlite",
    ]
    let lengths = [1 << 20, 0, 1, 511, 512, 513, (1 << 20) + 1, 3000]
    return zip(names, lengths).map { ($0, generator.bytes($1)) }
  }

  @Test("every file comes back byte for byte, whatever its length and name")
  func roundTrip() throws {
    let files = files()
    var head: BackupArchive.Head?
    let read = try contents(backup(files), head: &head)
    #expect(head == Self.head)
    #expect(read == Dictionary(uniqueKeysWithValues: files.map { ($0.name, $0.bytes) }))
    #expect(try contents(backup([])) == [:])
  }

  @Test("tar and sha256sum read it")
  func otherPrograms() throws {
    let folder = try TemporaryFolder()
    let files = files()
    try Data(backup(files)).write(to: URL(filePath: folder("backup")))
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = [
      "-c", "cd \"$0\" && mkdir x && tar xf backup -C x && cd x && sha256sum --quiet -c SHA256SUMS",
      folder.path,
    ]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    for file in files {
      #expect(try Data(contentsOf: URL(filePath: folder("x/\(file.name)"))) == Data(file.bytes))
    }
  }

  @Test("[attack] a backup names what lies outside of the folder, or what belongs to no ledger")
  func hostileNames() throws {
    let names = [
      "/etc/passwd", "../genesis.der", "cloud/../genesis.der", "cloud/keys.pem/", "/keys.pem",
      "./genesis.der", "cloud//keys.pem", "keys.pem", "lock", "state.sqlite", "chains/x.sqlite",
      "patients/../keys.pem", "patients/a/b/keys.pem", "patients/.a/keys.pem", "patients/keys.pem",
      "cloud/chains/.sqlite", "cloud/chains/..sqlite", "cloud/chains/a/b.sqlite", "cloud/other.txt",
      "cloud/chains/consortium.sqlite-journal", "cloud/state.sqlite-wal", "Root/keys.pem",
      "root.d/keys.pem",
      "cloud/keys.pem\u{0}x", "cloud/keys.pem.new", "genesis.der/keys.pem", "cloud/chains/chains",
      "demonstration.json/keys.pem", "bcemr-backup",
    ]
    for name in names {
      #expect(!DataFolder.isLedgerFile(name), "\(name.debugDescription)")
      #expect(throws: BackupError.self, "\(name.debugDescription)") {
        try contents(backup([(name, [1])]))
      }
    }
    let twice = [("cloud/keys.pem", [UInt8(1)]), ("cloud/keys.pem", [2])]
    #expect(throws: BackupError.self) { try contents(backup(twice)) }
    #expect(throws: BackupError.self) { try contents(backup([("genesis.der", [1]), twice[0]])) }
  }

  @Test("[attack] a backup that was cut anywhere, or changed in any byte, is refused")
  func damage() throws {
    let files: [(String, [UInt8])] = [
      ("cloud/keys.pem", Array("key".utf8)), ("genesis.der", [UInt8](repeating: 7, count: 700)),
    ]
    let archive = try backup(files)
    for count in 0..<archive.count {
      #expect(throws: BackupError.self, "\(count) bytes") { try contents(Array(archive[..<count])) }
    }
    for position in archive.indices {
      var changed = archive
      changed[position] ^= 1 << UInt8(position % 8)
      #expect(throws: BackupError.self, "byte \(position)") {
        let files = try contents(changed)
        Issue.record("\(files)")
      }
    }
    #expect(throws: BackupError.self) { try contents(archive + [0]) }
  }

  @Test("a size that no octal digits hold is read back, and ends too early")
  func largeFile() throws {
    var archive: [UInt8] = []
    var writer = try BackupWriter(Self.head) { archive += $0 }
    var isFirst = true
    #expect(throws: BackupError.self) {
      try writer.add("cloud/records.sqlite", byteCount: 1 << 40) { _ in
        defer { isFirst = false }
        return isFirst ? [1, 2, 3] : []
      }
    }
    var rest = archive[...]
    var reader = try BackupReader { count in
      defer { rest = rest.dropFirst(count) }
      return Array(rest.prefix(count))
    }
    #expect(try reader.next()?.byteCount == 1 << 40)
    #expect(throws: BackupError.self) { try reader.piece() }
  }

  @Test("a store is copied as of its last commit, also one that a crash left in the middle of one")
  func copies() async throws {
    let place = try TemporaryFolder()
    let data = try DataFolder(path: place("data"))
    try data.roleStore("cloud").write(["a": [1, 2], "gone": [3]])
    try data.roleStore("cloud").write(["gone": nil])
    try await data.chainLog("hospital-1").append([[1], [2]], at: 0)
    try Data().write(to: URL(filePath: place("data/notes.txt")))
    let inventory = try data.inventory()
    #expect(inventory.files == ["cloud/state.sqlite", "hospital-1/chain.sqlite"])
    #expect(inventory.others == ["notes.txt"])

    try interrupt(place("data/hospital-1/chain.sqlite"))
    let before = try place.contents()
    try data.copyStore("cloud/state.sqlite", to: place("copy"))
    try data.copyStore("hospital-1/chain.sqlite", to: place("chain"))
    let attributes = try FileManager.default.attributesOfItem(atPath: place("copy"))
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    #expect(try SQLiteRoleStore(readingFrom: place("copy")).keys(withPrefix: "") == ["a"])
    #expect(StoreCheck.findings(inFileAt: place("chain")) == [])
    #expect(try await SQLiteChainLog(readingFrom: place("chain")).size() == 2)
    #expect(
      try place.contents().filter { $0.key.hasPrefix("data/") }
        == before.filter { $0.key.hasPrefix("data/") })
    await expectRefusal(.conflict) { try data.copyStore("cloud/state.sqlite", to: place("copy")) }
  }

  @Test("a damaged store is not backed up, and nothing behind a link is left out in silence")
  func refusals() async throws {
    let place = try TemporaryFolder()
    let data = try DataFolder(path: place("data"))
    try data.roleStore("cloud").write(["a": [1, 2]])
    try tamper(place("data/cloud/state.sqlite"), "UPDATE value SET bytes = x'0304'")
    await expectRefusal(.corrupted) {
      try data.copyStore("cloud/state.sqlite", to: place("copy"))
    }
    try FileManager.default.moveItem(atPath: place("data/cloud"), toPath: place("elsewhere"))
    try FileManager.default.createSymbolicLink(
      atPath: place("data/cloud"), withDestinationPath: place("elsewhere"))
    await expectRefusal(.unavailable) { _ = try data.inventory() }
  }

  /// Leaves a log and its journal as a crash in the middle of a large commit does.
  private func interrupt(_ path: String) throws {
    let queue = try DatabaseQueue(path: path)
    try queue.writeWithoutTransaction { database in
      try database.execute(sql: "PRAGMA journal_mode = TRUNCATE; PRAGMA cache_size = 1; BEGIN")
      for number in 10..<200 {
        try database.execute(
          sql: "INSERT INTO leaf VALUES (?, zeroblob(32), ?)",
          arguments: [number, Data(count: 900)])
      }
      for suffix in ["", "-journal"] {
        try FileManager.default.copyItem(atPath: path + suffix, toPath: path + suffix + ".kept")
      }
      try database.execute(sql: "ROLLBACK")
    }
    try queue.close()
    for suffix in ["", "-journal"] {
      try? FileManager.default.removeItem(atPath: path + suffix)
      try FileManager.default.moveItem(atPath: path + suffix + ".kept", toPath: path + suffix)
    }
  }
}
