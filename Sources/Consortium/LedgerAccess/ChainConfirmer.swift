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
///
/// A block is confirmed by the cloud of its base's epoch. So a cloud that a vote gives a chain takes
/// what the clouds before it have confirmed, without its own cosignature, and goes on from there; and
/// one that a vote takes it from confirms what is still based in its epochs (specification 6.13).
package actor ChainConfirmer: HospitalChains {
  private let node: LedgerNode
  private let keys: KeyRing
  private let custody: RecordCustody
  private let source: ConfirmedLeaves
  private let wanted: WantedRecords
  private let ended: EndedVisits
  private let stores: @Sendable (_ hospital: String) throws -> any StateStore
  /// One for each hospital: their chains share nothing.
  private let gates = SerialGates<String>()
  private var followers: [String: HospitalFollower] = [:]

  /// - Parameters:
  ///   - keys: with those that cosign hospitals' chains.
  ///   - source: where the chain of a hospital that had another cloud is taken from.
  ///   - wanted: where records are noted that are not here.
  ///   - ended: where visits are noted that are over.
  ///   - stores: where the state of a hospital's chain is kept.
  init(
    node: LedgerNode, keys: KeyRing, custody: RecordCustody,
    source: ConfirmedLeaves, wanted: WantedRecords, ended: EndedVisits,
    stores: @escaping @Sendable (_ hospital: String) throws -> any StateStore
  ) {
    self.node = node
    self.keys = keys
    self.custody = custody
    self.source = source
    self.wanted = wanted
    self.ended = ended
    self.stores = stores
  }

  /// Whether this cloud has, or will have, a hospital's chain to confirm.
  private func isOurs(_ hospital: String) -> Bool { keys.uses.contains(.cosigner(hospital)) }

  /// The hospitals of whose chains this cloud has a key.
  nonisolated var hospitals: [String] {
    keys.uses.compactMap(\.chain).filter { $0 != ChainName.consortium }.sorted()
  }

  /// The key with which the cloud of a base's epoch confirms, if that is this one.
  private func cosigner(of hospital: String, onBase height: UInt64) async throws -> CosignerKey? {
    let members = try await node.consortium.members(at: height)
    return keys.cosigner(of: hospital, among: members.cosigners(ofHospital: hospital))
  }

  /// Whether the last block here is one that another cloud had to confirm; where there is none, whether
  /// the first would be.
  private func isForeign(_ follower: HospitalFollower, _ hospital: String) async throws -> Bool {
    try await cosigner(of: hospital, onBase: follower.baseHeight ?? 0) == nil
  }

  /// Whether there was, between two bases, an epoch in which another cloud had to confirm.
  private func hasMoved(
    _ hospital: String, sinceBase first: UInt64, until last: UInt64
  ) async throws -> Bool {
    let consortium = await node.consortium
    let genesis = node.genesis
    // Bases only grow.
    for epoch in genesis.epoch(ofHeight: first)...genesis.epoch(ofHeight: max(first, last)) {
      let cosigners = try consortium.members(inEpoch: epoch).cosigners(ofHospital: hospital)
      if keys.cosigner(of: hospital, among: cosigners) == nil { return true }
    }
    return false
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

  package func leaves(
    from index: UInt64, of hospital: String, limit: Int, byteCount: Int
  ) throws -> [[UInt8]] {
    try follower(of: hospital).leaves(from: index, limit: limit, byteCount: byteCount)
  }

  /// Replays blocks and cosigns the checkpoint that ends them, or stores what another cloud has confirmed.
  ///
  /// - Returns: no note where the chain does not reach what is anchored of it yet, and where leaves were
  ///   taken that another cloud had to confirm.
  /// - Throws: ``ConsortiumError`` `unauthenticated` if the hospital's log key did not sign it,
  ///   `ledger-diverged` if the rules do not accept the leaves or they are not those of the
  ///   checkpoint, `record-missing` if the record of a visit that is completed in them is not here, although
  ///   this cloud has signed for it, `not-final` if another cloud had to confirm the blocks and nothing shows
  ///   that it has.
  func confirm(_ request: ConfirmLeaves) async throws -> ConfirmedReply {
    let hospital = request.hospital
    guard isOurs(hospital) else {
      throw ConsortiumError(.notEntitled, "another cloud confirms the chain of \(hospital)")
    }
    return try await gates.pass(hospital) { try await confirmInTurn(request) }
  }

  private func confirmInTurn(_ request: ConfirmLeaves) async throws -> ConfirmedReply {
    let hospital = request.hospital
    try await node.catchUp()
    if let base = request.leaves.last.flatMap(Leaf.header(in:))?.base.height {
      try await node.adoptFinal(of: hospital, height: base)
    }
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
      // Taken before, and not signed yet, where the chain was put back or taken over.
      guard let confirmed = follower.confirmed, confirmed.size >= checkpoint.size else {
        return ConfirmedReply(note: "")
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
    let base = progress.baseHeight ?? 0
    // An export has to reach the base, so it holds only what is final here too.
    guard let final = await node.consortium.final, base <= final.height else {
      throw ConsortiumError(.notFinal, "the base is not final here yet")
    }
    let cosigner = try await cosigner(of: hospital, onBase: base)
    try await requireOneCloud(leaves, hospital, cosigner)
    let anchor = try await node.consortium.anchor(of: hospital)
    if let anchor, progress.size >= anchor.size {
      guard try progress.root(size: anchor.size) == anchor.root.bytes else {
        throw ConsortiumError(
          .ledgerDiverged, "the leaves do not lead to what is anchored of \(hospital)")
      }
    }
    guard let cosigner else {
      let record = try await formerConfirmation(
        request.note, progress, generation, anchor, hospital)
      try await wanted.add(missing(of: progress.completions), of: hospital)
      try store(progress, &follower, hospital, confirmed: record)
      return ConfirmedReply(note: record?.note ?? "")
    }
    guard try !isClosed(request.generation, hospital) else {
      throw ConsortiumError(.wrongState, "the generation is closed")
    }
    if try await hasMoved(hospital, sinceBase: follower.baseHeight ?? 0, until: base) {
      try await requireAgreement(progress, generation, hospital)
    }
    // What is anchored, or kept by a later generation, was confirmed before: of that a record which is gone is
    // a loss, and no reason to stop.
    let before = max(anchor?.size ?? 0, generation.start)
    let others = try await completionsOfOthers(progress.completions, hospital)
    let owed = Set(progress.completions(behind: before).map(\.context.visitID)).subtracting(others)
    let missing = await missing(of: progress.completions)
    guard owed.isDisjoint(with: missing) else {
      throw ConsortiumError(.recordMissing, "a completed visit's record is not here")
    }
    try wanted.add(missing, of: hospital)
    // A cloud whose disk was put back takes leaves again, and signs nothing before its chain is the one
    // that is anchored. What a generation keeps was confirmed, or stated, in the one before.
    if progress.size < anchor?.size ?? 0 || progress.size <= generation.start {
      try store(progress, &follower, hospital)
      return ConfirmedReply(note: "")
    }
    let time = await node.consortium.time
    let note = try ConfirmedCheckpoint(signed, cosigner.cosign(checkpoint, at: time)).note.encoded
    let record = ConfirmedRecord(size: checkpoint.size, note: note)
    try store(progress, &follower, hospital, confirmed: record)
    // While a visit is open for this cloud, what has a receipt stays.
    for completion in progress.completions { try await custody.dropOthers(than: completion) }
    return ConfirmedReply(note: note)
  }

  // MARK: Taking a chain over (specification 6.13)

  /// Blocks that one cloud confirms are sent together, and those of another apart: so whatever stands
  /// before the first block that is cosigned here was confirmed by who had to.
  private func requireOneCloud(
    _ leaves: [[UInt8]], _ hospital: String, _ cosigner: CosignerKey?
  ) async throws {
    var known: Set<UInt64> = []
    for leaf in leaves where Leaf.isHeader(leaf) {
      guard let height = Leaf.header(in: leaf)?.base.height,
        known.insert(node.genesis.epoch(ofHeight: height)).inserted
      else { continue }
      let own = try await self.cosigner(of: hospital, onBase: height)
      guard own?.verifier == cosigner?.verifier else {
        throw ConsortiumError(.wrongState, "the blocks belong to several clouds, or keys")
      }
    }
  }

  /// That blocks which another cloud had to confirm may be taken: by an anchor, by its cosignature, or
  /// because a later generation keeps them.
  ///
  /// - Returns: the checkpoint with its cosignature, if it is there.
  private func formerConfirmation(
    _ note: String, _ progress: HospitalFollower.Progress, _ generation: GenerationRecord,
    _ anchor: AnchorRecord?, _ hospital: String
  ) async throws -> ConfirmedRecord? {
    guard try await node.members.cloud(ofHospital: hospital) == node.id else {
      throw ConsortiumError(.notEntitled, "another cloud confirms the chain of \(hospital)")
    }
    let members = try await node.consortium.members(at: progress.baseHeight ?? 0)
    let former = node.genesis.keys(of: hospital, generation: generation, in: members)
    if former.confirmedCheckpoint(note) != nil {
      return ConfirmedRecord(size: progress.size, note: note)
    }
    guard progress.size <= max(anchor?.size ?? 0, generation.start) else {
      throw ConsortiumError(
        .notFinal, "the cloud that \(hospital) had has not confirmed these leaves")
    }
    return nil
  }

  /// What the other clouds that the chain has had show to be confirmed of a generation. One that does not
  /// answer, or shows nothing that the hospital has signed, cannot hold the chain up.
  private func confirmedElsewhere(
    _ hospital: String, generation: UInt64, behind size: UInt64
  ) async throws -> [(cloud: String, checkpoint: Checkpoint)] {
    let consortium = await node.consortium
    var found: [(cloud: String, checkpoint: Checkpoint)] = []
    for cloud in try consortium.clouds(ofHospital: hospital, sinceEpoch: 0) where cloud != node.id {
      guard let note = try? await source.leaves(of: hospital, from: size, at: cloud).note,
        let log = try consortium.keys(of: hospital, note: note), log.generation == generation,
        let confirmed = log.confirmedCheckpoint(note)
      else { continue }
      found.append((cloud, confirmed))
    }
    return found
  }

  /// Before the first block that is cosigned here: that no former cloud shows that it has confirmed
  /// anything else, which the hospital would cut off.
  private func requireAgreement(
    _ progress: HospitalFollower.Progress, _ generation: GenerationRecord, _ hospital: String
  ) async throws {
    let others = try await confirmedElsewhere(
      hospital, generation: generation.generation, behind: progress.size)
    for (cloud, confirmed) in others {
      guard confirmed.size <= progress.size,
        try progress.root(size: confirmed.size) == confirmed.root
      else {
        throw ConsortiumError(
          .ledgerDiverged, "\(cloud) has confirmed another chain of \(hospital)")
      }
    }
  }

  /// The visits whose records another cloud has signed for, as far as signatures tell: it answers for
  /// them, and what it does not give stops nothing.
  private func completionsOfOthers(
    _ completions: [VisitCompletion], _ hospital: String
  ) async throws -> Set<Digest32> {
    let consortium = await node.consortium
    var others: Set<Digest32> = []
    for completion in completions {
      let visit = completion.context.visitID
      let receipt = StorageReceipt(
        genesis: node.genesis.digest, visit: visit, recordDigest: completion.recordDigest)
      let epoch = node.genesis.epoch(ofHeight: completion.context.baseHeight)
      let own = try consortium.memberships(sinceEpoch: epoch).contains { members in
        members.identityKey(of: node.id).map {
          IdentityKey.isValid(completion.storageSignature, of: receipt, by: $0)
        } ?? false
      }
      if !own { others.insert(visit) }
    }
    return others
  }

  /// The visits whose records are not here.
  private func missing(of completions: [VisitCompletion]) async -> [Digest32] {
    var missing: [Digest32] = []
    for completion in completions where await !custody.holds(completion) {
      missing.append(completion.context.visitID)
    }
    return missing
  }

  /// Takes what a cloud that the hospital had before shows as confirmed, where the chain has come to this
  /// one and nothing of it is confirmed here yet.
  ///
  /// - Returns: whether there was anything new.
  /// - Throws: ``StoreError``. That the former cloud does not answer, or shows what is not confirmed, is
  ///   no error here: the hospital has all leaves too.
  func takeOver(_ hospital: String) async throws -> Bool {
    guard isOurs(hospital) else { return false }
    return try await gates.pass(hospital) { try await takeOverInTurn(hospital) }
  }

  private func takeOverInTurn(_ hospital: String) async throws -> Bool {
    guard try await node.members.cloud(ofHospital: hospital) == node.id else { return false }
    let before = try follower(of: hospital)
    guard try await isForeign(before, hospital) else { return false }
    // Behind a tail that was stated nothing of its generation is taken any more.
    let generation = try await node.consortium.generation(of: hospital).generation
    if try isClosed(generation, hospital) { return false }
    let epoch = node.genesis.epoch(ofHeight: before.baseHeight ?? 0)
    var follower = before
    for cloud in try await node.consortium.clouds(ofHospital: hospital, sinceEpoch: epoch)
    where cloud != node.id {
      followers[hospital] = nil
      do {
        try await source.bring(&follower, of: hospital, from: cloud) { [wanted, ended] progress in
          try ended.add(progress.ended, of: hospital)
          // Records are looked for later: what is here already is not asked for.
          try wanted.add(progress.completions.map(\.context.visitID), of: hospital)
        }
      } catch let error as StoreError {
        throw error
      } catch {
        continue
      }
    }
    followers[hospital] = follower
    return follower.size > before.size
  }

  /// Stores what was replayed. What fails may be stored all the same, so then the store is read again.
  private func store(
    _ progress: HospitalFollower.Progress, _ follower: inout HospitalFollower, _ hospital: String,
    confirmed: ConfirmedRecord? = nil
  ) throws {
    try ended.add(progress.ended, of: hospital)
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
  /// The statement names what was confirmed. Where nothing was, because the chain has come to this cloud
  /// and the one before does not confirm what is based in its epochs, it may name more than this cloud
  /// has: leaves that begin with these.
  /// - Throws: ``ConsortiumError`` `wrong-state` for any other statement.
  func close(_ tail: TailStatement, consistency: [[UInt8]]) async throws {
    guard isOurs(tail.hospital) else {
      throw ConsortiumError(.notEntitled, "another cloud confirms the chain of \(tail.hospital)")
    }
    try await gates.pass(tail.hospital) { try await closeInTurn(tail, consistency) }
  }

  private func closeInTurn(_ tail: TailStatement, _ consistency: [[UInt8]]) async throws {
    let follower = try follower(of: tail.hospital)
    let generation = try await node.consortium.generation(of: tail.hospital)
    let isForeign = try await isForeign(follower, tail.hospital)
    guard tail.genesis == node.genesis.digest, tail.generation == generation.generation,
      try await node.members.cloud(ofHospital: tail.hospital) == node.id,
      try isForeign
        ? follower.view.begins(tail, consistency)
        : tail.size == follower.size && tail.size == follower.confirmed?.size ?? 0
          && follower.view.root(size: tail.size) == tail.root.bytes
    else {
      throw ConsortiumError(
        .wrongState, "\(follower.size) leaves of generation \(generation.generation) are confirmed")
    }
    if let anchor = try await node.consortium.anchor(of: tail.hospital) {
      guard try follower.view.leads(to: anchor) else {
        throw ConsortiumError(.wrongState, "the chain here does not lead to what is anchored of it")
      }
    }
    // What the cloud before this one has confirmed is not cut off where it can say so.
    let others = try await confirmedElsewhere(
      tail.hospital, generation: tail.generation, behind: tail.size)
    for (cloud, confirmed) in others where confirmed.size > tail.size {
      throw ConsortiumError(
        .wrongState, "\(cloud) has confirmed \(confirmed.size) leaves of \(tail.hospital)")
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
    try await gates.pass(hospital) { try await confirmInTurn(trusting: blocks, of: hospital) }
  }

  private func confirmInTurn(
    trusting blocks: HospitalWriter.ClosedBlocks, of hospital: String
  ) async throws -> ConfirmedRecord {
    try await node.catchUp()
    var follower = try follower(of: hospital)
    guard let cosigner = try await cosigner(of: hospital, onBase: blocks.baseHeight) else {
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

  /// The confirmed leaves from `query.from` on, for the hospital itself, its present cloud and the system
  /// manager.
  func leaves(_ asked: LeavesQuery, limit: Int) async throws -> LeavesReply {
    let members = try await node.members
    guard
      [asked.hospital, members.manager.id, members.cloud(ofHospital: asked.hospital)]
        .contains(asked.terms.party)
    else {
      throw ConsortiumError(.unauthenticated, "the chain is not for whoever asks")
    }
    let follower = try follower(of: asked.hospital)
    let held = follower.size
    guard let confirmed = follower.confirmed else {
      return LeavesReply(leaves: [], note: "", held: held)
    }
    guard asked.from < confirmed.size else {
      return LeavesReply(leaves: [], note: confirmed.note, held: held)
    }
    // What is taken again and not signed yet is not given.
    return LeavesReply(
      leaves: Array(
        try follower.leaves(from: asked.from, byteCount: limit)
          .prefix(Int(clamping: confirmed.size - asked.from))),
      note: confirmed.note, held: held)
  }
}

extension HospitalView {
  /// Whether the leaves of a statement begin with those that are here.
  fileprivate func begins(_ tail: TailStatement, _ consistency: [[UInt8]]) throws -> Bool {
    guard tail.size >= size else { return false }
    if size == 0 { return consistency.isEmpty }
    do {
      try ConsistencyProof(hashes: consistency).verify(
        oldSize: size, oldRoot: root(size: size), newSize: tail.size, newRoot: tail.root.bytes)
      return true
    } catch is TransparencyLogError {
      return false
    }
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
