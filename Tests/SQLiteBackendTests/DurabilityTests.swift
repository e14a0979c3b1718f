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
      let role = try SQLiteRoleStore(path: folder("role.sqlite"))
      try role.write(["a": [1]])
      let chain = try SQLiteChainLog(path: folder("chain.sqlite"))
      try await chain.append([[1]], at: chain.size())
      let state = try SQLiteStateStore(path: folder("state.sqlite"))
      try state.commit([[1]: [1]])
      for file in [role.file, chain.file, state.file] {
        // 2 is FULL; NORMAL, which a power failure can make lose commits, is 1.
        #expect(try file.setting("synchronous") == "2")
        #expect(try file.setting("journal_mode") == "\"truncate\"")
      }
    }
  }

  @Test("a copy of the file alone holds all that was acknowledged, while the store is open")
  func fileAlone() async throws {
    let folder = try TemporaryFolder()
    let role = try SQLiteRoleStore(path: folder("role.sqlite"))
    let chain = try SQLiteChainLog(path: folder("chain.sqlite"))
    let state = try SQLiteStateStore(path: folder("state.sqlite"))
    for number in 0..<UInt8(5) {
      try role.write(["\(number)": [number]])
      try await chain.append([[number]], at: UInt64(number))
      try state.commit([[number]: [number]])
      let copy = try TemporaryFolder()
      for name in ["role.sqlite", "chain.sqlite", "state.sqlite"] {
        try FileManager.default.copyItem(atPath: folder(name), toPath: copy(name))
      }
      #expect(
        try SQLiteRoleStore(path: copy("role.sqlite")).keys(withPrefix: "")
          == (0...number).map { "\($0)" })
      #expect(try await SQLiteChainLog(path: copy("chain.sqlite")).size() == UInt64(number) + 1)
      #expect(
        try SQLiteStateStore(path: copy("state.sqlite")).value(forKey: [number]) == [number])
    }
  }

  @Test(
    "killed while writing: every acknowledged value is there, and no half of a write",
    arguments: [1, 10, 100, 700])
  func killed(after count: Int) throws {
    let folder = try TemporaryFolder()
    let probe = try Probe("write", folder("role.sqlite"), "1000000", "3000")
    let acknowledged = probe.lines(killingAfter: count)
    #expect(acknowledged.count >= count)
    try expectValues(acknowledged, in: folder("role.sqlite"))
  }

  @Test("the disk is full: nothing acknowledged is lost", arguments: [100, 500, 3000])
  func full(blocks: Int) throws {
    let folder = try TemporaryFolder()
    _ = try SQLiteRoleStore(path: folder("role.sqlite"))
    let (lines, status) = try Probe(
      "write", folder("role.sqlite"), "1000000", "3000", limit: blocks
    ).finish()
    #expect(status == 3)
    #expect(try #require(lines.last).hasPrefix("full: "))
    #expect(try #require(lines.last).contains("used up; nothing was written"))
    try expectValues(lines.dropLast(), in: folder("role.sqlite"))
    // With room again, the role goes on.
    let store = try SQLiteRoleStore(path: folder("role.sqlite"))
    try store.write(["outbox/0": [1]])
    #expect(try store.value(forKey: "outbox/0") == [1])
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

  @Test("no room for a new store: there is none, and a clear error")
  func fullAtCreation() throws {
    let folder = try TemporaryFolder()
    let (lines, status) = try Probe("write", folder("role.sqlite"), "1", "10", limit: 8).finish()
    #expect(status == 3)
    #expect(try #require(lines.last).hasPrefix("full: "))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
  }

  /// Each write of the probe adds a value and counts it; every second one removes that of ten writes
  /// before.
  private func expectValues(_ numbers: some Collection<String>, in path: String) throws {
    #expect(numbers.elementsEqual(numbers.indices.enumerated().map { "\($0.offset)" }))
    let store = try SQLiteRoleStore(path: path)
    let counted = try store.value(forKey: "consensus/count")
    let count = try #require(Int(String(decoding: counted ?? Array("0".utf8), as: UTF8.self)))
    // One more may be there, whose acknowledgement was not said.
    #expect([0, 1].contains(count - numbers.count))
    let expected = (0..<count).filter { !$0.isMultiple(of: 2) || $0 + 10 >= count }
    #expect(try Set(store.keys(withPrefix: "outbox/")) == Set(expected.map { "outbox/\($0)" }))
    for number in expected {
      let value = try #require(try store.value(forKey: "outbox/\(number)"))
      #expect(value.starts(with: "value \(number) ".utf8) && value.count == 3000)
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
