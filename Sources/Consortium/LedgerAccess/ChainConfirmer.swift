import CanonicalEncoding
import Credentials
import EMRScheme
package import Ledger
import TransparencyLog

/// A cloud's part in the ledger: replays the chains of its hospitals and confirms their blocks
/// (4.5).
///
/// Leaves, state and cosigned checkpoint are stored in one step, and before the cosignature leaves;
/// asked again, it gives the stored one.
package actor ChainConfirmer: HospitalChains {
  private let node: LedgerNode
  private let keys: KeyRing
  private let custody: RecordCustody
  private let stores: @Sendable (_ hospital: String) throws -> any StateStore
  /// One for each hospital: their chains share nothing.
  private var gates: [String: SerialGate] = [:]
  private var followers: [String: HospitalFollower] = [:]

  /// - Parameters:
  ///   - keys: with those that cosign hospitals' chains.
  ///   - stores: where the state of a hospital's chain is kept.
  package init(
    node: LedgerNode, keys: KeyRing, custody: RecordCustody,
    stores: @escaping @Sendable (_ hospital: String) throws -> any StateStore
  ) {
    self.node = node
    self.keys = keys
    self.custody = custody
    self.stores = stores
  }

  /// Whether this cloud has, or will have, a hospital's chain to confirm.
  private func isOurs(_ hospital: String) -> Bool { keys.uses.contains(.cosigner(hospital)) }

  private func gate(of hospital: String) -> SerialGate {
    let gate = gates[hospital] ?? SerialGate()
    gates[hospital] = gate
    return gate
  }

  private func follower(of hospital: String) throws -> HospitalFollower {
    if let known = followers[hospital] { return known }
    guard isOurs(hospital) else {
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
  /// - Returns: no note where the chain does not reach what is anchored of it yet.
  /// - Throws: ``ConsortiumError`` `unauthenticated` if the hospital's log key did not sign it,
  ///   `ledger-diverged` if the rules do not accept the leaves or they are not those of the
  ///   checkpoint, `record-missing` if a completed visit's record is not here.
  func confirm(_ request: ConfirmLeaves) async throws -> ConfirmedReply {
    let hospital = request.hospital
    guard isOurs(hospital) else {
      throw ConsortiumError(.notEntitled, "another cloud confirms the chain of \(hospital)")
    }
    let gate = gate(of: hospital)
    await gate.enter()
    defer { gate.leave() }
    try await node.catchUp()
    let generation = try await node.consortium.generation(of: hospital)
    let log = node.genesis.keys(of: hospital, generation: generation, in: try await node.members)
    guard request.generation == generation.generation,
      let signed = log.loggedCheckpoint(request.note)
    else { throw ConsortiumError(.unauthenticated, "\(hospital) has not signed this checkpoint") }
    let checkpoint = signed.checkpoint

    var follower = try follower(of: hospital)
    if checkpoint.size <= follower.size {
      guard try follower.view.root(size: checkpoint.size) == checkpoint.root else {
        throw ConsortiumError(.ledgerDiverged, "\(hospital) has signed another chain before")
      }
      // Taken before, and not signed yet, where the chain was put back.
      guard let confirmed = follower.confirmed, confirmed.size >= checkpoint.size else {
        return ConfirmedReply(note: "")
      }
      return ConfirmedReply(note: confirmed.note)
    }
    guard request.from <= follower.size,
      request.from + UInt64(request.leaves.count) == checkpoint.size
    else { throw ConsortiumError(.wrongState, "leaves from \(follower.size) on are needed") }
    guard try !isClosed(request.generation, hospital) else {
      throw ConsortiumError(.wrongState, "the generation is closed")
    }
    let leaves = Array(request.leaves.dropFirst(Int(follower.size - request.from)))
    let progress = try replay(leaves, follower)
    guard try progress.root() == checkpoint.root else {
      throw ConsortiumError(.ledgerDiverged, "the leaves are not those of the checkpoint")
    }
    // An export has to reach the base, so it holds only what is final here too.
    guard let final = await node.consortium.final, progress.baseHeight ?? 0 <= final.height else {
      throw ConsortiumError(.notFinal, "the base is not final here yet")
    }
    // A block is confirmed by the cloud of its base's epoch.
    let members = try await node.consortium.members(at: progress.baseHeight ?? 0)
    guard
      let cosigner = keys.cosigner(of: hospital, among: members.cosigners(ofHospital: hospital))
    else {
      throw ConsortiumError(.notEntitled, "another cloud confirms the chain of \(hospital)")
    }
    for completion in progress.completions where await !custody.holds(completion) {
      throw ConsortiumError(.recordMissing, "a completed visit's record is not here")
    }
    // A cloud whose disk was put back takes leaves again, and signs nothing before its chain is the one
    // that is anchored.
    if let anchor = try await node.consortium.anchor(of: hospital) {
      if progress.size < anchor.size {
        try store(progress, &follower, hospital)
        return ConfirmedReply(note: "")
      }
      guard try progress.root(size: anchor.size) == anchor.root.bytes else {
        throw ConsortiumError(
          .ledgerDiverged, "the leaves do not lead to what is anchored of \(hospital)")
      }
    }
    let time = await node.consortium.time
    let note = try ConfirmedCheckpoint(signed, cosigner.cosign(checkpoint, at: time)).note.encoded
    let record = ConfirmedRecord(size: checkpoint.size, note: note)
    try store(progress, &follower, hospital, confirmed: record)
    return ConfirmedReply(note: note)
  }

  /// Stores what was replayed. What fails may be stored all the same, so then the store is read again.
  private func store(
    _ progress: HospitalFollower.Progress, _ follower: inout HospitalFollower, _ hospital: String,
    confirmed: ConfirmedRecord? = nil
  ) throws {
    followers[hospital] = nil
    try follower.commit(progress, confirmed: confirmed)
    followers[hospital] = follower
  }

  /// Erases the keys that have cosigned a chain which is based now in an epoch with another: with them
  /// nothing is cosigned any more.
  package func eraseFormerKeys() async throws {
    for use in keys.uses {
      guard let hospital = use.chain, hospital != ChainName.consortium,
        let base = try? follower(of: hospital).view.base,
        case let members = try await node.consortium.members(at: base.reference.height),
        let party = members.party(keys.owner)
      else { continue }
      try keys.eraseKeys(before: party, [use])
    }
  }

  /// Confirms nothing of a generation any more, and remembers that before it returns.
  ///
  /// - Throws: ``ConsortiumError`` `wrong-state` unless the statement names what was confirmed.
  func close(_ tail: TailStatement) async throws {
    guard isOurs(tail.hospital) else {
      throw ConsortiumError(.notEntitled, "another cloud confirms the chain of \(tail.hospital)")
    }
    let gate = gate(of: tail.hospital)
    await gate.enter()
    defer { gate.leave() }
    let follower = try follower(of: tail.hospital)
    let generation = try await node.consortium.generation(of: tail.hospital)
    guard tail.genesis == node.genesis.digest, tail.generation == generation.generation,
      tail.size == follower.size, tail.size == follower.confirmed?.size ?? 0,
      try follower.view.root(size: tail.size) == tail.root.bytes
    else {
      throw ConsortiumError(
        .wrongState, "\(follower.size) leaves of generation \(generation.generation) are confirmed")
    }
    if let anchor = try await node.consortium.anchor(of: tail.hospital) {
      guard try follower.view.leads(to: anchor) else {
        throw ConsortiumError(.wrongState, "the chain here does not lead to what is anchored of it")
      }
    }
    let store = try stores(tail.hospital)
    try store.commit([StateKey.closedGeneration.bytes: tail.generation.stateBytes])
  }

  private func isClosed(_ generation: UInt64, _ hospital: String) throws -> Bool {
    let bytes = try stores(hospital).value(forKey: StateKey.closedGeneration.bytes)
    return try bytes.map { try UInt64(stateBytes: $0) >= generation } ?? false
  }

  /// Confirms blocks whose claims hold, as whoever made all their signatures knows: the rules judge
  /// them, and neither signatures nor records are looked at.
  ///
  /// For measurements alone, as ``HospitalWriter/append(trusting:)``.
  package func confirm(
    trusting blocks: HospitalWriter.ClosedBlocks, of hospital: String
  ) async throws -> ConfirmedRecord {
    let gate = gate(of: hospital)
    await gate.enter()
    defer { gate.leave() }
    try await node.catchUp()
    let cosigners = try await node.members.cosigners(ofHospital: hospital)
    guard let cosigner = keys.cosigner(of: hospital, among: cosigners) else {
      throw ConsortiumError(.notEntitled, "another cloud confirms the chain of \(hospital)")
    }
    var follower = try follower(of: hospital)
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
    try store(progress, &follower, hospital, confirmed: record)
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
  func leaves(_ query: Signed<Message<LeavesQuery>>, limit: Int) async throws -> LeavesReply {
    let asked = query.object.payload
    var isEntitled = asked.genesis == node.genesis.digest
    if isEntitled {
      let readers = [asked.hospital, try await node.members.manager.id]
      isEntitled = try await node.isSigned(query, byAnyOf: readers)
    }
    guard isEntitled else {
      throw ConsortiumError(.unauthenticated, "the chain is not for whoever asks")
    }
    let follower = try follower(of: asked.hospital)
    guard let confirmed = follower.confirmed else { return LeavesReply(leaves: [], note: "") }
    guard asked.from < confirmed.size else { return LeavesReply(leaves: [], note: confirmed.note) }
    // What is taken again and not signed yet is not given.
    return LeavesReply(
      leaves: Array(
        try follower.leaves(from: asked.from, byteCount: limit)
          .prefix(Int(clamping: confirmed.size - asked.from))),
      note: confirmed.note)
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
