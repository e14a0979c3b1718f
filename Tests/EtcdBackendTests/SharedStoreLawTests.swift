import BucketSupport
import Consortium
import EtcdBackend
import Foundation
import Ledger
import SQLiteBackend
import TestSupport
import Testing

@Suite(
  "The laws of the shared stores",
  .enabled(if: EtcdCluster.isInstalled, "Debian's etcd-server is not installed"), .serialized)
struct SharedStoreLawTests {
  private func logs(
    _ engine: SharedEngine, _ tenure: Tenure, hasCopy: Bool
  ) -> StoreBackend<any ChainLog> {
    StoreBackend(hasCopy ? "with a copy" : "without") {
      let name = "chain-\(UInt64.random(in: .min ... .max))"
      let folder = try TemporaryFolder()
      return {
        let copy = hasCopy ? try SQLiteChainLog(path: folder("chain.sqlite")) : nil
        // Leaves of laws are short: with the usual limit they would all stand in the head.
        return hasCopy
          ? SharedChainLog(engine, name, tenure: tenure, copy: copy)
          : SharedChainLog(engine, name, tenure: tenure, tailByteLimit: 40)
      }
    }
  }

  /// - Parameter isMoving: whether each opening is on another machine.
  private func stores(
    _ engine: SharedEngine, _ tenure: Tenure, isMoving: Bool
  ) -> StoreBackend<any RoleStore> {
    StoreBackend(isMoving ? "machines" : "one machine") {
      let name = "role-\(UInt64.random(in: .min ... .max))/state"
      let folder = try TemporaryFolder()
      return {
        let file = isMoving ? "\(UUID().uuidString).sqlite" : "state.sqlite"
        return try SharedRoleStore(
          engine, name, tenure: tenure, copy: SQLiteRoleStore(path: folder(file)))
      }
    }
  }

  private func check(_ engine: SharedEngine, _ tenure: Tenure, samples: UInt64 = 1) async throws {
    for hasCopy in [false, true] {
      for law in ChainLogLaws.all {
        let backend = logs(engine, tenure, hasCopy: hasCopy)
        #expect(
          try await law.counterexample(in: backend, samples: samples) == nil, "\(law), \(backend)")
      }
    }
    for isMoving in [false, true] {
      for law in RoleStoreLaws.all where !isMoving || !"\(law)".contains("two openings") {
        let backend = stores(engine, tenure, isMoving: isMoving)
        #expect(
          try await law.counterexample(in: backend, samples: samples) == nil, "\(law), \(backend)")
      }
    }
  }

  @Test("hold at three members with TLS and client certificates", .timeLimit(.minutes(10)))
  func laws() async throws {
    let scene = try await Scene(EtcdCluster())
    let engine = try scene.engine()
    let tenure = try await Scene.take(engine, "a")
    try await check(engine, tenure)
    #expect(tenure.loss == nil)
  }

  @Test(
    "hold with the objects at servers of others",
    .enabled(
      if: InstalledServer.areInstalled, "moto and SeaweedFS are not installed beside BCEMR_PYTHON"),
    .timeLimit(.minutes(10)), arguments: InstalledServer.allCases)
  func lawsOfOthers(_ installed: InstalledServer) async throws {
    let scene = try await Scene.plain()
    try await installed.run { endpoint in
      let engine = try scene.engine(s3: endpoint)
      try await engine.checkObjects()
      try await check(engine, Scene.take(engine, "a"))
    }
  }

  @Test(
    "hold whatever the network does to a quarter of the requests to etcd and to S3",
    .timeLimit(.minutes(10)))
  func lawsOfFaults() async throws {
    let cluster = try await EtcdCluster(members: 1, isSecure: false)
    let (faults, others) = (RandomFaults(seed: 3), RandomFaults(seed: 4))
    let scene = try await Scene(cluster, fault: others.next)
    let forwarded = ForwardedBucket(endpoint: cluster.endpoints[0])
    let proxy = try await BucketServer(fault: faults.next) { await forwarded.reply(to: $0) }
    let engine = try scene.engine(patience: 60, through: [proxy.endpoint])
    let tenure = try await Scene.take(engine, "a")
    // Of several who write at once, who was first cannot be told where answers get lost.
    for law in ChainLogLaws.all where !"\(law)".contains("same time") {
      #expect(
        try await law.counterexample(in: logs(engine, tenure, hasCopy: false), samples: 2) == nil,
        "\(law)")
    }
    for law in RoleStoreLaws.all {
      #expect(
        try await law.counterexample(
          in: stores(engine, tenure, isMoving: false), samples: 1) == nil, "\(law)")
    }
    #expect(faults.count > 20 && others.count > 5)
  }
}
