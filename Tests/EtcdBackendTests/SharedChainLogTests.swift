import BucketSupport
import EtcdBackend
import Foundation
import Ledger
import SQLiteBackend
import TestSupport
import Testing

@Suite(
  "The shared log",
  .enabled(if: EtcdCluster.isInstalled, "Debian's etcd-server is not installed"), .serialized)
struct SharedChainLogTests {
  private func grown(
    _ scene: Scene, _ count: UInt64, lengths: ClosedRange<Int> = 1...20_000
  ) async throws -> (SharedChainLog, [[UInt8]]) {
    let engine = try scene.engine()
    let log = SharedChainLog(
      engine, "chain", tenure: try await Scene.take(engine, "a", lifetime: 60))
    var (generator, leaves) = (SeededGenerator(seed: 1), [[UInt8]]())
    for position in 0..<count {
      let leaf = generator.bytes(Int.random(in: lengths, using: &generator))
      try await log.append([leaf], at: position)
      leaves.append(leaf)
    }
    return (log, leaves)
  }

  @Test("the newest leaves stand in its head, and become one object when they are too long for it")
  func tail() async throws {
    let scene = try await Scene.plain()
    let (log, leaves) = try await grown(scene, 16, lengths: 1020...1020)
    #expect(scene.bucket.keys("log/").isEmpty)
    func read() async throws -> [[UInt8]] {
      let reader = SharedChainLog(try scene.engine(), "chain", tenure: nil)
      #expect(try await reader.findings().isEmpty)
      let size = try await reader.size()
      #expect(try await reader.leaves(from: size - 1, limit: 9, byteCount: .max).count == 1)
      return try await reader.leaves(from: 0, limit: .max, byteCount: .max)
    }
    #expect(try await read() == leaves)
    try await log.append([[1]], at: 16)
    #expect(scene.bucket.keys("log/").count == 1)
    try await log.append([[2], [3]], at: 17)
    #expect(scene.bucket.keys("log/").count == 1)
    #expect(try await read() == leaves + [[1], [2], [3]])
    // An object that is damaged is found, and what stands behind it is read.
    scene.bucket.contents = [:]
    let reader = SharedChainLog(try scene.engine(), "chain", tenure: nil)
    #expect(try await reader.findings().count == 1)
    #expect(try await reader.leaves(from: 17, limit: 9, byteCount: .max) == [[2], [3]])
  }

  @Test("its head stays small, its objects few, and an append puts one or two, whatever its age")
  func growth() async throws {
    let scene = try await Scene.plain()
    // Each is too long for the head, and 64 are a full piece.
    let (_, leaves) = try await grown(scene, 1200, lengths: 16_400...17_000)
    let client = try EtcdClient(scene.cluster.configuration())
    let head = try await client.range(Array("test/log/chain".utf8), until: client.deadline)
    #expect(try #require(head.entries.first).value.count < 6000 + 16_384)
    // What was joined goes, a moment later.
    for _ in 0..<2000 where scene.bucket.keys("log/").count > 60 {
      try await Task.sleep(for: .milliseconds(100))
    }
    #expect(scene.bucket.keys("log/").count <= 60)
    #expect(!scene.bucket.keys("log/index/").isEmpty)
    let reader = SharedChainLog(try scene.engine(), "chain", tenure: nil)
    #expect(try await reader.leaves(from: 0, limit: .max, byteCount: .max) == leaves)
    #expect(try await reader.leaves(from: 77, limit: 2, byteCount: .max) == Array(leaves[77..<79]))
    #expect(try await reader.findings().isEmpty)
  }

  @Test(
    "[attack] objects that are changed or missing are found and named, and the chain still grows")
  func damaged() async throws {
    let scene = try await Scene.plain()
    // Each too long for the head: one object for each append.
    let long = 16_384
    let (log, leaves) = try await grown(scene, 40, lengths: long...long + 4000)
    func reader() throws -> SharedChainLog {
      SharedChainLog(try scene.engine(), "chain", tenure: nil)
    }
    // 2 · 16 + 2 · 4 leaves; what was joined goes, a moment later.
    for _ in 0..<2000 where scene.bucket.keys("log/leaves/").count > 4 {
      try await Task.sleep(for: .milliseconds(100))
    }
    let names = scene.bucket.keys("log/leaves/")
    try #require(names.count == 4)
    let (changed, missing) = (try #require(names.first), try #require(names.last))
    scene.bucket.contents[changed]?[20] ^= 1
    scene.bucket.contents[missing] = nil
    for (name, what) in [(changed, "changed"), (missing, "missing")] {
      let first = try #require(
        UInt64(name.split(separator: "/").last?.split(separator: "-")[0] ?? ""))
      let refused = try await failure {
        _ = try await reader().leaves(from: first, limit: 1, byteCount: .max)
      }
      #expect(refused.code == .corrupted && refused.message.contains(name))
      #expect(refused.message.contains(what))
    }
    #expect(try await reader().findings().count == 2)
    for position in 40..<60 as Range<UInt64> {
      try await log.append([[UInt8](repeating: 1, count: long)], at: position)
    }
    #expect(try await log.size() == UInt64(leaves.count + 20))
  }

  @Test("a copy follows, and is what is read where S3 is away")
  func copies() async throws {
    let scene = try await Scene.plain()
    let (_, leaves) = try await grown(scene, 30)
    let folder = try TemporaryFolder()
    let copy = try SQLiteChainLog(path: folder("chain.sqlite"))
    let follower = SharedChainLog(try scene.engine(), "chain", tenure: nil, copy: copy)
    #expect(try await follower.follow() == 30)
    #expect(try await copy.leaves(from: 0, limit: .max, byteCount: .max) == leaves)
    scene.bucket.contents = [:]
    #expect(try await follower.leaves(from: 0, limit: .max, byteCount: .max) == leaves)
    let refused = try await failure { try await follower.append([[1]], at: 30) }
    #expect(refused.code == .unavailable)
  }
}
