import BucketSupport
import Consortium
import EtcdBackend
import Foundation
import Ledger
import SQLiteBackend
import Synchronization
import TestSupport
import Testing

@Suite(
  "Faults of etcd and of S3 lose nothing",
  .enabled(if: EtcdCluster.isInstalled, "Debian's etcd-server is not installed"), .serialized)
struct SharedStoreFaultTests {
  /// Appends and writes, one after the other, while something happens to the members.
  private func work(
    _ scene: Scene, prefix: String = "test", during happens: () async throws -> Void
  ) async throws
    -> Duration
  {
    let engine = try scene.engine(prefix: prefix)
    let folder = try TemporaryFolder()
    let tenure = try await Scene.take(engine, "a", lifetime: 30)
    let log = SharedChainLog(engine, "chain", tenure: tenure)
    let store = try SharedRoleStore(
      engine, "role/state", tenure: tenure, copy: SQLiteRoleStore(path: folder("a.sqlite")))
    let isOver = Mutex(false)
    let working = Task {
      var (count, longest) = (UInt64(0), Duration.zero)
      while !isOver.withLock({ $0 }) {
        let begun = ContinuousClock.now
        try await log.append([Array("\(count)".utf8)], at: count)
        try store.write(["row \(count)": [1]])
        longest = max(longest, ContinuousClock.now - begun)
        count += 1
      }
      return (count, longest)
    }
    try await Task.sleep(for: .seconds(1))
    try await happens()
    try await Task.sleep(for: .seconds(1))
    isOver.withLock { $0 = true }
    let (count, longest) = try await working.value
    let other = try scene.engine(prefix: prefix)
    await tenure.release()
    let next = try await Scene.take(other, "b")
    let leaves = try await SharedChainLog(other, "chain", tenure: next).leaves(
      from: 0, limit: .max, byteCount: .max)
    #expect(leaves == (0..<count).map { Array("\($0)".utf8) })
    let successor = try SharedRoleStore(
      other, "role/state", tenure: next, copy: SQLiteRoleStore(path: folder("b.sqlite")))
    #expect(try successor.keys(withPrefix: "row ").count == Int(count))
    #expect(count > 10)
    return longest
  }

  @Test("a member is killed in the middle of the work, and comes back")
  func killed() async throws {
    let scene = try await Scene(EtcdCluster())
    for member in 0..<3 {
      _ = try await work(scene, prefix: "test-\(member)") {
        scene.cluster.kill9(member)
        try await Task.sleep(for: .seconds(3))
        try scene.cluster.start(member)
        try await Task.sleep(for: .seconds(1))
      }
    }
  }

  @Test("a member hangs, the leader too")
  func hangs() async throws {
    let scene = try await Scene(EtcdCluster())
    for member in 0..<3 {
      _ = try await work(scene, prefix: "test-\(member)") {
        scene.cluster.pause(member)
        try await Task.sleep(for: .seconds(4))
        scene.cluster.resume(member)
      }
    }
  }

  @Test("five seconds without any member are waited for, and are no error")
  func allHang() async throws {
    let scene = try await Scene(EtcdCluster())
    let longest = try await work(scene) {
      for member in 0..<3 { scene.cluster.pause(member) }
      try await Task.sleep(for: .seconds(5))
      for member in 0..<3 { scene.cluster.resume(member) }
    }
    #expect(longest > .seconds(4))
  }

  @Test(
    "a write that was begun and is too large for one transaction is made whole by who comes next")
  func halfWritten() async throws {
    let scene = try await Scene.plain()
    let folder = try TemporaryFolder()
    let batch = Data("test/stores/role/state/batch".utf8).base64EncodedString()
    let isCut = Mutex(false)
    let forwarded = ForwardedBucket(endpoint: scene.cluster.endpoints[0])
    let proxy = try await BucketServer(fault: { question in
      isCut.withLock { isCut in
        if isCut { return .lostQuestion }
        let text = String(decoding: question.body, as: UTF8.self).replacing("\\/", with: "/")
        // From the moment on in which the changes are named, nothing gets through any more.
        isCut = text.contains("request_put") && text.contains(batch)
        return nil
      }
    }) { await forwarded.reply(to: $0) }
    let first = try scene.engine(patience: 8, attempt: 3, through: [proxy.endpoint])
    let tenure = try await Scene.take(first, "a")
    let store = try SharedRoleStore(
      first, "role/state", tenure: tenure, copy: SQLiteRoleStore(path: folder("a.sqlite")))
    try store.write(["before": [1], "row 7": [7]])
    var changes: [String: [UInt8]?] = ["before": Optional<[UInt8]>.none]
    for row in 0..<300 { changes["row \(row)"] = [UInt8](repeating: 3, count: 20_000) }
    let cut = try await failure { try store.write(changes) }
    #expect(cut.code == .outcomeUnknown)
    let second = try scene.engine()
    let next = try await Scene.take(second, "b")
    let taken = try SharedRoleStore(
      second, "role/state", tenure: next, copy: SQLiteRoleStore(path: folder("b.sqlite")))
    #expect(try taken.keys(withPrefix: "").count == 300)
    #expect(try taken.value(forKey: "before") == nil)
    #expect(try taken.value(forKey: "row 7") == [UInt8](repeating: 3, count: 20_000))
  }

