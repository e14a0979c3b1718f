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
      let chain = try SQLiteChainLog(path: folder("chain.sqlite"))
      try await chain.append([[1]], at: chain.size())
      let state = try SQLiteStateStore(path: folder("state.sqlite"))
      try state.commit([[1]: [1]])
      for file in [log.file, chain.file, state.file] {
        // 2 is FULL; NORMAL, which a power failure can make lose commits, is 1.
        #expect(try file.setting("synchronous") == "2")
        #expect(try file.setting("journal_mode") == "\"truncate\"")
      }
    }
  }

  @Test("a copy of the file alone holds all that was acknowledged, while the store is open")
  func fileAlone() async throws {
    let folder = try TemporaryFolder()
    let log = try SQLiteOrderingLog(path: folder("log.sqlite"))
    let chain = try SQLiteChainLog(path: folder("chain.sqlite"))
    let state = try SQLiteStateStore(path: folder("state.sqlite"))
    for number in 0..<UInt8(5) {
      _ = try await log.append([[number]])
      try await chain.append([[number]], at: UInt64(number))
      try state.commit([[number]: [number]])
      let copy = try TemporaryFolder()
      for name in ["log.sqlite", "chain.sqlite", "state.sqlite"] {
        try FileManager.default.copyItem(atPath: folder(name), toPath: copy(name))
      }
      let entries = try await SQLiteOrderingLog(path: copy("log.sqlite"))
        .entries(from: 0, limit: .max)
      #expect(entries.count == Int(number) + 1)
      #expect(try await SQLiteChainLog(path: copy("chain.sqlite")).size() == UInt64(number) + 1)
      #expect(
        try SQLiteStateStore(path: copy("state.sqlite")).value(forKey: [number]) == [number])
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

  @Test("killed while committing: log and state hold all acknowledged, and no half of a commit")
  func killedNode() async throws {
    for count in [1, 30, 200] {
      let folder = try TemporaryFolder()
      let probe = try Probe("chain", folder.path, "1000000", "3000")
      let acknowledged = try probe.lines(killingAfter: count).map { try #require(UInt64($0)) }
      try await expectChain(atLeast: acknowledged.last ?? 0, in: folder)
    }
  }

  @Test("the disk is full: neither log nor state lose anything", arguments: [50, 500, 3000])
  func fullNode(blocks: Int) async throws {
    let folder = try TemporaryFolder()
    _ = try SQLiteChainLog(path: folder("chain.sqlite"))
    _ = try SQLiteStateStore(path: folder("state.sqlite"))
    let (lines, status) = try Probe("chain", folder.path, "1000000", "3000", limit: blocks).finish()
    #expect(status == 3)
    #expect(try #require(lines.last).hasPrefix("full: "))
    let size = try lines.dropLast().last.map { try #require(UInt64($0)) } ?? 0
    try await expectChain(atLeast: size, in: folder)
  }

  @Test("two processes append to one chain: exactly one is first at each position")
  func race() async throws {
    let folder = try TemporaryFolder()
    let probes = try (1...2).map { try Probe("race", folder("chain.sqlite"), "60", "\($0)") }
    let results = probes.map { $0.finish() }
    #expect(results.map(\.status) == [0, 0])
    let leaves = try await SQLiteChainLog(path: folder("chain.sqlite"))
      .leaves(from: 0, limit: .max, byteCount: .max)
    for (number, result) in results.enumerated() {
      let won = leaves.indices.filter { leaves[$0] == Array("\(number + 1)".utf8) }
      #expect(result.lines == won.map { "\($0)" })
    }
    #expect(leaves.count == results.map(\.lines.count).reduce(0, +))
    #expect(StoreCheck.findings(inFileAt: folder("chain.sqlite")) == [])
  }

  @Test("a passing store leaves nothing behind, even when it is killed")
  func passing() async throws {
    let folder = try TemporaryFolder()
    let probe = try Probe("pass", folder.path)
    #expect(probe.lines { $0 >= 1 } == ["60000"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    probe.kill()
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    await expectRefusal(.unavailable) {
      _ = try SQLiteStateStore.temporary(in: folder("absent"))
    }
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

  /// Each commit of the probe appends two leaves, and puts their count into the state, twice.
  private func expectChain(atLeast acknowledged: UInt64, in folder: TemporaryFolder) async throws {
    let log = try SQLiteChainLog(path: folder("chain.sqlite"))
    let size = try await log.size()
    // One more commit may be there, whose acknowledgement was not said.
    #expect([acknowledged, acknowledged + 2].contains(size))
    let leaves = try await log.leaves(from: 0, limit: .max, byteCount: .max)
    for (number, leaf) in leaves.enumerated() {
      #expect(leaf.starts(with: "leaf \(number) ".utf8) && leaf.count == 3000)
    }
    let state = try SQLiteStateStore(path: folder("state.sqlite"))
    let count = try state.value(forKey: [1])
    #expect(try state.value(forKey: [2]) == count)
    let counted = UInt64(String(decoding: count ?? Array("0".utf8), as: UTF8.self))
    #expect([acknowledged, acknowledged + 2].contains(counted))
    #expect(try #require(counted) <= size)
    for name in ["chain.sqlite", "state.sqlite"] {
      #expect(StoreCheck.findings(inFileAt: folder(name)) == [])
    }
    try await log.append([[1]], at: size)
    try state.commit([[1]: nil])
  }
}
