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
    _ scene: Scene, _ count: UInt64, longest: Int = 20_000
  ) async throws -> (SharedChainLog, [[UInt8]]) {
    let engine = try scene.engine()
    let log = SharedChainLog(
      engine, "chain", tenure: try await Scene.take(engine, "a", lifetime: 60))
    var (generator, leaves) = (SeededGenerator(seed: 1), [[UInt8]]())
    for position in 0..<count {
      let leaf = generator.bytes(Int.random(in: 1...longest, using: &generator))
      try await log.append([leaf], at: position)
      leaves.append(leaf)
    }
    return (log, leaves)
  }

  @Test("its head stays small, its objects few, and an append puts one or two, whatever its age")
  func growth() async throws {
    let scene = try await Scene.plain()
    let (_, leaves) = try await grown(scene, 1200, longest: 60_000)
    let client = try EtcdClient(scene.cluster.configuration())
    let head = try await client.range(Array("test/log/chain".utf8), until: client.deadline)
    #expect(try #require(head.entries.first).value.count < 6000)
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
    let (log, leaves) = try await grown(scene, 40)
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
    for position in 40..<60 as Range<UInt64> { try await log.append([[1]], at: position) }
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
