import CanonicalEncoding
import Consensus
import Credentials
import EMRScheme
import TransparencyLog

/// The rules of the consortium chain: blocks, directory, anchors, demands and evidence (specification
/// 6.3). A deterministic function of the items, without clock or randomness.
package struct ConsortiumRules: ChainRules {
  package let genesis: ValidGenesis

  package init(genesis: ValidGenesis) { self.genesis = genesis }

  package var chain: String { ChainName.consortium }

  /// What is settled by the blocks before the open one, and what its opening says.
  package struct Block: OpenBlock {
    /// Of the block that is open.
    var height: UInt64 = 0
    /// Of the last block.
    var time: UInt64
    var countedTime: UInt64
    package var itemCount: UInt64 = 0
    package var byteCount: UInt64 = 0
    /// What the opening states; nil before it.
    var openedAt: UInt64?
    /// Of the opening's leaf.
    var openingByteCount: UInt64 = 0
    /// Of the block's epoch; known as soon as an item was judged.
    var members: ValidMembers {
      guard let knownMembers else { preconditionFailure("no item of the block was judged") }
      return knownMembers
    }
    fileprivate(set) var knownMembers: ValidMembers?

    /// The block as if it had its opening, and nothing else: to judge what comes behind one.
    mutating func assumeOpened() {
      (itemCount, byteCount, openingByteCount) = (1, 0, 0)
    }
  }

  package func open(after header: BlockHeader?, _ state: StateView) -> Block {
    guard let header else {
      return Block(time: genesis.content.createdAt, countedTime: genesis.content.createdAt)
    }
    return Block(
      height: header.height + 1, time: header.time, countedTime: header.countedTime)
  }

  package func judge(
    _ item: Item, _ block: inout Block, _ state: StateView
  ) throws(Refusal) -> Judgement {
    if block.knownMembers == nil {
      block.knownMembers = state.members(
        inEpoch: genesis.epoch(ofHeight: block.height), of: genesis)
    }
    // The opening finds room in every block: its commits grow with the delegates.
    if case .blockOpening(let opening) = item.entry.content.body {
      return try open(opening, item, &block, state)
    }
    guard block.itemCount > 0 else { throw .openingMissing }
    guard block.itemCount < LedgerLimits.blockItemCount,
      block.byteCount - block.openingByteCount + item.byteCount
        <= block.members.numbers.blockByteLimit
    else { throw .blockFull }
    switch item.entry.content.body {
    case .doctorRegistration(let body): return try register(body, item, block, state)
    case .doctorStatusChange(let body): return try change(body, item, block, state)
    case .doctorSpecialties(let body): return try change(body, item, block, state)
    case .keyRotation(let body): return try rotate(body, item, block, state)
    case .anchor(let body): return try anchor(body, item, block, state)
    case .demand(let body): return try demand(body, item, block, state)
    case .equivocationReport(let body): return try convict(body, item, block, state)
    case .withholdingReport(let body): return try convict(body, item, block, state)
    case .voteEquivocationReport(let body): return try convict(body, item, block, state)
    case .faultReport(let body): return try note(body, item, block, state)
    case .continuation(let body): return try continueChain(body, item, block, state)
    case .candidacy(let body): return try stand(body, item, block, state)
    case .approval(let body): return try approve(body, item, block, state)
    case .motion(let body): return try put(body, item, block, state)
    case .ballot(let body): return try vote(body, item, block, state)
    case .partyRotation(let body): return try rotate(body, item, block, state)
    default: throw .wrongKind
    }
  }

  package func close(_ block: Block, _ state: StateView) -> BlockSummary {
    let time = block.openedAt ?? block.time
    let counted = min(time - min(time, block.time), block.members.numbers.maximumLag / 2)
    var summary = BlockSummary(
      base: .none, time: time, countedTime: block.countedTime + counted, answeredThrough: 0)
    if endsEpoch(block.height) {
      let epoch = genesis.epoch(ofHeight: block.height)
      summary.nextSeats = elect(after: epoch, state)
      summary.nextMembers = beginMembers(after: epoch, state)
    }
    return summary
  }

  package func closed(_ header: BlockHeader, _ state: StateView) {
    state.note(.block(header.height), ConsortiumBlock(header))
    state.note(.blockEnd(header.index + 1), header.height)
  }

  // MARK: Signers

  /// The party that signed, and the claim that it did.
  func party(
    _ entry: Entry, _ block: Block, _ state: StateView
  ) throws(Refusal) -> (String, RequiredClaim) {
    guard case .party(let id) = entry.content.signer else { throw .unknownSigner }
    return (id, entry.signatureClaim(by: try identityKey(of: id, block, state)))
  }

  func supernode(
    _ entry: Entry, _ block: Block, _ state: StateView
  ) throws(Refusal) -> (String, RequiredClaim) {
    let (id, signature) = try party(entry, block, state)
    guard block.members.supernode(id) != nil else { throw .notEntitled }
    return (id, signature)
  }

  // MARK: Blocks

  private func open(
    _ opening: BlockOpening, _ item: Item, _ block: inout Block, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (signer, signature) = try party(item.entry, block, state)
    let delegates = delegates(forHeight: block.height, state)
    guard let seat = delegates.seat(of: signer) else { throw .notEntitled }
    guard block.itemCount == 0 else { throw .notFirst }
    guard opening.height == block.height else { throw .wrongHeight }
    guard delegates.proposer(height: opening.height, round: opening.round) == seat,
      !delegates.emptySeats.contains(seat)
    else { throw .notInTurn }
    guard opening.time >= block.time else { throw .wrongTime }
    var judgement = Judgement(claims: [signature])
    if block.height == 0 {
      guard opening.commits == nil else { throw .wrongCommits }
    } else {
      guard let commits = opening.commits else { throw .wrongCommits }
      let committed = self.delegates(forHeight: block.height - 1, state)
      judgement.claims += try claims(of: commits, for: block.height - 1, by: committed)
      judgement.roots = [RequiredRoot(commits.root, or: .wrongCommits)]
      countTurns(commits, at: block.height - 1, of: committed, block, state)
    }
    block.openedAt = opening.time
    block.openingByteCount = item.byteCount
    return judgement
  }

  /// What has to hold for commits to decide the block at a height, beside their root.
  private func claims(
    of set: CommitSet, for height: UInt64, by delegates: DelegateSet
  ) throws(Refusal) -> [RequiredClaim] {
    guard delegates.isQuorum(set.commits.count),
      zip(set.commits, set.commits.dropFirst()).allSatisfy({ $0.seat < $1.seat })
    else { throw .wrongCommits }
    var claims: [RequiredClaim] = []
    for commit in set.commits {
      guard commit.seat < UInt64(delegates.seats.count),
        case let seat = delegates.seats[Int(commit.seat)], !seat.isEmpty
      else { throw .wrongCommits }
      let vote = ConsensusVote(
        genesis: genesis.digest, epoch: delegates.epoch, height: height, round: set.round,
        phase: .commit, root: set.root, timedOut: commit.timedOut
      ).encoded()
      // A bitmap that no vote of this round has makes none: nobody could take it from elsewhere.
      guard (try? ConsensusVote(encoded: vote)) != nil else { throw .wrongCommits }
      claims.append(
        RequiredClaim(.signature(commit.signature, of: vote, by: seat.votingKey), or: .wrongCommits)
      )
    }
    return claims
  }

  // MARK: Anchors

  private func anchor(
    _ anchor: Anchor, _ item: Item, _ block: Block, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (party, signature) = try supernode(item.entry, block, state)
    let (hospital, header) = (anchor.hospital, anchor.header)
    // A block is confirmed by the cloud of its base's epoch.
    let epoch = min(
      genesis.epoch(ofHeight: header.base.height), genesis.epoch(ofHeight: block.height))
    let members = state.members(inEpoch: epoch, of: genesis)
    guard members.supernode(hospital)?.role == .hospital,
      party == hospital || party == members.cloud(ofHospital: hospital)
    else { throw .notEntitled }
    let generation = generation(of: hospital, in: members, state)
    guard !state.holds(.barredChain(hospital)) else { throw .convicted }
    // A chain that may go on after its log key was convicted goes on with another.
    guard !state.holds(.convictedKey(generation.logKey)) else { throw .convicted }
    let keys = genesis.keys(of: hospital, generation: generation, in: members)
    guard let checkpoint = keys.confirmedCheckpoint(anchor.note),
      let root = Digest32(checkpoint.root)
    else { throw .wrongCheckpoint }
    let previous: AnchorRecord? = state.value(.anchor(hospital))
    guard checkpoint.size > previous?.size ?? 0, checkpoint.size > generation.start else {
      throw .wrongCheckpoint
    }
    try Self.requireConsistency(anchor, checkpoint, previous)
    guard header.genesis == genesis.digest, header.chain == hospital,
      header.generation == generation.generation, header.index == checkpoint.size - 1,
      Self.stands(
        .header(header), at: header.index, under: checkpoint, anchor.inclusion)
    else { throw .wrongHeader }
    guard let base: ConsortiumBlock = state.value(.block(header.base.height)),
      base.reference == header.base
    else { throw .unknownBase }
    let numbers = block.members.numbers
    guard block.countedTime - base.countedTime <= numbers.maximumLag else { throw .staleBase }
    let owed: DemandRecord? = state.value(.demand(hospital, number: header.answeredThrough))
    if let owed, owed.height < block.height,
      let demanded: ConsortiumBlock = state.value(.block(owed.height)),
      block.countedTime - demanded.countedTime > numbers.answerWithin
    {
      throw .answersOwed
    }
    let record = AnchorRecord(
      generation: generation.generation, size: checkpoint.size, root: root,
      header: BlockReference(height: header.height, digest: header.digest),
      answeredThrough: header.answeredThrough, height: block.height, index: item.index)
    state.set(.anchor(hospital), record)
    let count: UInt64 = state.value(.anchorCount(hospital)) ?? 0
    state.note(.anchor(hospital, number: count), record)
    state.note(.anchorCount(hospital), count + 1)
    return Judgement(claims: [signature])
  }

  private static func requireConsistency(
    _ anchor: Anchor, _ checkpoint: Checkpoint, _ previous: AnchorRecord?
  ) throws(Refusal) {
    guard let previous else {
      guard anchor.consistency.isEmpty else { throw .inconsistentCheckpoint }
      return
    }
    do {
      try ConsistencyProof(hashes: anchor.consistency).verify(
        oldSize: previous.size, oldRoot: previous.root.bytes, newSize: checkpoint.size,
        newRoot: checkpoint.root)
    } catch {
      throw .inconsistentCheckpoint
    }
  }

  private static func stands(
    _ leaf: Leaf, at index: UInt64, under checkpoint: Checkpoint, _ inclusion: [[UInt8]]
  ) -> Bool {
    (try? InclusionProof(hashes: inclusion).verify(
      leafHash: MerkleHash.leaf(leaf.encoded()), index: index, size: checkpoint.size,
      root: checkpoint.root)) != nil
  }

  /// - Parameter members: that have the hospital.
  func generation(
    of hospital: String, in members: ValidMembers, _ state: StateView
  ) -> GenerationRecord {
    state.value(.generation(hospital)) ?? members.firstGeneration(of: hospital)
  }

  // MARK: Quotas

  func spend(
    _ key: StateKey, _ quota: UInt64, _ block: Block, _ state: StateView
  ) throws(Refusal) {
    var record = quotaRecord(key, block, state)
    guard record.used < quota else { throw .quotaSpent }
    record.used += 1
    state.set(key, record)
  }

  /// Whether something is left of a quota.
  func hasLeft(_ key: StateKey, _ quota: UInt64, _ block: Block, _ state: StateView) -> Bool {
    quotaRecord(key, block, state).used < quota
  }

  private func quotaRecord(
    _ key: StateKey, _ block: Block, _ state: StateView
  ) -> QuotaRecord {
    let epoch = genesis.epoch(ofHeight: block.height)
    return QuotaRecord(epoch: epoch, used: state.used(of: key, inEpoch: epoch))
  }

  func spend(
    ofReporter party: String, _ block: Block, _ state: StateView
  ) throws(Refusal) {
    try spend(
      .quota(ofSupernode: party, for: .reports), block.members.numbers.supernodeQuota, block, state)
  }

  // MARK: Continuation

  private func continueChain(
    _ continuation: Continuation, _ item: Item, _ block: Block, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (party, signature) = try party(item.entry, block, state)
    let (tail, key) = (continuation.tail, continuation.logKey)
    let members = block.members
    guard party == tail.hospital, members.supernode(party)?.role == .hospital,
      let cloud = members.cloud(ofHospital: party), let cloudKey = members.identityKey(of: cloud)
    else { throw .notEntitled }
    let generation = generation(of: party, in: members, state)
    // Who was convicted goes on only by a vote.
    guard !state.holds(.barredChain(party)) else { throw .convicted }
    let anchored = state.value(.anchor(party), as: AnchorRecord.self)?.size ?? 0
    guard tail.genesis == genesis.digest, tail.generation == generation.generation,
      tail.size >= anchored, tail.size >= generation.start, !IdentityKey.isOfSmallOrder(key),
      isFresh(key, block, state), key != generation.logKey,
      !state.holds(.convictedKey(key))
    else { throw .wrongContinuation }
    try spend(ofReporter: party, block, state)
    let next = GenerationRecord(
      generation: generation.generation + 1, start: tail.size, root: tail.root,
      height: block.height, logKey: key)
    state.set(.generation(party), next)
    state.note(.generation(party, number: generation.generation), generation)
    state.note(.generation(party, number: next.generation), next)
    state.set(.registeredKey(key), RawValue(stateBytes: Array(party.utf8)))
    return Judgement(claims: [
      signature,
      RequiredClaim(
        .signature(continuation.cloudSignature, of: tail.encoded(), by: cloudKey),
        or: .wrongContinuation),
    ])
  }
}

extension Entry {
  func signatureClaim(by key: [UInt8]) -> RequiredClaim {
    RequiredClaim(.signature(signature, of: content.encoded(), by: key), or: .wrongSignature)
  }
}

extension EntryBody {
  /// The kinds that a hospital does not sign itself, so that it cannot be asked for what is its own
  /// to say.
  static let demandableKinds: Set<ObjectKind> = [
    .partialSignature, .visitCompletion, .visitReceipt, .accessRequestNotice, .consentNotice,
    .revocation, .accessNotice,
  ]
}
