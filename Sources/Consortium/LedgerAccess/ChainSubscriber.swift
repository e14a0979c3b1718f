import CanonicalEncoding
package import Credentials
package import Ledger
import TransparencyLog

/// Somebody whom a hospital admits to its chain: replays it from the cloud, when it is asked about.
package actor ChainSubscriber: HospitalChains {
  private let node: LedgerNode
  private let identity: IdentityKey
  private let post: Post
  private let stores: @Sendable (_ hospital: String) throws -> any StateStore
  private let gate = SerialGate()
  private var followers: [String: HospitalFollower] = [:]

  package init(
    node: LedgerNode, identity: IdentityKey, post: Post,
    stores: @escaping @Sendable (_ hospital: String) throws -> any StateStore
  ) {
    self.node = node
    self.identity = identity
    self.post = post
    self.stores = stores
  }

  package func view(of hospital: String) async throws -> HospitalView {
    guard let cloud = node.genesis.cloud(ofHospital: hospital) else {
      throw ConsortiumError(.unknownVisit, "there is no such hospital")
    }
    await gate.enter()
    defer { gate.leave() }
    try await node.catchUp()
    var follower =
      try followers[hospital]
      ?? HospitalFollower(
        genesis: node.genesis, hospital: hospital, store: stores(hospital),
        consortium: node.consortiumState, decider: node.decider)
    try await catchUp(&follower, hospital, from: cloud)
    followers[hospital] = follower
    return follower.view
  }

  private func catchUp(
    _ follower: inout HospitalFollower, _ hospital: String, from cloud: String
  ) async throws {
    var progress: HospitalFollower.Progress?
    while true {
      let size = progress?.size ?? follower.size
      let query = LeavesQuery(genesis: node.genesis.digest, hospital: hospital, from: size)
      let reply = try await post.ask(
        FetchLeaves(query: Signed(Message(query), by: identity)), of: cloud)
      if reply.note.isEmpty || reply.note == follower.confirmed?.note { return }
      guard let keys = try await node.consortium.keys(of: hospital, note: reply.note),
        let checkpoint = keys.confirmedCheckpoint(reply.note), checkpoint.size >= size
      else {
        throw ConsortiumError(.invalidProof, "the cloud returns no confirmed checkpoint")
      }
      if reply.leaves.isEmpty { return }
      do {
        progress = try follower.replay(reply.leaves, after: progress)
      } catch {
        throw ConsortiumError(replaying: error)
      }
      guard let progress, progress.size == checkpoint.size else { continue }
      guard try progress.root() == checkpoint.root else {
        throw ConsortiumError(.ledgerDiverged, "the leaves are not those of the checkpoint")
      }
      try follower.commit(
        progress, confirmed: ConfirmedRecord(size: checkpoint.size, note: reply.note))
      return
    }
  }

  package func leaf(_ index: UInt64, of hospital: String) throws -> [UInt8]? {
    try followers[hospital]?.leaves(from: index, byteCount: 0).first
  }
}
