import CanonicalEncoding
import Consortium
import Foundation
import Ledger
import SQLiteBackend
import TestSupport
import Testing

@Suite("Damage is found")
struct CheckTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("a record is changed: not given out")
  func changedRecord() async throws {
    let path = folder("records.sqlite")
    let records = (1...3).map { number in
      RecordName(hospital: "hospital-1", visit: Digest32(sha256: [number]), recordDigest: .zero)
    }
    for (number, record) in records.enumerated() {
      try await SQLiteRecordStore(path: path).put(
        [0: [UInt8(number)], 1: Array("record \(number)".utf8)], of: record)
    }
    #expect(StoreCheck.findings(inFileAt: path) == [])
    try overwrite(path, "record 1", with: "Record 1")
    let findings = StoreCheck.findings(inFileAt: path)
    #expect(findings.map(\.code) == [.wrongDigest])
    #expect(findings.first?.what.contains("\(records[1])") == true)
    let store = try SQLiteRecordStore(path: path)
    await expectRefusal(.corrupted) { _ = try await store.row(1, of: records[1]) }
    #expect(try await store.row(1, of: records[2]) == Array("record 2".utf8))
    // Nor a row in the place of another.
    try tamper(path, "UPDATE piece SET position = 2 WHERE position = 1")
    await expectRefusal(.corrupted) { _ = try await store.row(2, of: records[2]) }
  }

  @Test("a value of a role is changed, or two change places: not given out")
  func changedValue() async throws {
    let path = folder("state.sqlite")
    try SQLiteRoleStore(path: path).write([
      "counter": Array("0007".utf8), "other": [1], "outbox/1": [2], "outbox/2": [3],
    ])
    #expect(StoreCheck.findings(inFileAt: path) == [])
    try overwrite(path, "0007", with: "0006")
    try tamper(
      path,
      """
      UPDATE value SET key = 'outbox/0' WHERE key = 'outbox/1';
      UPDATE value SET key = 'outbox/1' WHERE key = 'outbox/2';
      UPDATE value SET key = 'outbox/2' WHERE key = 'outbox/0';
      """)
    let findings = StoreCheck.findings(inFileAt: path)
    #expect(findings.map(\.code) == [.wrongDigest, .wrongDigest, .wrongDigest])
    let store = try SQLiteRoleStore(path: path)
    for key in ["counter", "outbox/1", "outbox/2"] {
      #expect(findings.contains { $0.what.contains("\"\(key)\"") })
      await expectRefusal(.corrupted) { _ = try store.value(forKey: key) }
    }
    #expect(try store.value(forKey: "other") == [1])
  }

  @Test("leaves of a chain are changed, removed, or have no place")
  func chain() async throws {
    let path = folder("chain.sqlite")
    let damages: [(String, Set<StoreFinding.Code>)] = [
      ("UPDATE leaf SET bytes = CAST('forged' AS BLOB) WHERE position = 7", [.brokenChain]),
      ("DELETE FROM leaf WHERE position = 7", [.gap, .brokenChain]),
      ("DELETE FROM leaf WHERE position < 8", [.gap, .brokenChain]),
      ("UPDATE leaf SET bytes = x'' WHERE position = 7", [.wrongLength, .brokenChain]),
      ("UPDATE leaf SET position = -7 WHERE position = 7", [.unreadable]),
    ]
    for (sql, codes) in damages {
      let log = try SQLiteChainLog(path: path)
      try await log.append((0..<20).map { Array("leaf \($0)".utf8) }, at: 0)
      #expect(StoreCheck.findings(inFileAt: path) == [])
      try tamper(path, sql)
      #expect(Set(StoreCheck.findings(inFileAt: path).map(\.code)) == codes, "\(sql)")
      for first in [0, 5, 7] as [UInt64] {
        await expectRefusal(.corrupted) {
          _ = try await log.leaves(from: first, limit: 10, byteCount: .max)
        }
      }
      #expect(try await log.leaves(from: 9, limit: 5, byteCount: .max).count == 5)
      for suffix in ["", "-journal"] {
        try? FileManager.default.removeItem(atPath: path + suffix)
      }
    }
  }

  @Test("a byte of a leaf flips in the file")
  func flippedLeaf() async throws {
    _ = try await twentyLeaves()
    try overwrite(folder("chain.sqlite"), "leaf 7", with: "leaf 8")
    // Opened anew: who has the file open may have that page in memory.
    let log = try SQLiteChainLog(path: folder("chain.sqlite"))
    #expect(StoreCheck.findings(inFileAt: folder("chain.sqlite")).map(\.code) == [.brokenChain])
    for first in [0, 7] as [UInt64] {
      await expectRefusal(.corrupted) {
        _ = try await log.leaves(from: first, limit: .max, byteCount: .max)
      }
    }
  }

  @Test("two leaves change places")
  func exchangedLeaves() async throws {
    let log = try await twentyLeaves()
    try tamper(
      folder("chain.sqlite"),
      """
      UPDATE leaf SET position = -1 WHERE position = 7;
      UPDATE leaf SET position = 7 WHERE position = 8;
      UPDATE leaf SET position = 8 WHERE position = -1;
      """)
    #expect(
      StoreCheck.findings(inFileAt: folder("chain.sqlite")).contains { $0.code == .brokenChain })
    await expectRefusal(.corrupted) {
      _ = try await log.leaves(from: 0, limit: .max, byteCount: .max)
    }
  }

  @Test("where a leaf is missing, reading begins neither there nor right behind it")
  func removedLeaf() async throws {
    let log = try await twentyLeaves()
    try tamper(folder("chain.sqlite"), "DELETE FROM leaf WHERE position = 7")
    for first in [7, 8] as [UInt64] {
      await expectRefusal(.corrupted) {
        _ = try await log.leaves(from: first, limit: 5, byteCount: .max)
      }
    }
    #expect(
      try await log.leaves(from: 9, limit: 2, byteCount: .max)
        == [Array("leaf 9".utf8), Array("leaf 10".utf8)])
  }

  @Test("a log that lost its end takes nothing where it would have gone on")
  func lostEnd() async throws {
    let log = try await twentyLeaves()
    try tamper(folder("chain.sqlite"), "DELETE FROM leaf WHERE position >= 15")
    #expect(try await log.size() == 15)
    #expect(try await log.leaves(from: 15, limit: 5, byteCount: .max).isEmpty)
    await expectRefusal(.conflict) { try await log.append([[1]], at: 20) }
    // A valid beginning of a log is a valid log.
    #expect(StoreCheck.findings(inFileAt: folder("chain.sqlite")) == [])
  }

  @Test("a position that no log has", arguments: ["-5", "9223372036854775807"])
  func impossiblePosition(_ position: String) async throws {
    let log = try SQLiteChainLog(path: folder("chain.sqlite"))
    try await log.append([[1]], at: 0)
    try tamper(folder("chain.sqlite"), "UPDATE leaf SET position = \(position)")
    #expect(StoreCheck.findings(inFileAt: folder("chain.sqlite")).map(\.code) == [.unreadable])
    for place in [0, 1, .max] as [UInt64] {
      await expectRefusal(.corrupted) { try await log.append([[2]], at: place) }
    }
    await expectRefusal(.corrupted) { _ = try await log.size() }
  }

  private func twentyLeaves() async throws -> SQLiteChainLog {
    let log = try SQLiteChainLog(path: folder("chain.sqlite"))
    try await log.append((0..<20).map { Array("leaf \($0)".utf8) }, at: 0)
    #expect(StoreCheck.findings(inFileAt: folder("chain.sqlite")) == [])
    return log
  }

  @Test("two states differ in just the rows in which they differ, in the order of keys")
  func differences() throws {
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<20 {
      var made: [[UInt8]: [UInt8]] = [:]
      var expected: [StateDifference] = []
      var found: [[UInt8]: [UInt8]] = [:]
      for _ in 0..<Int.random(in: 0...30, using: &generator) {
        // Some keys begin others.
        let key = (0..<Int.random(in: 0...3, using: &generator)).map { _ in
          UInt8.random(in: 0...2, using: &generator)
        }
        made[key] = generator.bytes(3)
      }
      for (key, value) in made {
        switch Int.random(in: 0...4, using: &generator) {
        case 0: expected.append(StateDifference(key: key, kind: .missing))
        case 1:
          found[key] = value + [0]
          expected.append(StateDifference(key: key, kind: .otherValue))
        default: found[key] = value
        }
      }
      for key in [[1, 0, 2, 1], [3], [0xff, 0xff]] as [[UInt8]]
      where Bool.random(using: &generator) {
        found[key] = []
        expected.append(StateDifference(key: key, kind: .unexpected))
      }
      // Of what is not compared nothing is said.
      (found[[7, 1]], made[[7, 2]]) = ([1], [1])
      let (store, other) = (
        try SQLiteStateStore.temporary(in: folder.path),
        try SQLiteStateStore.temporary(in: folder.path)
      )
      try store.commit(found.mapValues { Optional($0) })
      try other.commit(made.mapValues { Optional($0) })
      var differences: [StateDifference] = []
      try store.differences(from: other, where: { $0.first != 7 }) { differences.append($0) }
      #expect(differences == expected.sorted { $0.key.lexicographicallyPrecedes($1.key) })
    }
  }

  @Test("a value of the state is changed, or two change places: not given out")
  func state() throws {
    let path = folder("state.sqlite")
    let store = try SQLiteStateStore(path: path)
    try store.commit([[1]: [1, 1], [2]: [2, 2], [3]: [3, 3]])
    #expect(StoreCheck.findings(inFileAt: path) == [])
    try tamper(
      path,
      """
      UPDATE state SET value = x'0909' WHERE key = x'01';
      UPDATE state SET (mark, value) = (SELECT mark, value FROM state WHERE key = x'03')
        WHERE key = x'02';
      """)
    #expect(StoreCheck.findings(inFileAt: path).map(\.code) == [.wrongDigest, .wrongDigest])
    for key in [[1], [2]] as [[UInt8]] {
      #expect {
        try store.value(forKey: key)
      } throws: {
        ($0 as? StoreError)?.code == .corrupted
      }
    }
    #expect(try store.value(forKey: [3]) == [3, 3])
  }

  @Test("any byte of a store flips: found, or it still says the same")
  func randomFlips() async throws {
    let contents: [(name: String, read: (String) async throws -> [[UInt8]?])] = [
      (
        "chain.sqlite",
        { try await SQLiteChainLog(readingFrom: $0).leaves(from: 0, limit: .max, byteCount: .max) }
      ),
      (
        "state.sqlite",
        { path in
          let store = try SQLiteStateStore(readingFrom: path)
          return try Self.numbers.map { try store.value(forKey: [$0]) }
        }
      ),
      (
        "role.sqlite",
        { path in
          let store = try SQLiteRoleStore(readingFrom: path)
          #expect(try store.keys(withPrefix: "").count == Self.numbers.count)
          return try Self.numbers.map { try store.value(forKey: "outbox/\($0)") }
        }
      ),
    ]
    try await SQLiteChainLog(path: folder("chain.sqlite")).append(
      Self.numbers.map(Self.text), at: 0)
    try SQLiteStateStore(path: folder("state.sqlite"))
      .commit(Dictionary(uniqueKeysWithValues: Self.numbers.map { ([$0], Self.text($0)) }))
    try SQLiteRoleStore(path: folder("role.sqlite"))
      .write(Dictionary(uniqueKeysWithValues: Self.numbers.map { ("outbox/\($0)", Self.text($0)) }))
    var generator = SeededGenerator(seed: 2)
    for (name, read) in contents {
      let intact = try Data(contentsOf: URL(filePath: folder(name)))
      var found = 0
      for _ in 0..<200 {
        let copy = folder("flipped.sqlite")
        var bytes = intact
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] ^=
          1 << UInt8.random(in: 0...7, using: &generator)
        try bytes.write(to: URL(filePath: copy))
        if StoreCheck.findings(inFileAt: copy).isEmpty {
          #expect(try await read(copy) == Self.numbers.map(Self.text), "\(name)")
        } else {
          found += 1
        }
      }
      #expect(found > 15, "\(name)")
    }
  }

  private static let numbers = UInt8(0)..<60
  private static func text(_ number: UInt8) -> [UInt8] { Array("number \(number)".utf8) }

  @Test("the check changes nothing, even after a crash")
  func readsOnly() async throws {
    let path = folder("role.sqlite")
    let probe = try Probe("write", path, "1000000", "300")
    _ = probe.lines { $0 >= 20 }
    probe.kill()
    let before = try folder.contents()
    #expect(StoreCheck.findings(inFileAt: path) == [])
    #expect(try folder.contents() == before)
  }

  @Test("a missing file is a finding")
  func missing() throws {
    #expect(StoreCheck.findings(inFileAt: folder("absent")).map(\.code) == [.unreadable])
  }
}
