package import CanonicalEncoding
import Credentials
import EMRScheme
package import Ledger
import TransparencyLog

/// A hospital's own chain: takes entries, has its cloud confirm the blocks, and anchors them.
///
/// Before the first entry after a start, the hospital compares its log with what its cloud has
/// confirmed. A log that lost leaves, as by a backup put back, gets them from the cloud; nothing is
/// written over what was confirmed (specification 6.9).
///
/// Once a vote has given the chain another cloud, the one before confirms what is based in its epochs,
/// and the present one is handed all of that. Where the former one does not do so for too long, the
/// chain goes on in a new generation, of which the present cloud states the start (specification 6.13).
package actor HospitalLedger {
  package nonisolated let hospital: String
  package nonisolated let writer: HospitalWriter
  private let node: LedgerNode
  private let identity: any PartyIdentity
  private let logKeys: LogKeys
  private let requests: RequestClient
  private let clock: @Sendable () -> UInt64
  private let gate = SerialGate()
  /// Nothing is written between the decision to go on in a new generation and its first block.
  private let writing = SerialGate()
  private var hasMetCloud = false
  /// How many leaves each cloud has that was asked: fewer than it confirmed, where its disk was put
  /// back.
  private var held: [String: UInt64] = [:]
  /// Since when a former cloud does not do its part, by the own clock.
  private var silentSince: [String: UInt64] = [:]
  /// The index at which the open block begins, and when it was first seen to have an item, by the
  /// own clock.
  private var openSince: (index: UInt64, time: UInt64)?
  /// What was offered to the consortium last: one after the other, for each stands on the one before.
  private var offered: Digest32?

  package init(
    hospital: String, node: LedgerNode, writer: HospitalWriter, identity: any PartyIdentity,
    logKeys: LogKeys, requests: RequestClient, clock: @escaping @Sendable () -> UInt64
  ) {
    self.hospital = hospital
    self.node = node
    self.writer = writer
    self.identity = identity
    self.logKeys = logKeys
    self.requests = requests
    self.clock = clock
  }

  private var genesis: ValidGenesis { node.genesis }

  private func cloud() async throws -> String {
    guard let cloud = try await node.members.cloud(ofHospital: hospital) else {
      throw ConsortiumError(.unreachable, "no cloud validates \(hospital)")
    }
    return cloud
  }

  /// The cloud that has to confirm blocks on a base.
  private func cloud(onBase height: UInt64) async throws -> String {
    guard
      let cloud = try await node.consortium.members(at: height).cloud(ofHospital: hospital)
    else { throw ConsortiumError(.unreachable, "no cloud validates \(hospital)") }
    return cloud
  }

  /// The clouds before the present one that may have confirmed something behind the last block here.
  private func formerClouds() async throws -> [String] {
    let present = try await cloud()
    let epoch = genesis.epoch(ofHeight: await writer.header?.base.height ?? 0)
    return try await node.consortium.clouds(ofHospital: hospital, sinceEpoch: epoch)
      .filter { $0 != present }
  }

  // MARK: Taking entries

  /// Puts an entry on the chain, if the rules accept it.
  ///
  /// What closes a block is answered once the cloud has confirmed it, everything else once it is
  /// written; the same entry again is answered by where it stands now.
  /// - Throws: ``ConsortiumError`` `unauthenticated` for what does not stand here, and nobody signed who is known, with
  ///   the key in force: that gets no signed answer, but where it is a doctor's, whose key may have changed meanwhile.
  package func submit(_ entry: Entry) async throws -> SubmissionAnswer {
    try await meetCloud()
    // What stands here was signed when it was taken, whatever key its author has by now.
    let index = try await writer.view.index(of: entry.digest)
    if index == nil { try await requireSigned(entry) }
    switch try await put(entry) {
    case .refused(let refusal, let position):
      return await answer(entry, .refused(code: refusal.code, position: position))
    case .written(let index):
      if await index < writer.size { try? await confirm() }
      return await answer(entry, try await outcome(of: entry, at: index))
    }
  }

  /// Whether somebody waits for the cloud to confirm an entry. With one a team has signed: the cloud takes a
  /// record only of a visit of which it has confirmed that. Behind another the proxy gives a record out.
  private func isAwaited(_ entry: Entry) async throws -> Bool {
    switch entry.content.body {
    case .partialSignature(let partial):
      try await writer.view.visit(partial.visit)?.attempts.count == partial.commitments.count
    case .accessNotice: true
    default: false
    }
  }

  /// Puts an entry of the hospital itself on its chain.
  ///
  /// - Throws: the ``Refusal``.
  package func put(_ body: some CanonicalObject) async throws {
    let content = EntryContent(
      genesis: genesis.digest, chain: hospital, signer: .party(hospital), body: body)
    // By the base to which the chain moves if it has another key of this hospital.
    let base = try await node.finalBlock()
    let members = try await node.consortium.members(at: base.reference.height)
    let entry = try Entry(checked: content, signedBy: identity.identity(in: members))
    if case .refused(let refusal, _) = try await put(entry) { throw refusal }
  }

  private func put(_ entry: Entry) async throws -> HospitalWriter.Outcome {
    try await meetCloud()
    let base = try await node.finalBlock()
    let isAwaited = try await isAwaited(entry)
    let written = try await whileContinued {
      let outcome = try await writer.submit(entry, base: base, closingBlock: isAwaited)
      let index = await writer.size
      if openSince?.index != index, await writer.openItemCount > 0 { openSince = (index, clock()) }
      return outcome
    }
    guard let outcome = written else {
      throw ConsortiumError(.notFinal, "the chain is about to go on in a new generation")
    }
    return outcome
  }

  /// Writes, unless the chain is about to go on in a new generation: nil then.
  private func whileContinued<Value: Sendable>(
    _ write: () async throws -> Value
  ) async throws -> Value? {
    await writing.enter()
    defer { writing.leave() }
    guard try await isContinued() else { return nil }
    return try await write()
  }

  /// Decides that the chain goes on in a new generation, durably; nothing is written any more in this
  /// one.
  private func beginContinuation() async throws {
    await writing.enter()
    defer { writing.leave() }
    let consortium = await node.consortium
    try logKeys.beginContinuation(
      after: consortium.generation(of: hospital),
      isRegistered: { try consortium.isRegistered($0) })
  }

  private func requireSigned(_ entry: Entry) async throws {
    guard entry.content.chain == hospital, entry.content.genesis == genesis.digest else {
      throw ConsortiumError(.notEntitled, "the entry belongs to another chain")
    }
    try await meetCloud()
    try await node.catchUp()
    let key: [UInt8]? =
      switch entry.content.signer {
      case .party(let party): try await node.consortium.identityKey(of: party)
      case .patient(let visit): try await writer.view.visit(visit)?.signingKey
      }
    if let key, entry.isSigned(by: key) { return }
    // A doctor's key may have been given up meanwhile: that the rules refuse, with a position.
    guard case .party(let doctor) = entry.content.signer,
      try await node.consortium.finalDoctor(doctor) != nil
    else {
      throw ConsortiumError(.unauthenticated, "the entry is not signed by its author")
    }
  }

  private func outcome(
    of entry: Entry, at index: UInt64
  ) async throws -> SubmissionAnswer.Outcome {
    let view = await writer.view
    guard let confirmed = view.confirmed, index < confirmed.size else { return .written }
    return .confirmed(
      .init(
        index: index, note: confirmed.note,
        inclusion: try view.inclusion(of: index, size: confirmed.size)))
  }

  private func answer(
    _ entry: Entry, _ outcome: SubmissionAnswer.Outcome
  ) async -> SubmissionAnswer {
    // A confirmation is of the log that has it, which may be that before the present one.
    var generation = await writer.generation
    if case .confirmed = outcome, let confirmed = await writer.view.confirmed {
      generation = confirmed.generation
    }
    return SubmissionAnswer(
      genesis: genesis.digest, chain: hospital, generation: generation, entry: entry.digest,
      outcome: outcome)
  }

  // MARK: Confirming (4.5)

  /// Asks the cloud once after each start how much it has confirmed, and takes back what is missing
  /// here; and so every cloud before it that may have confirmed something which this log has lost.
  func meetCloud() async throws {
    if hasMetCloud { return }
    await gate.enter()
    defer { gate.leave() }
    if hasMetCloud { return }
    try await node.catchUp()
    try await writer.open()
    try await meet(try await cloud())
    for former in try await formerClouds() {
      do {
        try await meet(former)
        silentSince[former] = nil
      } catch {
        // What it alone knows to be confirmed is gone, if there is anything, and must not be written over.
        if try await isGivenUp(former, after: error) { try await beginContinuation() }
      }
    }
    // A cloud that withholds what it confirmed cannot withhold what is anchored of it.
    if let anchor = try await node.consortium.anchor(of: hospital) {
      guard try await writer.view.leads(to: anchor) else {
        throw ConsortiumError(.ledgerDiverged, "the log does not lead to what is anchored of it")
      }
    }
    hasMetCloud = true
  }

  /// Asks a cloud how much it has, and takes back what is missing here.
  private func meet(_ cloud: String) async throws {
    var missing: [[UInt8]] = []
    while true {
      let reply = try await ConfirmedLeaves(node: node, identity: identity, requests: requests)
        .leaves(of: hospital, from: await writer.size + UInt64(missing.count), at: cloud)
      held[cloud] = reply.held
      if reply.note.isEmpty { return }
      let checkpoint = try await confirmedCheckpoint(reply.note)
      let record = ConfirmedRecord(size: checkpoint.size, note: reply.note)
      let size = await writer.size
      if checkpoint.size <= size {
        guard try await writer.root(size: checkpoint.size) == checkpoint.root else {
          throw ConsortiumError(
            .ledgerDiverged, "the log is not the one that the cloud has confirmed")
        }
        await writer.confirm(record)
        return
      }
      guard !reply.leaves.isEmpty else {
        throw ConsortiumError(.invalidProof, "the cloud does not return what it confirmed")
      }
      missing += reply.leaves
      guard UInt64(missing.count) >= checkpoint.size - size else { continue }
      // What this log had signed beyond that is not known any more: it must not be signed again.
      try await beginContinuation()
      try await writer.recover(missing, confirmed: record, root: checkpoint.root)
      missing = []
    }
  }

  /// Whether a former cloud has not done its part for so long that the chain has to go on without it.
  ///
  /// - Throws: the error, before that; a store's, and that the log is not the one which hospital and
  ///   cloud have signed, whenever it comes.
  private func isGivenUp(_ former: String, after error: any Error) async throws -> Bool {
    if error is StoreError { throw error }
    if let error = error as? ConsortiumError, error.code == .ledgerDiverged { throw error }
    let now = clock()
    // A clock that was ahead says nothing of since when.
    let since = min(silentSince[former] ?? now, now)
    silentSince[former] = since
    guard now - since >= (try await node.members.numbers.maximumLag / 2) else { throw error }
    return true
  }

  /// The checkpoint in a note that hospital and cloud signed, of whatever generation.
  private func confirmedCheckpoint(_ note: String) async throws -> Checkpoint {
    guard let keys = try await node.consortium.keys(of: hospital, note: note),
      let checkpoint = keys.confirmedCheckpoint(note)
    else { throw ConsortiumError(.invalidProof, "the cloud returns no confirmed checkpoint") }
    return checkpoint
  }

  private func logKey() async throws -> LogKey {
    let generation = await writer.generation
    return try logKeys.key(
      generation: generation, origin: genesis.origin(of: hospital, generation: generation))
  }

  /// Has all closed blocks confirmed, each by the cloud of its base's epoch, and hands the present one
  /// what others have confirmed.
  private func confirm() async throws {
    await gate.enter()
    defer { gate.leave() }
    try await confirmBlocks()
  }

  /// - Precondition: the gate is taken.
  private func confirmBlocks() async throws {
    let present = try await cloud()
    while true {
      let from = try await provenSize()
      guard let blocks = try await writer.closedBlocks(from: from, signedBy: logKey()) else {
        return try await handOver(to: present)
      }
      let responsible = try await cloud(onBase: blocks.baseHeight)
      if responsible == present {
        try await handOver(to: present)
        // What was handed over may have come back with more that is confirmed.
        if try await provenSize() == from { try await send(blocks, from: from, to: present) }
        continue
      }
      do {
        try await send(blocks, from: from, to: responsible)
        silentSince[responsible] = nil
      } catch {
        if try await isGivenUp(responsible, after: error) { try await beginContinuation() }
        throw error
      }
    }
  }

  /// Whether there is nothing to be confirmed, or to be handed to the present cloud.
  private func isConfirmed() async throws -> Bool {
    if await writer.size > writer.view.confirmed?.size ?? 0 { return false }
    guard let present = try await node.members.cloud(ofHospital: hospital) else { return true }
    let proven = try await provenSize()
    return held[present] ?? 0 >= proven
  }

  /// Up to where a cloud takes leaves without confirming them: what is confirmed, anchored, or kept by
  /// the present generation.
  private func provenSize() async throws -> UInt64 {
    let consortium = await node.consortium
    let confirmed = await writer.view.confirmed?.size ?? 0
    let anchored = try consortium.anchor(of: hospital)?.size ?? 0
    let generation = await writer.generation
    let start = try consortium.generation(generation, of: hospital)?.start ?? 0
    return min(await writer.size, max(confirmed, anchored, start))
  }

  /// Gives the present cloud what was confirmed and it has not got: its disk was put back, or the chain
  /// has come to it.
  private func handOver(to cloud: String) async throws {
    if held[cloud] == nil { try await meet(cloud) }
    while true {
      let (from, end) = (held[cloud] ?? 0, try await provenSize())
      guard from < end,
        let blocks = try await writer.closedBlocks(from: from, upTo: end, signedBy: logKey())
      else { return }
      try await send(blocks, from: from, to: cloud)
    }
  }

  /// Sends blocks to a cloud, and takes its confirmation.
  private func send(
    _ blocks: HospitalWriter.ClosedBlocks, from: UInt64, to cloud: String
  ) async throws {
    let end = from + UInt64(blocks.leaves.count)
    var note = blocks.checkpoint.note.encoded
    // With the former cloud's cosignature, which the present one needs to see.
    if let confirmed = await writer.view.confirmed, confirmed.size == end,
      confirmed.generation == (await writer.generation)
    {
      note = confirmed.note
    }
    let reply: ConfirmedReply
    do {
      reply = try await node.ask(
        sealed: ConfirmLeaves(
          hospital: hospital, generation: await writer.generation, from: from,
          leaves: blocks.leaves, note: note), of: cloud)
    } catch let error as ConsortiumError where error.code == .wrongState {
      // It has fewer leaves than it had: it is asked how many before the next attempt.
      held[cloud] = nil
      hasMetCloud = false
      throw error
    }
    if reply.note.isEmpty, try await provenSize() >= end {
      // Taken, and not confirmed: by another cloud, or before it reaches what is anchored.
      held[cloud] = end
      return
    }
    let checkpoint = try await confirmedCheckpoint(reply.note)
    guard checkpoint.size > from else {
      throw ConsortiumError(.invalidProof, "the cloud returns no cosigned checkpoint")
    }
    guard try await writer.root(size: checkpoint.size) == checkpoint.root else {
      throw ConsortiumError(.ledgerDiverged, "the cloud confirms another chain")
    }
    held[cloud] = checkpoint.size
    await writer.confirm(ConfirmedRecord(size: checkpoint.size, note: reply.note))
  }

  // MARK: Continuing (specification 6.9)

  /// Whether the chain may be written: no continuation is under way.
  private func isContinued() async throws -> Bool {
    guard let target = try logKeys.continuation() else { return true }
    let record = try await node.consortium.generation(of: hospital)
    if record.generation == target {
      guard let base = try await node.consortium.finalBlock(),
        base.reference.height >= record.height
      else { return false }
      // The first block of the new generation.
      try await writer.follow(base)
      try await writer.closeBlock()
      try logKeys.endContinuation()
      return true
    }
    return false
  }

  /// Asks the cloud for its statement, and names the size to go on from.
  ///
  /// - Returns: whether the consortium had not been told yet.
  private func advanceContinuation() async throws -> Bool {
    guard let target = try logKeys.continuation() else { return false }
    let consortium = await node.consortium
    let record = try consortium.generation(of: hospital)
    guard record.generation < target else { return false }
    await gate.enter()
    defer { gate.leave() }
    // Somebody may have seen its key on the way, and have had it registered first.
    try logKeys.beginContinuation(
      after: record, isRegistered: { try consortium.isRegistered($0) })
    // Nothing else is written any more.
    try await writer.closeBlock()
    let cloud = try await cloud()
    let known = try await handedOver(to: cloud)
    let tail = TailStatement(
      genesis: genesis.digest, hospital: hospital, generation: record.generation,
      size: await writer.size, root: try await writer.root())
    let consistency =
      0 < known && known < tail.size
      ? try await writer.view.consistency(from: known, to: tail.size) : []
    let signature: [UInt8]
    do {
      signature = try await identity.signing(in: node.members) { [requests] key in
        try await requests.ask(
          RequestTail(statement: Signed(tail, by: key), consistency: consistency), of: cloud
        ).bytes
      }
    } catch let error as ConsortiumError where error.code == .wrongState {
      held[cloud] = nil
      throw error
    }
    let origin = genesis.origin(of: hospital, generation: target)
    let continuation = Continuation(
      tail: tail, cloudSignature: signature,
      logKey: try logKeys.key(generation: target, origin: origin).verifier.key.publicKey)
    return try await offer(continuation)
  }

  /// Gives the cloud, before it states its tail, what it has lost or what came to it: nothing is written
  /// here that it had not confirmed, but for what a former cloud does not confirm.
  ///
  /// - Returns: how many leaves it has.
  private func handedOver(to cloud: String) async throws -> UInt64 {
    try await handOver(to: cloud)
    let from = try await provenSize()
    if let blocks = try await writer.closedBlocks(from: from, signedBy: logKey()),
      try await self.cloud(onBase: blocks.baseHeight) == cloud
    {
      try await confirmBlocks()
    }
    return held[cloud] ?? 0
  }

  /// Has an entry of the hospital put on the consortium chain.
  ///
  /// - Returns: whether it is new: the same one may have waited for a block before, or the rules refuse
  ///   it as things stand.
  private func offer(_ body: some CanonicalObject) async throws -> Bool {
    let content = EntryContent(
      genesis: genesis.digest, chain: ChainName.consortium, signer: .party(hospital), body: body)
    let entry = try Entry(
      checked: content, signedBy: identity.identity(in: try await node.members))
    if let offered, await node.isWaiting(offered) { return false }
    do {
      let isNew = try await node.submit(entry)
      offered = entry.digest
      return isNew
    } catch is Refusal {
      return false
    }
  }

  // MARK: Duties

  /// Does everything that is due now: follows the consortium, closes a block, has it confirmed, and
  /// anchors it.
  ///
  /// - Returns: whether anything changed.
  package func advance() async throws -> Bool {
    try await meetCloud()
    try await node.catchUp()
    let before = (await writer.position, await writer.view.confirmed?.size)
    let isWritten: Void? = try await whileContinued {
      let consortium = await node.consortium
      if let base = try consortium.finalBlock(),
        try await writer.isBehind(
          base, demands: try demands(upTo: base, consortium))
      {
        try await writer.follow(base)
      }
      if try await isBlockDue() { try await writer.closeBlock() }
    }
    if isWritten == nil { return try await advanceContinuation() }
    if try await !isConfirmed() { try await confirm() }
    let anchored = try await anchor()
    let after = (await writer.position, await writer.view.confirmed?.size)
    return anchored || before != after
  }

  /// How many demands stand in blocks up to this one.
  private func demands(
    upTo base: ConsortiumBlock, _ consortium: ConsortiumView
  ) throws -> UInt64 {
    var count = try consortium.demandCount(on: hospital)
    while count > 0, let last = try consortium.demand(count - 1, on: hospital),
      last.height > base.reference.height
    {
      count -= 1
    }
    return count
  }

  /// What belongs to a visit under way waits for the visit's block, but not longer than half of
  /// maxLag; everything else waits for nothing.
  private func isBlockDue() async throws -> Bool {
    guard await writer.openItemCount > 0 else { return false }
    if await !writer.openKinds.isSubset(of: [.baseAdvance, .visitOpening, .partialSignature]) {
      return true
    }
    guard let openSince, await openSince.index == writer.size else { return true }
    let pause = Pause(of: try await node.members.numbers.maximumLag / 2, since: openSince.time)
    return pause.isOver(at: clock())
  }

  /// Anchors the newest confirmed checkpoint, unless its anchor is on its way.
  private func anchor() async throws -> Bool {
    let consortium = await node.consortium
    let view = await writer.view
    let anchored = try consortium.anchor(of: hospital)?.size ?? 0
    guard let confirmed = view.confirmed, confirmed.size > anchored,
      let leaf = try await writer.leaf(confirmed.size - 1),
      let header = Leaf.header(in: leaf)
    else { return false }
    // The consortium would refuse it; the base follows with the next call.
    guard let base = try consortium.block(header.base.height), base.reference == header.base,
      try consortium.countedTime <= base.countedTime + consortium.members.numbers.maximumLag
    else { return false }
    let anchor = Anchor(
      hospital: hospital, note: confirmed.note, header: header,
      inclusion: try view.inclusion(of: header.index, size: confirmed.size),
      consistency: anchored == 0
        ? [] : try view.consistency(from: anchored, to: confirmed.size))
    return try await offer(anchor)
  }
}
