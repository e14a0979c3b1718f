import BucketSupport
import CanonicalEncoding
import Consortium
import Credentials
import Crypto
import EtcdBackend
import Foundation
import Ledger
import SQLiteBackend
import Synchronization
import TestSupport
import Testing

/// What machines were told stands.
private final class Told: Sendable {
  struct State: Sendable {
    var leaves: [UInt64: [UInt8]] = [:]
    var rows: Set<String> = []
    /// How often one was told that it writes no more.
    var deposed = 0
  }

  let state = Mutex(State())
}

@Suite(
  "Attacks on the tenure: two machines of one hospital that both write",
  .enabled(if: EtcdCluster.isInstalled, "Debian's etcd-server is not installed"), .serialized)
struct TenureAttackTests {
  @Test("whoever is alive keeps it; whoever is gone loses it within the lifetime of its lease")
  func succession() async throws {
    let scene = try await Scene.plain()
    let (first, second) = (try scene.engine(), try scene.engine())
    let tenure = try await Scene.take(first, "a")
    let keeping = Task { await tenure.keep() }
    try await Task.sleep(for: .seconds(3))
    guard case .held(let holder) = try await Tenure.take(second, name: "b", lifetime: 1) else {
      Issue.record("taken from who is alive")
      return
    }
    #expect(holder.name == "a" && holder.term == 1)
    keeping.cancel()
    await keeping.value
    let next = try await Scene.take(second, "b")
    #expect(next.holder.term == 2)
    // Who lets go is followed at once.
    await next.release()
    guard case .taken(let third) = try await Tenure.take(first, name: "a", lifetime: 1) else {
      Issue.record("not let go")
      return
    }
    #expect(third.holder.term == 3)
  }

  @Test("[attack] the deposed machine is refused by every store, by name, and nothing of it stands")
  func deposed() async throws {
    let scene = try await Scene.plain()
    let (first, second) = (try scene.engine(), try scene.engine())
    let folder = try TemporaryFolder()
    let old = try await Scene.take(first, "a")
    let log = SharedChainLog(first, "chain", tenure: old)
    let store = try SharedRoleStore(
      first, "role/state", tenure: old, copy: SQLiteRoleStore(path: folder("a.sqlite")))
    let keys = SharedKeys(first, owner: "north")
    let file = try KeyFile(owner: "north", secrets: ["identity": [UInt8](repeating: 7, count: 32)])
    try await log.append([[1], [2]], at: 0)
    try store.write(["k": [1], "gone": [2]])
    try keys.replace(file, old)
    // It is paused from here on, as far as others see.
    let new = try await Scene.take(second, "b")
    let other = try KeyFile(owner: "north", secrets: ["identity": [UInt8](repeating: 8, count: 32)])
    for refused in [
      try await failure { try await log.append([[3]], at: 2) },
      try await failure { try store.write(["k": [9]]) },
      try await failure { try store.write(["k": [UInt8](repeating: 9, count: 3_000_000)]) },
      try await failure {
        try store.write(
          Dictionary(uniqueKeysWithValues: (0..<500).map { ("many \($0)", [UInt8(1)]) }))
      },
      try await failure { try keys.replace(other, old) },
    ] {
      #expect(refused.code == .deposed)
      #expect(refused.message.contains("term 1 of a is over: b writes in term 2"))
    }
    #expect(old.loss?.code == .deposed)
    let successor = SharedChainLog(second, "chain", tenure: new)
    #expect(try await successor.leaves(from: 0, limit: .max, byteCount: .max) == [[1], [2]])
    let taken = try SharedRoleStore(
      second, "role/state", tenure: new, copy: SQLiteRoleStore(path: folder("b.sqlite")))
    #expect(try taken.keys(withPrefix: "") == ["gone", "k"])
    #expect(try taken.value(forKey: "k") == [1])
    let kept = try await SharedKeys(second, owner: "north").read()
    #expect(try kept?.secret("identity") == [UInt8](repeating: 7, count: 32))
  }

