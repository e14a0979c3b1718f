import CanonicalEncoding
import Credentials
package import Ledger

/// Somebody whom a hospital admits to its chain: replays it from the cloud, when it is asked about.
package actor ChainSubscriber: HospitalChains {
  private let node: LedgerNode
  private let source: ConfirmedLeaves
  private let stores: @Sendable (_ hospital: String) throws -> any StateStore
  private let gate = SerialGate()
  private var followers: [String: HospitalFollower] = [:]

  package init(
    node: LedgerNode, identity: any PartyIdentity, post: Post,
    stores: @escaping @Sendable (_ hospital: String) throws -> any StateStore
  ) {
    self.node = node
    source = ConfirmedLeaves(node: node, identity: identity, post: post)
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
      try await source.bring(&follower, of: hospital, from: cloud)
    } catch {
      // What was stored before a failure stays; what a store fails at may be stored all the same, so
      // then it is read again.
      followers[hospital] = error is StoreError ? nil : follower
      throw error
    }
    followers[hospital] = follower
    return follower.view
  }

  package func leaf(_ index: UInt64, of hospital: String) throws -> [UInt8]? {
    try followers[hospital]?.leaves(from: index, byteCount: 0).first
  }

  package func leaves(
    from index: UInt64, of hospital: String, limit: Int, byteCount: Int
  ) throws -> [[UInt8]] {
    try followers[hospital]?.leaves(from: index, limit: limit, byteCount: byteCount) ?? []
  }
}
