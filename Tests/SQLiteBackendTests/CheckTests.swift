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
  private var log: String { folder("log.sqlite") }

  init() throws { folder = try TemporaryFolder() }

  private func makeLog(_ count: Int = 20) async throws {
    _ = try await SQLiteOrderingLog(path: log)
      .append((0..<count).map { Array("entry number \($0) of the log".utf8) })
    #expect(StoreCheck.findings(inFileAt: log) == [])
  }

  private func expectCorrupted(
    reading position: UInt64 = 0, sourceLocation: SourceLocation = #_sourceLocation
  ) async {
    await #expect(sourceLocation: sourceLocation) {
      try await SQLiteOrderingLog(path: log).entries(from: position, limit: .max)
    } throws: {
      ($0 as? OrderingLogError)?.code == .corrupted
    }
  }

  @Test("a byte of an entry flips in the file")
  func flippedEntry() async throws {
    try await makeLog()
    try overwrite(log, "entry number 7 of", with: "entry number 8 of")
    #expect(
      Set(StoreCheck.findings(inFileAt: log).map(\.code)) == [.wrongDigest, .brokenChain])
    await expectCorrupted()
    await expectCorrupted(reading: 7)
  }

  @Test("an entry is exchanged together with its digest")
  func exchangedEntry() async throws {
    try await makeLog()
    let forged = Digest32(sha256: "forged".utf8)
    try tamper(
      log,
      "UPDATE entry SET bytes = CAST('forged' AS BLOB), digest = x'\(forged)' WHERE position = 7")
    #expect(StoreCheck.findings(inFileAt: log).map(\.code) == [.brokenChain])
    await expectCorrupted()
  }

  @Test("an entry is removed")
  func removedEntry() async throws {
    try await makeLog()
    try tamper(log, "DELETE FROM entry WHERE position = 7")
    #expect(Set(StoreCheck.findings(inFileAt: log).map(\.code)) == [.gap, .brokenChain])
    await expectCorrupted()
    // Where reading begins behind it, the row before is missing, and not the rest of the log.
    await expectCorrupted(reading: 8)
    let read = try await SQLiteOrderingLog(path: log).entries(from: 9, limit: 5)
    #expect(read.map(\.position) == [9, 10, 11, 12, 13])
    await #expect {
      try await SQLiteOrderingLog(path: log).chain(upTo: 8)
    } throws: {
      ($0 as? OrderingLogError)?.code == .corrupted
    }
  }

  @Test("a log that lost its end, and grew anew, has another hash over as many entries")
  func lostEnd() async throws {
    try await makeLog()
    let store = try SQLiteOrderingLog(path: log)
    let whole = try await store.chain(upTo: 20)
    try tamper(log, "DELETE FROM entry WHERE position >= 15")
    #expect(try await store.chain(upTo: 20) == nil)
    #expect(try await store.entries(from: 20, limit: 5).isEmpty)
    _ = try await store.append((0..<5).map { Array("other entry \($0)".utf8) })
    let regrown = try await store.chain(upTo: 20)
    #expect(regrown != nil && regrown != whole)
    #expect(StoreCheck.findings(inFileAt: log) == [])
  }

  @Test("a position that no log has", arguments: ["-5", "9223372036854775807"])
  func impossiblePosition(_ position: String) async throws {
    try await makeLog(1)
    try tamper(log, "UPDATE entry SET position = \(position)")
    #expect(StoreCheck.findings(inFileAt: log).map(\.code) == [.unreadable])
    for entry in [[1], Array("entry number 0 of the log".utf8)] {
      await #expect {
        try await SQLiteOrderingLog(path: log).append([entry])
      } throws: {
        ($0 as? OrderingLogError)?.code == .corrupted
      }
    }
  }

  @Test("two entries change places")
  func exchangedPlaces() async throws {
    try await makeLog()
    try tamper(
      log,
      """
      UPDATE entry SET position = -1 WHERE position = 7;
      UPDATE entry SET position = 7 WHERE position = 8;
      UPDATE entry SET position = 8 WHERE position = -1;
      """)
    #expect(StoreCheck.findings(inFileAt: log).contains { $0.code == .brokenChain })
    await expectCorrupted()
  }

  @Test("any byte of the entries' pages flips: found, or the log still says the same")
  func randomFlips() async throws {
    try await makeLog(60)
    let intact = try Data(contentsOf: URL(filePath: log))
    let entries = try await SQLiteOrderingLog(path: log).entries(from: 0, limit: .max)
    var generator = SeededGenerator(seed: 1)
    var found = 0
    for _ in 0..<300 {
      let copy = folder("flipped.sqlite")
      var bytes = intact
      bytes[Int.random(in: 0..<bytes.count, using: &generator)] ^=
        1 << UInt8.random(in: 0...7, using: &generator)
      try bytes.write(to: URL(filePath: copy))
      if StoreCheck.findings(inFileAt: copy).isEmpty {
        let read = try await SQLiteOrderingLog(path: copy).entries(from: 0, limit: .max)
        #expect(read == entries)
      } else {
        found += 1
      }
    }
    #expect(found > 30)
  }

  @Test("a record is changed: not given out")
  func changedRecord() async throws {
    let path = folder("records.sqlite")
    let visits = (1...3).map { Digest32(sha256: [$0]) }
    for (number, visit) in visits.enumerated() {
      try await SQLiteRecordStore(path: path).put(Array("record \(number)".utf8), visit: visit)
    }
    #expect(StoreCheck.findings(inFileAt: path) == [])
    try overwrite(path, "record 1", with: "Record 1")
    let findings = StoreCheck.findings(inFileAt: path)
    #expect(findings.map(\.code) == [.wrongDigest])
    #expect(findings.first?.what.contains("\(visits[1])") == true)
    let store = try SQLiteRecordStore(path: path)
    await expectRefusal(.corrupted) { _ = try await store.record(ofVisit: visits[1]) }
    #expect(try await store.record(ofVisit: visits[2]) == Array("record 2".utf8))
  }

  @Test("a value of a role is changed: not given out")
  func changedValue() async throws {
    let path = folder("state.sqlite")
    try SQLiteRoleStore(path: path).write(["counter": Array("0007".utf8), "other": [1]])
    try overwrite(path, "0007", with: "0006")
    #expect(StoreCheck.findings(inFileAt: path).map(\.code) == [.wrongDigest])
    let store = try SQLiteRoleStore(path: path)
    await expectRefusal(.corrupted) { _ = try store.value(forKey: "counter") }
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

  @Test("any byte of a chain or a state flips: found, or they still say the same")
  func randomFlipsOfBoth() async throws {
    try await SQLiteChainLog(path: folder("chain.sqlite"))
      .append((0..<60).map { Array("leaf \($0)".utf8) }, at: 0)
    let keys = (UInt8(0)..<60).map { [$0] }
    try SQLiteStateStore(path: folder("state.sqlite"))
      .commit(Dictionary(uniqueKeysWithValues: keys.map { ($0, $0 + [7]) }))
    var generator = SeededGenerator(seed: 2)
    var found = 0
    for name in ["chain.sqlite", "state.sqlite"] {
      let intact = try Data(contentsOf: URL(filePath: folder(name)))
      for _ in 0..<150 {
        let copy = folder("flipped.sqlite")
        var bytes = intact
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] ^=
          1 << UInt8.random(in: 0...7, using: &generator)
        try bytes.write(to: URL(filePath: copy))
        guard StoreCheck.findings(inFileAt: copy).isEmpty else {
          found += 1
          continue
        }
        if name == "chain.sqlite" {
          let leaves = try await SQLiteChainLog(readingFrom: copy)
            .leaves(from: 0, limit: .max, byteCount: .max)
          #expect(leaves == (0..<60).map { Array("leaf \($0)".utf8) })
        } else {
          let store = try SQLiteStateStore(readingFrom: copy)
          for key in keys { #expect(try store.value(forKey: key) == key + [7]) }
        }
      }
    }
    #expect(found > 30)
  }

  @Test("the check changes nothing, even after a crash")
  func readsOnly() async throws {
    let probe = try Probe("append", log, "1000000", "300")
    _ = probe.lines { $0 >= 20 }
    probe.kill()
    let before = try folder.contents()
    #expect(StoreCheck.findings(inFileAt: log) == [])
    #expect(try folder.contents() == before)
  }

  @Test("a missing file is a finding")
  func missing() throws {
    #expect(StoreCheck.findings(inFileAt: folder("absent")).map(\.code) == [.unreadable])
  }
}
