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

  @Test("the check changes nothing, even after a crash")
  func readsOnly() async throws {
    let probe = try Probe("append", log, "1000000", "300")
    _ = probe.lines { $0 >= 20 }
    probe.kill()
    let before = try folder.contents()
    #expect(before["log.sqlite-wal"]?.isEmpty == false)
    #expect(StoreCheck.findings(inFileAt: log) == [])
    #expect(try folder.contents() == before)
  }

  @Test("a missing file is a finding")
  func missing() throws {
    #expect(StoreCheck.findings(inFileAt: folder("absent")).map(\.code) == [.unreadable])
  }
}