  @Test("[attack] who may write to etcd and to S3, without the secret, adds no leaf to a chain")
  func forgedHead() async throws {
    let scene = try await Scene.plain()
    let engine = try scene.engine()
    let tenure = try await Scene.take(engine, "a", lifetime: 60)
    // The first is too long for the head and lies in an object, the second stands in the head.
    let leaves = [[UInt8](repeating: 1, count: 20_000), [2]]
    for name in ["chain", "other"] {
      let log = SharedChainLog(engine, name, tenure: tenure)
      for (position, leaf) in leaves.enumerated() {
        try await log.append([leaf], at: UInt64(position))
      }
    }
    let client = try EtcdClient(scene.cluster.configuration())
    func read(_ name: String) async throws -> [UInt8] {
      let found = try await client.range(Array(name.utf8), until: client.deadline)
      return try #require(found.entries.first).value
    }
    let head = try await read("test/log/chain")
    // The only piece has 93 bytes behind the 17 of the beginning, and the leaf 5 behind it.
    try #require(head.count == [17, 93, 5, 32].reduce(0, +))
    let signed = Array(head.dropLast(32))
    let object = Array("BCEMRL\u{1}".utf8) + [0, 0, 0, 1, 3]
    let digest = Digest32(sha256: object)
    let chain = Digest32(sha256: Array(head[78..<110]) + [3])
    scene.bucket.contents["test/log/leaves/1-2-1-\(digest)"] = object
    var piece = Array(signed[..<110])
    piece[16] = 2
    piece += [0] + [0, 0, 0, 0, 0, 0, 0, 1] + [0, 0, 0, 0, 0, 0, 0, 1]
    piece +=
      [0, 0, 0, UInt8(object.count)] + [0, 0, 0, 0, 0, 0, 0, 1] + digest.bytes + chain.bytes
    piece += signed[110...]
    let stranger = SymmetricKey(size: .bits256)
    var heads = [
      // What the hospital wrote itself, of another chain.
      try await read("test/log/other")
    ]
    for forged in [piece, signed + [0, 0, 0, 1, 3]] {
      heads += [
        forged + Digest32(sha256: forged).bytes,
        forged + head.suffix(32),
        forged + Array(HMAC<SHA256>.authenticationCode(for: forged, using: stranger)),
      ]
    }
    for bytes in heads {
      _ = try await client.commit(
        [.put(Array("test/log/chain".utf8), bytes)], if: [], until: client.deadline)
      let refused = try await failure {
        let reader = SharedChainLog(try scene.engine(), "chain", tenure: nil)
        _ = try await reader.leaves(from: 0, limit: .max, byteCount: .max)
      }
      #expect(refused.code == .corrupted && refused.message.contains("test/log/chain"))
    }
    _ = try await client.commit(
      [.put(Array("test/log/chain".utf8), head)], if: [], until: client.deadline)
    let log = SharedChainLog(try scene.engine(), "chain", tenure: nil)
    #expect(try await log.leaves(from: 0, limit: .max, byteCount: .max) == leaves)
  }

  @Test("[attack] two who both append and write all the time double nothing and lose nothing")
  func bothWrite() async throws {
    let scene = try await Scene.plain()
    let folder = try TemporaryFolder()
    let told = Told()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for machine in ["a", "b"] {
        group.addTask {
          let engine = try scene.engine()
          for round in 0..<4 {
            // Nobody keeps it alive: each is deposed in the middle of its work.
            let tenure = try await Scene.take(engine, machine)
            let log = SharedChainLog(engine, "chain", tenure: tenure)
            do {
              let store = try SharedRoleStore(
                engine, "role/state", tenure: tenure,
                copy: SQLiteRoleStore(path: folder("\(machine).sqlite")))
              for count in 0... {
                let row = "\(machine) \(round) \(count)"
                let leaf = Array(row.utf8)
                let position = try await log.size()
                try await log.append([leaf], at: position)
                told.state.withLock { $0.leaves[position] = leaf }
                try store.write([row: leaf])
                told.state.withLock { _ = $0.rows.insert(row) }
              }
            } catch let error as StoreError {
              #expect(error.code == .deposed, "\(error)")
              told.state.withLock { $0.deposed += 1 }
            }
            if round == 3 { await tenure.release() }
          }
        }
      }
      group.addTask {
        let engine = try scene.engine()
        while told.state.withLock({ $0.deposed }) < 7 {
          try await Task.sleep(for: .milliseconds(100))
        }
        _ = try await Scene.take(engine, "c")
      }
      try await group.waitForAll()
    }
    let engine = try scene.engine()
    let tenure = try await Scene.take(engine, "reader")
    let leaves = try await SharedChainLog(engine, "chain", tenure: tenure).leaves(
      from: 0, limit: .max, byteCount: .max)
    let (known, rows) = told.state.withLock { ($0.leaves, $0.rows) }
    #expect(known.count > 20)
    for (position, leaf) in known { #expect(leaves[Int(position)] == leaf) }
    #expect(Set(leaves).count == leaves.count)
    let store = try SharedRoleStore(
      engine, "role/state", tenure: tenure, copy: SQLiteRoleStore(path: folder("c.sqlite")))
    #expect(rows.isSubset(of: try store.keys(withPrefix: "")))
  }

  @Test("[attack] keys and what roles remember lie in etcd sealed: nothing is read or moved")
  func secrecy() async throws {
    let scene = try await Scene.plain()
    let engine = try scene.engine()
    let folder = try TemporaryFolder()
    let tenure = try await Scene.take(engine, "a")
    let secret = Array("a very secret value, 32 bytes on".utf8)
    try SharedKeys(engine, owner: "north").replace(
      KeyFile(owner: "north", secrets: ["identity": secret]), tenure)
    let store = try SharedRoleStore(
      engine, "role/state", tenure: tenure, copy: SQLiteRoleStore(path: folder("a.sqlite")))
    try store.write([
      "short": secret, "other": [1], "long": [UInt8](repeating: 5, count: 100_000) + secret,
    ])
    let client = try EtcdClient(scene.cluster.configuration())
    let all = try await client.range([0], end: [255], until: client.deadline).entries
    let stored = all.map { Data($0.value) } + scene.bucket.contents.values.map { Data($0) }
    #expect(stored.count > 6)
    for value in stored { #expect(value.range(of: Data(secret)) == nil) }
    // One value in the place of another.
    let place = { (name: String) in Array("test/stores/role/state/values/\(name)".utf8) }
    let short = try #require(all.first { $0.key == place("short") })
    _ = try await client.commit(
      [.put(place("other"), short.value), .put(Array("test/stores/role/state/head".utf8), [9])],
      if: [], until: client.deadline)
    let refused = try await failure {
      _ = try SharedRoleStore(
        engine, "role/state", tenure: tenure, copy: SQLiteRoleStore(path: folder("b.sqlite")))
    }
    #expect(refused.code == .corrupted && refused.message.contains("role/state/other"))
  }
}
