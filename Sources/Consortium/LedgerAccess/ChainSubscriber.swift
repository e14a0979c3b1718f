import CanonicalEncoding
import Credentials
package import Ledger
import TransparencyLog

/// Somebody whom a hospital admits to its chain: replays it from the cloud, when it is asked about.
package actor ChainSubscriber: HospitalChains {
  private let node: LedgerNode
  private let identity: any PartyIdentity
  private let post: Post
  private let stores: @Sendable (_ hospital: String) throws -> any StateStore
  private let gate = SerialGate()
  private var followers: [String: HospitalFollower] = [:]

  package init(
    node: LedgerNode, identity: any PartyIdentity, post: Post,
    stores: @escaping @Sendable (_ hospital: String) throws -> any StateStore
  ) {
    self.node = node
    self.identity = identity
    self.post = post
    self.stores = stores
  }

  package func view(of hospital: String) async throws -> HospitalView {
    await gate.enter()
    defer { gate.leave() }
    try await node.catchUp()
    // Of one that was removed its last cloud keeps the chain.
    let members = try await node.consortium.members(having: hospital)
    guard let cloud = members.cloud(ofHospital: hospital) else {
      throw ConsortiumError(.unknownVisit, "there is no such hospital")
    }
    var follower =
      try followers[hospital]
      ?? HospitalFollower(
        genesis: node.genesis, hospital: hospital, store: stores(hospital),
        consortium: node.consortiumState, decider: node.decider)
    do {
      try await catchUp(&follower, hospital, from: cloud)
    } catch {
      // What was stored before a failure stays; what a store fails at may be stored all the same, so
      // then it is read again.
      followers[hospital] = error is StoreError ? nil : follower
      throw error
    }
    followers[hospital] = follower
    return follower.view
  }

  private func catchUp(
    _ follower: inout HospitalFollower, _ hospital: String, from cloud: String
  ) async throws {
    let consortium = await node.consortium
    var progress: HospitalFollower.Progress?
    while true {
      let position = progress?.position ?? follower.size
      let query = LeavesQuery(genesis: node.genesis.digest, hospital: hospital, from: position)
      let reply = try await identity.signing(in: node.members) { [post] key in
        try await post.ask(FetchLeaves(query: Signed(Message(query), by: key)), of: cloud)
      }
      if reply.note.isEmpty || reply.note == follower.confirmed?.note { return }
      guard let keys = try consortium.keys(of: hospital, note: reply.note),
        let checkpoint = keys.confirmedCheckpoint(reply.note), checkpoint.size >= position
      else {
        throw ConsortiumError(.invalidProof, "the cloud returns no confirmed checkpoint")
      }
      if reply.leaves.isEmpty { return }
      let record = ConfirmedRecord(size: checkpoint.size, note: reply.note)
      try Self.take(
        reply.leaves, Target(checkpoint: checkpoint, record: record), hospital, consortium,
        &follower, &progress)
      if progress == nil, follower.size >= checkpoint.size { return }
    }
  }

  private struct Target {
    let checkpoint: Checkpoint
    let record: ConfirmedRecord
  }

  /// Replays a page of leaves, wherever it ends, and stores what comes to the root of the checkpoint,
  /// or of an anchor on the way: so memory holds what stands between two anchors, not the chain.
  private static func take(
    _ leaves: [[UInt8]], _ target: Target, _ hospital: String, _ consortium: ConsortiumView,
    _ follower: inout HospitalFollower, _ progress: inout HospitalFollower.Progress?
  ) throws {
    var rest = leaves[...]
    while !rest.isEmpty {
      let position = progress?.position ?? follower.size
      let anchor = try consortium.firstAnchor(covering: position, of: hospital)
      let (size, root) =
        if let anchor, anchor.size < target.checkpoint.size {
          (anchor.size, anchor.root.bytes)
        } else {
          (target.checkpoint.size, target.checkpoint.root)
        }
      let part = rest.prefix(Int(clamping: size - position))
      rest = rest.dropFirst(part.count)
      let next: HospitalFollower.Progress
      do {
        next = try follower.replay(Array(part), after: progress, isWhole: false)
      } catch {
        throw ConsortiumError(replaying: error)
      }
      progress = next
      guard next.position >= size else { return }
      guard next.size == size, try next.root() == root else {
        throw ConsortiumError(.ledgerDiverged, "the leaves are not those of the checkpoint")
      }
      try follower.commit(next, confirmed: size == target.checkpoint.size ? target.record : nil)
      progress = nil
      if size == target.checkpoint.size { return }
    }
  }

  package func leaf(_ index: UInt64, of hospital: String) throws -> [UInt8]? {
    try followers[hospital]?.leaves(from: index, byteCount: 0).first
  }
}
