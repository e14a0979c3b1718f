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
package actor HospitalLedger {
  package nonisolated let hospital: String
  package nonisolated let writer: HospitalWriter
  private let node: LedgerNode
  private let identity: any PartyIdentity
  private let logKeys: LogKeys
  private let post: Post
  private let clock: @Sendable () -> UInt64
  private let gate = SerialGate()
  private var hasMetCloud = false
  /// How much the cloud has confirmed: less than this log knows of, where the cloud's disk was put
  /// back.
  private var cloudSize: UInt64 = 0
  /// The index at which the open block begins, and when it was first seen to have an item, by the
  /// own clock.
  private var openSince: (index: UInt64, time: UInt64)?
  /// What was offered to the consortium last: one after the other, for each stands on the one before.
  private var offered: Digest32?

  package init(
    hospital: String, node: LedgerNode, writer: HospitalWriter, identity: any PartyIdentity,
    logKeys: LogKeys, post: Post, clock: @escaping @Sendable () -> UInt64
  ) {
    self.hospital = hospital
    self.node = node
    self.writer = writer
    self.identity = identity
    self.logKeys = logKeys
    self.post = post
    self.clock = clock
  }

  private var genesis: ValidGenesis { node.genesis }

  private func cloud() async throws -> String {
    guard let cloud = try await node.members.cloud(ofHospital: hospital) else {
      throw ConsortiumError(.unreachable, "no cloud validates \(hospital)")
    }
    return cloud
  }

  // MARK: Taking entries

  /// Puts an entry on the chain, if the rules accept it.
  ///
  /// What closes a block is answered once the cloud has confirmed it, everything else once it is
  /// written; the same entry again is answered by where it stands now.
  /// - Throws: ``ConsortiumError`` `unauthenticated` for what nobody signed who is known: that gets
  ///   no signed answer.
  package func submit(_ entry: Entry) async throws -> SubmissionAnswer {
    try await requireSigned(entry)
    switch try await put(entry) {
    case .refused(let refusal, let position):
      return await answer(entry, .refused(code: refusal.code, position: position))
    case .written(let index):
      if await index < writer.size { try? await confirm() }
      return await answer(entry, try await outcome(of: entry, at: index))
    }
  }

  /// Whether a team has signed with this entry: the cloud takes a record only of a visit of which it
  /// has confirmed that.
  private func isLastSignature(_ entry: Entry) async throws -> Bool {
    guard case .partialSignature(let partial) = entry.content.body else { return false }
    return try await writer.view.visit(partial.visit)?.attempts.count == partial.commitments.count
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
    let entry = Entry(content, signedBy: identity.identity(in: members))
    if case .refused(let refusal, _) = try await put(entry) { throw refusal }
  }

  private func put(_ entry: Entry) async throws -> HospitalWriter.Outcome {
    try await meetCloud()
    guard try await isContinued() else {
      throw ConsortiumError(.notFinal, "the chain is about to go on in a new generation")
    }
    let base = try await node.finalBlock()
    let outcome = try await writer.submit(
      entry, base: base, closingBlock: try await isLastSignature(entry))
    let index = await writer.size
    if openSince?.index != index, await writer.openItemCount > 0 { openSince = (index, clock()) }
    return outcome
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
    guard let key, entry.isSigned(by: key) else {
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
  /// here.
  private func meetCloud() async throws {
    if hasMetCloud { return }
    await gate.enter()
    defer { gate.leave() }
    if hasMetCloud { return }
    let cloud = try await cloud()
    try await node.catchUp()
    try await writer.open()
    var missing: [[UInt8]] = []
    cloudSize = 0
    while true {
      let query = LeavesQuery(
        genesis: genesis.digest, hospital: hospital,
        from: await writer.size + UInt64(missing.count))
      let reply = try await identity.signing(in: node.members) { [post] key in
        try await post.ask(FetchLeaves(query: Signed(Message(query), by: key)), of: cloud)
      }
      if reply.note.isEmpty { break }
      let checkpoint = try await confirmedCheckpoint(reply.note)
      cloudSize = checkpoint.size
      let record = ConfirmedRecord(size: checkpoint.size, note: reply.note)
      let size = await writer.size
      if checkpoint.size <= size {
        guard try await writer.root(size: checkpoint.size) == checkpoint.root else {
          throw ConsortiumError(
            .ledgerDiverged, "the log is not the one that the cloud has confirmed")
        }
        await writer.confirm(record)
        break
      }
      guard !reply.leaves.isEmpty else {
        throw ConsortiumError(.invalidProof, "the cloud does not return what it confirmed")
      }
      missing += reply.leaves
      guard UInt64(missing.count) >= checkpoint.size - size else { continue }
      // What this log had signed beyond that is not known any more: it must not be signed again.
      try logKeys.beginContinuation(after: await node.consortium.generation(of: hospital))
      try await writer.recover(missing, confirmed: record, root: checkpoint.root)
      missing = []
    }
    // A cloud that withholds what it confirmed cannot withhold what is anchored of it.
    if let anchor = try await node.consortium.anchor(of: hospital) {
      guard try await writer.view.leads(to: anchor) else {
        throw ConsortiumError(.ledgerDiverged, "the log does not lead to what is anchored of it")
      }
    }
    hasMetCloud = true
  }

  /// The checkpoint in a note that hospital and cloud signed, of whatever generation.
  private func confirmedCheckpoint(_ note: String) async throws -> Checkpoint {
    guard let keys = try await node.consortium.keys(of: hospital, note: note),
      let checkpoint = keys.confirmedCheckpoint(note)
    else { throw ConsortiumError(.invalidProof, "the cloud returns no confirmed checkpoint") }
    return checkpoint
  }

  /// Has the cloud confirm all closed blocks.
  private func confirm() async throws {
    await gate.enter()
    defer { gate.leave() }
    let cloud = try await cloud()
    while true {
      let from = min(cloudSize, await writer.view.confirmed?.size ?? 0)
      let generation = await writer.generation
      let key = try logKeys.key(
        generation: generation,
        origin: genesis.origin(of: hospital, generation: generation))
      guard let blocks = try await writer.closedBlocks(from: from, signedBy: key) else { return }
      let reply: ConfirmedReply
      do {
        reply = try await post.ask(
          ConfirmLeaves(
            hospital: hospital, generation: generation, from: from, leaves: blocks.leaves,
            note: blocks.checkpoint.note.encoded), of: cloud)
      } catch let error as ConsortiumError where error.code == .wrongState {
        // It has fewer leaves than it had: it is asked how many before the next attempt.
        hasMetCloud = false
        throw error
      }
      let end = from + UInt64(blocks.leaves.count)
      if reply.note.isEmpty, try await node.consortium.anchor(of: hospital)?.size ?? 0 > end {
        // Taken again, and not confirmed before it reaches what is anchored.
        cloudSize = end
        continue
      }
      let checkpoint = try await confirmedCheckpoint(reply.note)
      guard checkpoint.size > from else {
        throw ConsortiumError(.invalidProof, "the cloud returns no cosigned checkpoint")
      }
      guard try await writer.root(size: checkpoint.size) == checkpoint.root else {
        throw ConsortiumError(.ledgerDiverged, "the cloud confirms another chain")
      }
      cloudSize = checkpoint.size
      await writer.confirm(ConfirmedRecord(size: checkpoint.size, note: reply.note))
    }
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
    let record = try await node.consortium.generation(of: hospital)
    guard record.generation < target else { return false }
    // What a cloud whose disk was put back has lost, it is given again before it states its tail:
    // nothing is written here that it had not confirmed.
    if await cloudSize < writer.size { try await confirm() }
    let tail = TailStatement(
      genesis: genesis.digest, hospital: hospital, generation: record.generation,
      size: await writer.size, root: try await writer.root())
    let cloud = try await cloud()
    let signature = try await identity.signing(in: node.members) { [post] key in
      try await post.ask(RequestTail(statement: Signed(tail, by: key)), of: cloud).bytes
    }
    let origin = genesis.origin(of: hospital, generation: target)
    let continuation = Continuation(
      tail: tail, cloudSignature: signature,
      logKey: try logKeys.key(generation: target, origin: origin).verifier.key.publicKey)
    return try await offer(continuation)
  }

  /// Has an entry of the hospital put on the consortium chain.
  ///
  /// - Returns: whether it is new: the same one may have waited for a block before, or the rules refuse
  ///   it as things stand.
  private func offer(_ body: some CanonicalObject) async throws -> Bool {
    let content = EntryContent(
      genesis: genesis.digest, chain: ChainName.consortium, signer: .party(hospital), body: body)
    let entry = Entry(content, signedBy: identity.identity(in: try await node.members))
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
    guard try await isContinued() else { return try await advanceContinuation() }
    let before = (await writer.position, await writer.view.confirmed?.size)
    let consortium = await node.consortium
    if let base = try consortium.finalBlock(),
      try await writer.isBehind(
        base, demands: try demands(upTo: base, consortium))
    {
      try await writer.follow(base)
    }
    if try await isBlockDue() { try await writer.closeBlock() }
    if await writer.size > writer.view.confirmed?.size ?? 0 { try await confirm() }
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
    return clock() >= openSince.time + (try await node.members.numbers.maximumLag / 2)
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
