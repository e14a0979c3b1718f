import CanonicalEncoding
import Credentials
package import Ledger

/// The system manager's view of hospitals' chains: replays one from its cloud, when it is asked about.
///
/// The cloud is not believed that there is nothing more: the chain has to come to what is anchored of it.
package actor ChainSubscriber: HospitalChains {
  private let node: LedgerNode
  private let source: ConfirmedLeaves
  private let stores: @Sendable (_ hospital: String) throws -> any StateStore
  /// One for each hospital: a cloud that is slow about one chain holds up no other.
  private let gates = SerialGates<String>()
  private var followers: [String: HospitalFollower] = [:]

  package init(
    node: LedgerNode, identity: any PartyIdentity, requests: RequestClient,
    stores: @escaping @Sendable (_ hospital: String) throws -> any StateStore
  ) {
    self.node = node
    source = ConfirmedLeaves(node: node, identity: identity, requests: requests)
    self.stores = stores
  }

  package func view(of hospital: String) async throws -> HospitalView {
    try await gates.pass(hospital) { try await broughtView(of: hospital) }
  }

  /// - Precondition: nobody else brings this chain.
  private func broughtView(of hospital: String) async throws -> HospitalView {
    try await node.catchUp()
    guard let cloud = try await cloud(of: hospital) else {
      throw ConsortiumError(.unknownVisit, "there is no such hospital")
    }
    var follower = try followers[hospital] ?? makeFollower(of: hospital)
    do {
      try await bring(&follower, of: hospital, from: cloud)
    } catch {
      // What was stored before a failure stays; what a store fails at may be stored all the same, so
      // then it is read again.
      followers[hospital] = error is StoreError ? nil : follower
      throw error
    }
    followers[hospital] = follower
    return follower.view
  }

  /// Takes what the present cloud shows. One that is taking the chain over may not have what is anchored of
  /// it yet: that is asked for where it was confirmed.
  private func bring(
    _ follower: inout HospitalFollower, of hospital: String, from cloud: String
  ) async throws {
    do {
      try await source.bring(&follower, of: hospital, from: cloud)
    } catch let withheld as ConsortiumError where withheld.code == .behindAnchor {
      let epoch = node.genesis.epoch(ofHeight: follower.baseHeight ?? 0)
      for former in try await node.consortium.clouds(ofHospital: hospital, sinceEpoch: epoch)
      where former != cloud {
        do {
          return try await source.bring(&follower, of: hospital, from: former)
        } catch let error as StoreError {
          throw error
        } catch {
          continue
        }
      }
      throw withheld
    }
  }

  /// Whether there is, or was, such a hospital.
  func exists(_ hospital: String) async throws -> Bool { try await cloud(of: hospital) != nil }

  private func cloud(of hospital: String) async throws -> String? {
    // Of one that was removed its last cloud keeps the chain.
    try await node.consortium.members(having: hospital).cloud(ofHospital: hospital)
  }

  /// The chain as far as it was replayed before: nobody is asked.
  ///
  /// - Returns: nil if there is no such hospital.
  func storedView(of hospital: String) async throws -> HospitalView? {
    if let known = followers[hospital] { return known.view }
    guard try await exists(hospital) else { return nil }
    if let known = followers[hospital] { return known.view }
    let follower = try makeFollower(of: hospital)
    followers[hospital] = follower
    return follower.view
  }

  /// Those that are in use.
  var heldViews: [HospitalView] { followers.sorted { $0.key < $1.key }.map(\.value.view) }

  private func makeFollower(of hospital: String) throws -> HospitalFollower {
    try HospitalFollower(
      genesis: node.genesis, hospital: hospital, store: stores(hospital),
      consortium: node.consortiumState, decider: node.decider)
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
