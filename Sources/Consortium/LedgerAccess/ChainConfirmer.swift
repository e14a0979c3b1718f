import CanonicalEncoding
package import Credentials
import EMRScheme
package import Ledger
package import TransparencyLog

/// A cloud's part in the ledger: replays the chains of its hospitals and confirms their blocks
/// (4.5).
///
/// Leaves, state and cosigned checkpoint are stored in one step, and before the cosignature leaves;
/// asked again, it gives the stored one.
package actor ChainConfirmer: HospitalChains {
  private let node: LedgerNode
  private let cosigners: [String: CosignerKey]
  private let custody: RecordCustody
  private let stores: @Sendable (_ hospital: String) throws -> any StateStore
  private let gate = SerialGate()
  private var followers: [String: HospitalFollower] = [:]

  /// - Parameters:
  ///   - cosigners: by hospital.
  ///   - stores: where the state of a hospital's chain is kept.
  package init(
    node: LedgerNode, cosigners: [String: CosignerKey], custody: RecordCustody,
    stores: @escaping @Sendable (_ hospital: String) throws -> any StateStore
  ) {
    self.node = node
    self.cosigners = cosigners
    self.custody = custody
    self.stores = stores
  }

  private func follower(of hospital: String) throws -> HospitalFollower {
    if let known = followers[hospital] { return known }
    guard cosigners[hospital] != nil else {
      throw ConsortiumError(.unknownVisit, "another cloud confirms the chain of that hospital")
    }
    let follower = try HospitalFollower(
      genesis: node.genesis, hospital: hospital, store: stores(hospital),
      consortium: node.consortiumState, decider: node.decider)
    followers[hospital] = follower
    return follower
  }

  package func view(of hospital: String) throws -> HospitalView {
    try follower(of: hospital).view
  }

  package func leaf(_ index: UInt64, of hospital: String) throws -> [UInt8]? {
    try follower(of: hospital).leaves(from: index, byteCount: 0).first
  }

  /// Replays blocks and cosigns the checkpoint that ends them.
  ///
  /// - Throws: ``ConsortiumError`` `unauthenticated` if the hospital's log key did not sign it,
  ///   `ledger-diverged` if the rules do not accept the leaves or they are not those of the
  ///   checkpoint, `record-missing` if a completed visit's record is not here.
  func confirm(_ request: ConfirmLeaves) async throws -> ConfirmedReply {
    await gate.enter()
    defer { gate.leave() }
    let hospital = request.hospital
    guard let cosigner = cosigners[hospital] else {
      throw ConsortiumError(.notEntitled, "another cloud confirms the chain of \(hospital)")
    }
    try await node.catchUp()
    let generation = try await node.consortium.generation(of: hospital)
    let keys = node.genesis.keys(of: hospital, generation: generation)
    guard request.generation == generation.generation,
      let signed = keys.loggedCheckpoint(request.note)
    else { throw ConsortiumError(.unauthenticated, "\(hospital) has not signed this checkpoint") }
    let checkpoint = signed.checkpoint

    var follower = try follower(of: hospital)
    if checkpoint.size <= follower.size {
      guard try follower.view.root(size: checkpoint.size) == checkpoint.root,
        let confirmed = follower.confirmed
      else {
        throw ConsortiumError(.ledgerDiverged, "\(hospital) has signed another chain before")
      }
      return ConfirmedReply(note: confirmed.note)
    }
    guard request.from <= follower.size,
      request.from + UInt64(request.leaves.count) == checkpoint.size
    else { throw ConsortiumError(.wrongState, "leaves from \(follower.size) on are needed") }
    let leaves = Array(request.leaves.dropFirst(Int(follower.size - request.from)))
    let progress = try replay(leaves, follower)
    guard try progress.root() == checkpoint.root else {
      throw ConsortiumError(.ledgerDiverged, "the leaves are not those of the checkpoint")
    }
    for completion in progress.completions where await !custody.holds(completion) {
      throw ConsortiumError(.recordMissing, "a completed visit's record is not here")
    }
    let time = await node.consortium.time
    let note = try ConfirmedCheckpoint(signed, cosigner.cosign(checkpoint, at: time)).note.encoded
    try follower.commit(
      progress, confirmed: ConfirmedRecord(size: checkpoint.size, note: note))
    followers[hospital] = follower
    return ConfirmedReply(note: note)
  }

  /// Confirms blocks whose claims hold, as whoever made all their signatures knows: the rules judge
  /// them, and neither signatures nor records are looked at.
  ///
  /// For measurements alone, as ``HospitalWriter/append(trusting:)``.
  package func confirm(
    trusting blocks: HospitalWriter.ClosedBlocks, of hospital: String
  ) async throws -> ConfirmedRecord {
    await gate.enter()
    defer { gate.leave() }
    try await node.catchUp()
    var follower = try follower(of: hospital)
    guard let cosigner = cosigners[hospital] else {
      throw ConsortiumError(.notEntitled, "another cloud confirms the chain of \(hospital)")
    }
    let progress: HospitalFollower.Progress
    do {
      progress = try follower.replay(blocks.leaves, trustsClaims: true)
    } catch {
      throw ConsortiumError(replaying: error)
    }
    let checkpoint = blocks.checkpoint.checkpoint
    guard progress.size == checkpoint.size, try progress.root() == checkpoint.root else {
      throw ConsortiumError(.ledgerDiverged, "the leaves are not those of the checkpoint")
    }
    let time = await node.consortium.time
    let record = ConfirmedRecord(
      size: checkpoint.size,
      note: try ConfirmedCheckpoint(
        blocks.checkpoint, cosigner.cosign(checkpoint, at: time)
      ).note.encoded)
    try follower.commit(progress, confirmed: record)
    followers[hospital] = follower
    return record
  }

  private func replay(
    _ leaves: [[UInt8]], _ follower: HospitalFollower
  ) throws -> HospitalFollower.Progress {
    do {
      return try follower.replay(leaves)
    } catch {
      throw ConsortiumError(replaying: error)
    }
  }

  /// The confirmed leaves from `query.from` on, for the hospital itself and the system manager.
  func leaves(_ query: Signed<Message<LeavesQuery>>, limit: Int) throws -> LeavesReply {
    let asked = query.object.payload
    let readers = [asked.hospital, node.genesis.genesis.manager.id]
    guard asked.genesis == node.genesis.digest,
      readers.contains(where: { party in
        (try? query.verified(by: node.genesis.identityKey(of: party) ?? [])) != nil
      })
    else { throw ConsortiumError(.unauthenticated, "the chain is not for whoever asks") }
    let follower = try follower(of: asked.hospital)
    guard let confirmed = follower.confirmed else { return LeavesReply(leaves: [], note: "") }
    return LeavesReply(
      leaves: asked.from < follower.size
        ? try follower.leaves(from: asked.from, byteCount: limit) : [],
      note: confirmed.note)
  }
}

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
    // What was stored before a failure stays.
    defer { followers[hospital] = follower }
    try await catchUp(&follower, hospital, from: cloud)
    return follower.view
  }

  private func catchUp(
    _ follower: inout HospitalFollower, _ hospital: String, from cloud: String
  ) async throws {
    let generation = try await node.consortium.generation(of: hospital)
    let keys = node.genesis.keys(of: hospital, generation: generation)
    let consortium = await node.consortium
    var progress: HospitalFollower.Progress?
    while true {
      let position = progress?.position ?? follower.size
      let query = LeavesQuery(genesis: node.genesis.digest, hospital: hospital, from: position)
      let reply = try await post.ask(
        FetchLeaves(query: Signed(Message(query), by: identity)), of: cloud)
      if reply.note.isEmpty || reply.note == follower.confirmed?.note { return }
      guard let checkpoint = keys.confirmedCheckpoint(reply.note), checkpoint.size >= position
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

extension ConsortiumError {
  init(replaying failure: ChainFailure) {
    switch failure {
    case .store(let error): self.init(error)
    case .fault(let fault):
      // A base that this replay has not reached is not wrong, only early.
      self =
        fault.reason == .refused(.unknownBase)
        ? ConsortiumError(.notFinal, "the consortium block of a base is not known here yet")
        : ConsortiumError(.ledgerDiverged, "the rules do not accept the chain: \(fault)")
    }
  }
}