  @Test("a machine that comes back takes over what was changed and removed since")
  func oldCopy() async throws {
    let scene = try await Scene.plain()
    let folder = try TemporaryFolder()
    let engine = try scene.engine()
    func store(_ tenure: Tenure, _ file: String) throws -> SharedRoleStore {
      try SharedRoleStore(
        engine, "role/state", tenure: tenure, copy: SQLiteRoleStore(path: folder(file)))
    }
    let first = try await Scene.take(engine, "a")
    let long = [UInt8](repeating: 1, count: 200_000)
    try store(first, "a.sqlite").write(["kept": [1], "gone": [2], "changed": [3], "long": long])
    let second = try await Scene.take(engine, "b")
    try store(second, "b.sqlite").write(["gone": nil, "changed": [4], "new": [5], "long": nil])
    // What was removed is gone from S3 too.
    for _ in 0..<2000 where !scene.bucket.keys("values/").isEmpty {
      try await Task.sleep(for: .milliseconds(100))
    }
    #expect(scene.bucket.keys("values/").isEmpty)
    let third = try await Scene.take(engine, "a")
    let back = try store(third, "a.sqlite")
    #expect(try back.keys(withPrefix: "") == ["changed", "kept", "new"])
    #expect(try back.value(forKey: "changed") == [4])
    // Who follows has it before it takes over.
    let local = try SQLiteRoleStore(path: folder("c.sqlite"))
    try await RoleStoreFollower(engine, "role/state", copy: local).follow()
    #expect(try local.value(forKey: "new") == [5])
  }

  @Test("[attack] etcd that is older than a machine's copy is refused, and forgets no vote")
  func putBack() async throws {
    let scene = try await Scene.plain()
    let folder = try TemporaryFolder()
    func open(_ prefix: String) async throws -> (SharedRoleStore, SharedChainLog) {
      let engine = try scene.engine(prefix: prefix)
      let tenure = try await Scene.take(engine, "a")
      let log = SharedChainLog(
        engine, "chain", tenure: tenure, copy: try SQLiteChainLog(path: folder("chain.sqlite")))
      return (
        try SharedRoleStore(
          engine, "role/state", tenure: tenure, copy: SQLiteRoleStore(path: folder("a.sqlite"))),
        log
      )
    }
    let (store, log) = try await open("first")
    try store.write(["vote": [1]])
    try await log.append([[1], [2]], at: 0)
    // As after the loss of all of it: nothing is there.
    let store2 = try await failure { _ = try await open("second") }
    #expect(store2.code == .corrupted && store2.message.contains("another store"))
    let engine = try scene.engine(prefix: "third")
    let empty = SharedChainLog(
      engine, "chain", tenure: try await Scene.take(engine, "a"),
      copy: try SQLiteChainLog(path: folder("chain.sqlite")))
    let log2 = try await failure { _ = try await empty.follow() }
    #expect(log2.code == .corrupted && log2.message.contains("older state"))
  }

  @Test("[attack] a copy of what machines share is not adopted elsewhere: nobody votes twice")
  func adoptedTwice() async throws {
    let scene = try await Scene.plain()
    let folder = try TemporaryFolder()
    let first = try scene.engine(prefix: "first")
    let local = try SQLiteRoleStore(path: folder("a.sqlite"))
    try local.write(["vote": [1]])
    // What is a machine's own is adopted; what was interrupted is begun again.
    for _ in 0..<2 {
      try await SharedRoleStore.requireNoOthersCopy(local, first, "role/state")
      let tenure = try await Scene.take(first, "a")
      try SharedRoleStore.adopt(local, first, "role/state", tenure: tenure)
    }
    for prefix in ["second", "third"] {
      let other = try scene.engine(prefix: prefix)
      if prefix == "third" {
        // Something of the same name is there, of another hospital.
        let copy = try SQLiteRoleStore(path: folder("third.sqlite"))
        let tenure = try await Scene.take(other, "a")
        try SharedRoleStore(other, "role/state", tenure: tenure, copy: copy).write(["vote": [2]])
      }
      let refused = try await failure {
        try await SharedRoleStore.requireNoOthersCopy(local, other, "role/state")
      }
      #expect(refused.code == .corrupted && refused.message.contains("another store"))
    }
    #expect(try local.value(forKey: "vote") == [1])
  }

