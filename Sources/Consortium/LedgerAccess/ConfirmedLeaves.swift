import CanonicalEncoding
import Credentials
import Ledger
import TransparencyLog

/// Takes the confirmed leaves of a hospital's chain from a cloud.
struct ConfirmedLeaves: Sendable {
  let node: LedgerNode
  let identity: any PartyIdentity
  let requests: RequestClient

  /// Brings a replay to what a cloud shows as confirmed, and not to less than what is anchored of the chain: a
  /// cloud may show what was once the newest for ever.
  ///
  /// What was stored before a failure stays, and the follower has it.
  /// - Parameter storing: called with what is stored next, before it is.
  /// - Throws: ``ConsortiumError`` `behind-anchor` if the cloud shows less than the newest anchor that the
  ///   consortium chain has as it is known here, `ledger-diverged` if it shows another chain.
  func bring(
    _ follower: inout HospitalFollower, of hospital: String, from cloud: String,
    storing: @Sendable (HospitalFollower.Progress) throws -> Void = { _ in }
  ) async throws {
    while true {
      let before = try await node.consortium.anchor(of: hospital)
      try await follow(&follower, of: hospital, from: cloud, storing: storing)
      let anchor = try await node.consortium.anchor(of: hospital)
      if anchor == before { return try follower.view.require(anchor) }
      // One that has come meanwhile may cover what the cloud has confirmed since it answered.
    }
  }

  private func follow(
    _ follower: inout HospitalFollower, of hospital: String, from cloud: String,
    storing: @Sendable (HospitalFollower.Progress) throws -> Void
  ) async throws {
    let consortium = await node.consortium
    var progress: HospitalFollower.Progress?
    while true {
      let position = progress?.position ?? follower.size
      let reply = try await leaves(of: hospital, from: position, at: cloud)
      if reply.note.isEmpty || reply.note == follower.confirmed?.note { return }
      guard let keys = try consortium.keys(of: hospital, note: reply.note),
        let checkpoint = keys.confirmedCheckpoint(reply.note)
      else {
        throw ConsortiumError(.invalidProof, "the cloud returns no confirmed checkpoint")
      }
      if checkpoint.size < follower.size {
        // A cloud that is taking the chain over has less for a while, but nothing else.
        guard try follower.view.root(size: checkpoint.size) == checkpoint.root else {
          throw ConsortiumError(.ledgerDiverged, "the cloud has confirmed another chain")
        }
        return
      }
      guard checkpoint.size >= position else {
        throw ConsortiumError(.invalidProof, "the cloud returns no confirmed checkpoint")
      }
      if reply.leaves.isEmpty { return }
      let target = Target(
        checkpoint: checkpoint, generation: keys.generation,
        record: ConfirmedRecord(size: checkpoint.size, note: reply.note))
      try take(reply.leaves, target, hospital, consortium, &follower, &progress, storing)
      if progress == nil, follower.size >= checkpoint.size { return }
    }
  }

  /// What a cloud gives from a leaf on, unchecked.
  func leaves(
    of hospital: String, from index: UInt64, at cloud: String
  ) async throws -> LeavesReply {
    let query = LeavesQuery(node.terms(to: cloud), hospital: hospital, from: index)
    return try await identity.signing(in: node.members) { [requests] key in
      try await requests.ask(FetchLeaves(query: Signed(Message(query), by: key)), of: cloud)
    }
  }

  private struct Target {
    let checkpoint: Checkpoint
    let generation: UInt64
    let record: ConfirmedRecord
  }

  /// Replays a page of leaves, wherever it ends, and stores what comes to the root of the checkpoint,
  /// or of an anchor on the way: so memory holds what stands between two anchors, not the chain.
  private func take(
    _ leaves: [[UInt8]], _ target: Target, _ hospital: String, _ consortium: ConsortiumView,
    _ follower: inout HospitalFollower, _ progress: inout HospitalFollower.Progress?,
    _ storing: @Sendable (HospitalFollower.Progress) throws -> Void
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
      let isTarget = size == target.checkpoint.size
      if isTarget { try requireRightCloud(target, next, hospital, consortium) }
      try storing(next)
      try follower.commit(next, confirmed: isTarget ? target.record : nil)
      progress = nil
      if isTarget { return }
    }
  }

  /// Blocks are confirmed by the cloud of their base's epoch: a former one cannot go on.
  private func requireRightCloud(
    _ target: Target, _ progress: HospitalFollower.Progress, _ hospital: String,
    _ consortium: ConsortiumView
  ) throws {
    let members = try consortium.members(at: progress.baseHeight ?? 0)
    guard let generation = try consortium.generation(target.generation, of: hospital),
      node.genesis.keys(of: hospital, generation: generation, in: members)
        .confirmedCheckpoint(target.record.note) != nil
    else {
      throw ConsortiumError(.invalidProof, "the cloud of the last block has not confirmed it")
    }
  }
}

extension HospitalView {
  /// That this chain has come at least to an anchor of it.
  ///
  /// - Parameter anchor: nil if nothing is anchored.
  /// - Throws: ``ConsortiumError`` `behind-anchor` if it is shorter, `ledger-diverged` if it is another.
  func require(_ anchor: AnchorRecord?) throws {
    guard let anchor, try !leads(to: anchor) else { return }
    guard size < anchor.size else {
      throw ConsortiumError(
        .ledgerDiverged, "the chain does not lead to what is anchored of \(hospital)")
    }
    throw ConsortiumError(
      .behindAnchor, "\(size) leaves of \(hospital) are here, and \(anchor.size) are anchored")
  }
}
