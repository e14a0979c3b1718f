import BucketSupport
import Consortium
import Ledger
import S3Backend
import TestSupport
import Testing

@Suite("The laws of a record store, in S3")
struct S3LawTests {
  private func backend(_ name: String, _ endpoint: String) throws -> StoreBackend<any RecordStore> {
    let credentials = try S3Credentials.test
    return StoreBackend(name) {
      let configuration = try S3Configuration.test(endpoint)
      return { S3RecordStore(configuration, credentials: credentials) }
    }
  }

  @Test("hold over HTTP", arguments: RecordStoreLaws.all)
  func laws(_ law: StoreLaw<any RecordStore>) async throws {
    let bucket = MemoryBucket()
    let server = try await BucketServer { bucket.reply(to: $0) }
    #expect(try await law.counterexample(in: backend("memory", server.endpoint)) == nil)
  }

  @Test(
    "hold whatever the network does to a quarter of the requests", arguments: RecordStoreLaws.all)
  func lawsOfFaults(_ law: StoreLaw<any RecordStore>) async throws {
    let (bucket, faults) = (MemoryBucket(), RandomFaults(seed: 11))
    let server = try await BucketServer(fault: faults.next) { bucket.reply(to: $0) }
    #expect(
      try await law.counterexample(in: backend("memory", server.endpoint), samples: 3) == nil)
    #expect(faults.count > 3)
  }

  @Test(
    "hold at servers of others, also where the network is at fault",
    .enabled(
      if: InstalledServer.areInstalled,
      "moto and SeaweedFS are not installed beside BCEMR_PYTHON"),
    arguments: InstalledServer.allCases)
  func lawsOfOthers(_ installed: InstalledServer) async throws {
    try await installed.run { endpoint in
      let configuration = try S3Configuration.test(endpoint)
      try await S3RecordStore(configuration, credentials: .test).check()
      let faults = RandomFaults(seed: 5)
      let forwarded = ForwardedBucket(endpoint: endpoint)
      let proxy = try await BucketServer(fault: faults.next) { await forwarded.reply(to: $0) }
      for law in RecordStoreLaws.all {
        #expect(try await law.counterexample(in: backend("direct", endpoint)) == nil, "\(law)")
        #expect(
          try await law.counterexample(in: backend("faulty", proxy.endpoint), samples: 1) == nil,
          "\(law), with faults")
      }
      #expect(faults.count > 10)
    }
  }
}