  @Test("[attack] what was never shared is not taken for a copy, and stays as it is")
  func notACopy() async throws {
    let scene = try await Scene.plain()
    let folder = try TemporaryFolder()
    let local = try SQLiteRoleStore(path: folder("state.sqlite"))
    try local.write(["vote": [1]])
    let engine = try scene.engine()
    let tenure = try await Scene.take(engine, "a")
    let refused = try await failure {
      _ = try SharedRoleStore(engine, "role/state", tenure: tenure, copy: local)
    }
    #expect(refused.code == .conflict && refused.message.contains("no copy"))
    #expect(try local.value(forKey: "vote") == [1])
  }

  @Test("a full etcd is said so, loses nothing, is read all the same, and goes on once it has room")
  func full() async throws {
    let scene = try await Scene(
      EtcdCluster(members: 1, isSecure: false, more: ["--quota-backend-bytes=2000000"]))
    let folder = try TemporaryFolder()
    let engine = try scene.engine()
    let tenure = try await Scene.take(engine, "a")
    let store = try SharedRoleStore(
      engine, "role/state", tenure: tenure, copy: SQLiteRoleStore(path: folder("a.sqlite")))
    let log = SharedChainLog(engine, "chain", tenure: tenure)
    var count = 0
    var refused = try await failure {}
    while refused.code == nil, count < 500 {
      refused = try await failure { try store.write(["row": [UInt8](repeating: 1, count: 50_000)]) }
      if refused.code == nil { count += 1 }
    }
    #expect(refused.code == .full && refused.message.contains("disarm the alarm"))
    #expect(count > 5)
    #expect(try store.value(forKey: "row")?.count == 50_000)
    let size = try await log.size()
    #expect(try await failure { try await log.append([[1]], at: size) }.code == .full)
    let revision = try await EtcdClient(scene.cluster.configuration()).range(
      [0], until: ContinuousClock.now.advanced(by: .seconds(10))
    ).revision
    for words in [["compact", "\(revision)"], ["defrag"], ["alarm", "disarm"]] {
      _ = try scene.cluster.control(words)
    }
    try store.write(["row": [2]])
    try await log.append([[1]], at: 0)
    #expect(try await log.leaves(from: 0, limit: 9, byteCount: .max) == [[1]])
  }

  @Test("with users and roles, a hospital reaches its own prefix and no other")
  func users() async throws {
    let scene = try await Scene(EtcdCluster())
    for words in [
      ["user", "add", "root:secret"], ["user", "grant-role", "root", "root"],
      ["role", "add", "north"],
      ["role", "grant-permission", "north", "--prefix=true", "readwrite", "north/"],
      ["user", "add", "north:password"], ["user", "grant-role", "north", "north"],
    ] {
      _ = try scene.cluster.control(words)
    }
    _ = try scene.cluster.control(["auth", "enable"])
    func engine(_ prefix: String, _ user: EtcdConfiguration.User?) throws -> SharedEngine {
      var etcd = try scene.cluster.configuration(prefix, patience: 5)
      etcd.user = user
      return try SharedEngine(
        etcd: etcd, s3: .test(scene.server.endpoint), credentials: .test, secret: scene.secret)
    }
    let own = EtcdConfiguration.User(name: "north", password: "password")
    let tenure = try await Scene.take(engine("north", own), "a")
    try await SharedChainLog(engine("north", own), "chain", tenure: tenure).append([[1]], at: 0)
    for (prefix, user) in [
      ("south", own), ("north", nil), ("north", .init(name: "north", password: "wrong")),
    ] {
      let refused = try await failure {
        _ = try await Tenure.take(engine(prefix, user), name: "b")
      }
      #expect(refused.code == .unavailable, "\(prefix)")
      #expect(!refused.message.contains("wrong") && !refused.message.contains("password"))
    }
  }
}
