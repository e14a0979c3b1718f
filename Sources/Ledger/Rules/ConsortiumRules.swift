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
      return Block(time: genesis.genesis.createdAt, countedTime: genesis.genesis.createdAt)
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
    let counted = min(time - block.time, block.members.numbers.maximumLag / 2)
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

  // MARK: Demands

  private func demand(
    _ demand: Demand, _ item: Item, _ block: Block, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (party, signature) = try supernode(item.entry, block, state)
    let (entry, hospital) = (demand.entry, demand.entry.content.chain)
    guard entry.content.genesis == genesis.digest,
      block.members.supernode(hospital)?.role == .hospital
    else {
      throw .notDemandable
    }
    let digest = entry.digest
    guard !state.holds(.demandedEntry(digest)) else { throw .entryKnown }
    let key: [UInt8]
    switch entry.content.signer {
    case .party(let id):
      guard demand.completion == nil else { throw .unknownSigner }
      key = try identityKey(of: id, block, state)
    case .patient(let visit):
      key = try signingKey(of: visit, hospital, demand.completion, state)
    }
    let numbers = block.members.numbers
    let purpose: QuotaPurpose = demand.completion == nil ? .partiesDemands : .patientsDemands
    try spend(.quota(ofSupernode: party, for: purpose), numbers.supernodeQuota, block, state)
    try spend(
      .quota(of: entry.content.signer, through: party), numbers.signerQuota, block, state)
    let count: UInt64 = state.value(.demandCount(hospital)) ?? 0
    state.set(
      .demand(hospital, number: count),
      DemandRecord(entry: digest, height: block.height, index: item.index))
    state.set(.demandCount(hospital), count + 1)
    state.note(.demandedEntry(digest), RawValue(stateBytes: entry.encoded()))
    // Only the patient of that visit takes a consent of it back, and from the first demand on.
    if case .revocation(let revocation) = entry.content.body,
      entry.content.signer == .patient(visit: revocation.visit)
    {
      let key = StateKey.demandedRevocation(
        revocation.document, of: revocation.visit, at: hospital)
      if !state.holds(key) { state.set(key, block.height) }
    }
    return Judgement(claims: [signature, entry.signatureClaim(by: key)])
  }

  /// S_v, from the completion of the visit under a checkpoint that was anchored: before it a patient
  /// signs nothing, and it takes a team and a cloud, so nobody invents patients to spend quotas.
  private func signingKey(
    of visit: Digest32, _ hospital: String, _ proof: Demand.CompletionProof?, _ state: StateView
  ) throws(Refusal) -> [UInt8] {
    guard let proof,
      let anchor: AnchorRecord = state.value(.anchor(hospital, number: proof.anchor)),
      case .visitCompletion(let completion) = proof.entry.content.body,
      completion.context.visitID == visit,
      (try? InclusionProof(hashes: proof.inclusion).verify(
        leafHash: MerkleHash.leaf(Leaf.item(proof.entry).encoded()), index: proof.index,
        size: anchor.size, root: anchor.root.bytes)) != nil
    else { throw .unknownSigner }
    return completion.context.visitSigningKey
  }

  func spend(
    _ key: StateKey, _ quota: UInt64, _ block: Block, _ state: StateView
  ) throws(Refusal) {
    let epoch = genesis.epoch(ofHeight: block.height)
    var record: QuotaRecord = state.value(key) ?? QuotaRecord(epoch: epoch, used: 0)
    if record.epoch != epoch { record = QuotaRecord(epoch: epoch, used: 0) }
    guard record.used < quota else { throw .quotaSpent }
    record.used += 1
    state.set(key, record)
  }

  private func spend(
    ofReporter party: String, _ block: Block, _ state: StateView
  ) throws(Refusal) {
    try spend(
      .quota(ofSupernode: party, for: .reports), block.members.numbers.supernodeQuota, block, state)
  }

  // MARK: Evidence

  private func convict(
    _ report: EquivocationReport, _ item: Item, _ block: Block, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (party, signature) = try supernode(item.entry, block, state)
    try spend(ofReporter: party, block, state)
    let culprits = try culprits(report, block, state)
    var isNew = false
    // In one order everywhere: a set has none.
    let sorted = culprits.sorted {
      $0.party == $1.party
        ? $0.key.lexicographicallyPrecedes($1.key)
        : $0.party.utf8.lexicographicallyPrecedes($1.party.utf8)
    }
    for culprit in sorted where !state.holds(.convictedKey(culprit.key)) {
      isNew = true
      convict(culprit, block, state)
    }
    guard isNew else { throw .entryKnown }
    return Judgement(claims: [signature])
  }

  /// A key with the party to whom the genesis or a continuation gives it.
  private struct Culprit: Hashable {
    let party: String
    let key: [UInt8]
    /// Whether it signs as a log, and not as a cosigner.
    let isLogKey: Bool
    /// Who ran the party when it had the key.
    let organisation: String?
  }

  /// With a log key the hospital's chain is barred, whatever key it has by now, and the hospital is not
  /// counted: whose disk was put back, with a cloud that conceals what it confirmed, signs a second
  /// tree without knowing it. The cloud cannot.
  private func convict(_ culprit: Culprit, _ block: Block, _ state: StateView) {
    state.set(.convictedKey(culprit.key), block.height)
    if culprit.isLogKey {
      let chain = StateKey.barredChain(culprit.party)
      if !state.holds(chain) { state.set(chain, block.height) }
      return
    }
    guard let organisation = culprit.organisation else { return }
    let count: UInt64 = state.value(.conviction(organisation)) ?? 0
    state.set(.conviction(organisation), count + 1)
    if count == 0 {
      let others: UInt64 = state.value(.convictedCount) ?? 0
      state.note(.convicted(number: others), RawValue(stateBytes: Array(organisation.utf8)))
      state.note(.convictedCount, others + 1)
    }
  }

  /// The keys of the parties that signed both checkpoints of a report, once it is shown that no one
  /// tree has both.
  ///
  /// A hospital's only where its cloud cosigned both: what a log key signs alone promises nothing,
  /// and a hospital that loses it with its disk signs again.
  private func culprits(
    _ report: EquivocationReport, _ block: Block, _ state: StateView
  ) throws(Refusal) -> Set<Culprit> {
    let epoch = genesis.epoch(ofHeight: block.height)
    guard report.first.epoch <= epoch, report.second.epoch <= epoch else { throw .noContradiction }
    let members = [report.first, report.second].map {
      state.members(inEpoch: $0.epoch, of: genesis)
    }
    guard let one = signingKeys(of: report.chain, note: report.first.note, in: members[0], state),
      let other = signingKeys(of: report.chain, note: report.second.note, in: members[1], state),
      let first = one.signers(of: report.first.note),
      let second = other.signers(of: report.second.note),
      Self.contradict(
        (first.checkpoint, report.first.leaf), (second.checkpoint, report.second.leaf),
        within: commonSize(of: one, other, state))
    else { throw .noContradiction }
    let areConfirmed =
      one.confirmedCheckpoint(report.first.note) != nil
      && other.confirmedCheckpoint(report.second.note) != nil
    // Whoever has taken over a party answers for nothing that another signed before.
    let parties = Set(first.keys.map(\.party)).intersection(second.keys.map(\.party)).filter {
      members[0].organisation(of: $0) == members[1].organisation(of: $0)
    }
    let culprits = zip([first, second], members).flatMap { claim, members in
      claim.keys.filter { parties.contains($0.party) }.map {
        Culprit(
          party: $0.party, key: $0.publicKey, isLogKey: $0.party == report.chain,
          organisation: members.organisation(of: $0.party))
      }
    }.filter { !$0.isLogKey || areConfirmed }
    guard !culprits.isEmpty else { throw .noContradiction }
    return Set(culprits)
  }

  /// The keys that may have signed a note. Of the consortium chain all that ever do: who signs another
  /// history is convicted of it, with a seat at that size or without.
  private func signingKeys(
    of chain: String, note: String, in members: ValidMembers, _ state: StateView
  ) -> ChainKeys? {
    chain == ChainName.consortium
      ? genesis.consortiumCosigners(of: members) : keys(of: chain, note: note, in: members, state)
  }

  /// How many leaves two generations of a chain have in common.
  private func commonSize(
    of one: ChainKeys, _ other: ChainKeys, _ state: StateView
  ) -> UInt64 {
    if one.generation == other.generation { return .max }
    let next: GenerationRecord? = state.value(
      .generation(one.chain, number: min(one.generation, other.generation) + 1))
    return next?.start ?? 0
  }

  private static func contradict(
    _ one: (Checkpoint, EquivocationReport.ProvenLeaf?),
    _ other: (Checkpoint, EquivocationReport.ProvenLeaf?), within common: UInt64
  ) -> Bool {
    switch (one.1, other.1) {
    case (nil, nil):
      return one.0.size == other.0.size && one.0.root != other.0.root && one.0.size <= common
    case (let first?, let second?):
      return first.index == second.index && first.index < common && first.hash != second.hash
        && [(one.0, first), (other.0, second)].allSatisfy { checkpoint, leaf in
          (try? InclusionProof(hashes: leaf.inclusion).verify(
            leafHash: leaf.hash.bytes, index: leaf.index, size: checkpoint.size,
            root: checkpoint.root)) != nil
        }
    default: return false
    }
  }

  /// The keys of a chain in the generation whose origin a note has, the cloud's as these members have
  /// it.
  func keys(
    of chain: String, note: String, in members: ValidMembers, _ state: StateView
  ) -> ChainKeys? {
    if chain == ChainName.consortium {
      guard let size = genesis.consortiumCheckpoint(in: note)?.size else { return nil }
      return delegates(forHeight: height(holding: size, state), state).keys(of: genesis)
    }
    guard members.supernode(chain)?.role == .hospital else { return nil }
    let current = generation(of: chain, in: members, state).generation
    let prefix = genesis.origin(of: chain, generation: 0).dropLast()
    guard let origin = note.split(separator: "\n", maxSplits: 1).first, origin.hasPrefix(prefix),
      let number = UInt64(origin.dropFirst(prefix.count)), number <= current
    else { return nil }
    let generation =
      state.value(.generation(chain, number: number)) ?? members.firstGeneration(of: chain)
    return genesis.keys(of: chain, generation: generation, in: members)
  }

  /// The block in which the last of so many leaves stands, or would stand next.
  func height(holding size: UInt64, _ state: StateView) -> UInt64 {
    var step: UInt64 = 1
    while state.holds(.block(step)) { step *= 2 }
    // Below every block that does not hold so many, and not above the first that does.
    var (low, high): (UInt64, UInt64) = (0, step)
    while low < high {
      let middle = low + (high - low) / 2
      let block: ConsortiumBlock? = state.value(.block(middle))
      if let block, block.index + 1 < size { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func convict(
    _ report: WithholdingReport, _ item: Item, _ block: Block, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (party, signature) = try supernode(item.entry, block, state)
    try spend(ofReporter: party, block, state)
    let hospital = report.hospital
    guard report.epoch <= genesis.epoch(ofHeight: block.height) else { throw .noContradiction }
    let members = state.members(inEpoch: report.epoch, of: genesis)
    guard members.supernode(hospital)?.role == .hospital,
      let cloud = members.cloud(ofHospital: hospital), report.generation < LedgerLimits.size,
      let next: GenerationRecord = state.value(
        .generation(hospital, number: report.generation + 1)),
      let keys = keys(of: hospital, note: report.note, in: members, state),
      keys.generation == report.generation, let signed = keys.signers(of: report.note),
      signed.checkpoint.size > next.start
        || (signed.checkpoint.size == next.start && signed.checkpoint.root != next.root.bytes),
      let key = signed.keys.first(where: { $0.party == cloud }),
      // Who has stated nothing has denied nothing.
      case let stating = state.members(
        inEpoch: genesis.epoch(ofHeight: next.height), of: genesis),
      stating.cloud(ofHospital: hospital) == cloud,
      stating.organisation(of: cloud) == members.organisation(of: cloud)
    else { throw .noContradiction }
    guard !state.holds(.convictedKey(key.publicKey)) else { throw .entryKnown }
    convict(
      Culprit(
        party: cloud, key: key.publicKey, isLogKey: false,
        organisation: members.organisation(of: cloud)), block, state)
    return Judgement(claims: [signature])
  }

  /// The key has signed two things that contradict each other: its seat is empty from the next block
  /// on.
  private func convict(
    _ report: VoteEquivocationReport, _ item: Item, _ block: Block, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (party, signature) = try supernode(item.entry, block, state)
    try spend(ofReporter: party, block, state)
    guard
      let place = SeatEquivocation.contradiction(report.first.object, report.second.object),
      place.genesis == genesis.digest,
      case let delegates = delegates(forHeight: place.height, state),
      place.epoch == delegates.epoch,
      let seat = delegates.seats.first(where: { seat in
        [report.first, report.second].allSatisfy {
          IdentityKey.isValid($0.signature, of: $0.object, by: seat.votingKey)
        }
      }), let delegate = seat.delegate
    else { throw .noContradiction }
    guard !state.holds(.convictedKey(seat.votingKey)) else { throw .entryKnown }
    state.set(.convictedDelegate(delegate), block.height)
    convict(
      Culprit(
        party: delegate, key: seat.votingKey, isLogKey: false,
        organisation: state.members(inEpoch: place.epoch, of: genesis).organisation(of: delegate)),
      block, state)
    return Judgement(claims: [signature])
  }

  /// Keeps a pointer to a fault, for a vote to judge.
  private func note(
    _ report: FaultReport, _ item: Item, _ block: Block, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (party, signature) = try supernode(item.entry, block, state)
    try spend(ofReporter: party, block, state)
    let members = state.members(
      having: report.chain, inEpoch: genesis.epoch(ofHeight: block.height), of: genesis)
    guard let keys = keys(of: report.chain, note: report.note, in: members, state),
      let checkpoint = keys.log == nil
        ? keys.confirmedCheckpoint(report.note) : keys.loggedCheckpoint(report.note)?.checkpoint,
      report.index < checkpoint.size
    else { throw .wrongCheckpoint }
    return Judgement(claims: [signature])
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
