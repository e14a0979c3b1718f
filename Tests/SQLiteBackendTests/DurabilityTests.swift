import Consortium
import Foundation
import Ledger
import SQLiteBackend
import Testing

@Suite("What is acknowledged is on disk")
struct DurabilityTests {
  @Test("the connection that writes waits for the disk at each commit")
  func synchronous() async throws {
    let folder = try TemporaryFolder()
    for _ in 1...2 {
      let log = try SQLiteOrderingLog(path: folder("log.sqlite"))
      _ = try await log.append([[1]])
      // 2 is FULL; NORMAL, which a power failure can make lose commits, is 1.
      #expect(try log.file.setting("synchronous") == "2")
      #expect(try log.file.setting("journal_mode") == "\"wal\"")
    }
  }

  @Test("killed while appending: every acknowledged entry is there", arguments: [1, 10, 100, 700])
  func killed(after count: Int) async throws {
    let folder = try TemporaryFolder()
    let probe = try Probe("append", folder("log.sqlite"), "1000000", "3000")
    let acknowledged = probe.lines(killingAfter: count)
    #expect(acknowledged.count >= count)
    try await expectEntries(acknowledged, in: folder("log.sqlite"))
  }

  @Test("the disk is full: nothing acknowledged is lost", arguments: [100, 500, 3000])
  func full(blocks: Int) async throws {
    let folder = try TemporaryFolder()
    _ = try SQLiteOrderingLog(path: folder("log.sqlite"))
    let (lines, status) = try Probe(
      "append", folder("log.sqlite"), "1000000", "3000", limit: blocks
    ).finish()
    #expect(status == 3)
    #expect(try #require(lines.last).hasPrefix("unavailable: "))
    #expect(try #require(lines.last).contains("used up; nothing was written"))
    try await expectEntries(lines.dropLast(), in: folder("log.sqlite"))
    // With room again, the log goes on where it stopped.
    let log = try SQLiteOrderingLog(path: folder("log.sqlite"))
    #expect(try await log.append([[1]]) == [UInt64(lines.count - 1)])
  }

  @Test("no room for a new log: there is none, and a clear error")
  func fullAtCreation() throws {
    let folder = try TemporaryFolder()
    let (lines, status) = try Probe("append", folder("log.sqlite"), "1", "10", limit: 8).finish()
    #expect(status == 3)
    #expect(try #require(lines.last).hasPrefix("full: "))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
  }

  private func expectEntries(_ positions: some Collection<String>, in path: String) async throws {
    let log = try SQLiteOrderingLog(path: path)
    let entries = try await log.entries(from: 0, limit: .max)
    #expect(positions.elementsEqual(positions.indices.enumerated().map { "\($0.offset)" }))
    // One more may be there, whose acknowledgement was not said.
    #expect([0, 1].contains(entries.count - positions.count))
    for entry in entries {
      #expect(entry.bytes.starts(with: "entry \(entry.position) ".utf8))
      #expect(entry.bytes.count == 3000)
    }
    #expect(StoreCheck.findings(inFileAt: path) == [])
  }
}
