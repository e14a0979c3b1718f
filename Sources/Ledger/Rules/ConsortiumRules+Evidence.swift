import CanonicalEncoding
import Consensus
import Credentials
import EMRScheme
import TransparencyLog

/// Evidence: two signatures of a party that contradict each other, and what follows for its organisation
/// (specification 6.8).
extension ConsortiumRules {
  func convict(
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

  func convict(
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
  func convict(
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
  func note(
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
}
