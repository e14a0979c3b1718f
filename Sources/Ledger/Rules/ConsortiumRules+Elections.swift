import CanonicalEncoding
import Consensus
import EMRScheme

/// Who decides the blocks: the sets of delegates, and the elections that make them (specification
/// 6.12).
extension ConsortiumRules {
  // MARK: Sets

  /// Who decides the block at a height. A seat is empty from the block on that follows the one with
  /// the conviction of its voting key. Of an epoch whose election is still to come, all seats are.
  package func delegates(forHeight height: UInt64, _ state: StateView) -> DelegateSet {
    let epoch = genesis.epoch(ofHeight: height)
    let occupants: [SeatOccupant?]
    if epoch == 0 {
      occupants = genesis.firstSeats
    } else {
      let elected: SeatList? = state.value(.seats(epoch))
      occupants = elected?.occupants ?? genesis.firstSeats.map { _ in nil }
    }
    var set = DelegateSet(epoch: epoch, occupants: occupants, genesis: genesis)
    for index in set.seats.indices where !set.seats[index].isEmpty {
      let convicted: UInt64? = state.value(.convictedKey(set.seats[index].votingKey))
      // Another key gives nobody back a seat that was emptied in this epoch.
      let delegate: UInt64? = set.seats[index].delegate.flatMap {
        state.value(.convictedDelegate($0))
      }
      set.seats[index].isEmpty =
        [convicted, delegate.flatMap { genesis.epoch(ofHeight: $0) == epoch ? $0 : nil }]
        .contains { $0.map { $0 < height } ?? false }
    }
    return set
  }

  /// Whether the block at a height is the last of its epoch.
  func endsEpoch(_ height: UInt64) -> Bool {
    height % genesis.content.epochLength == genesis.content.epochLength - 1
  }

  /// Elects who decides the next epoch, at the end of the last block of this one.
  func elect(after epoch: UInt64, _ state: StateView) -> SeatList {
    let members = state.nextMembers(afterEpoch: epoch, of: genesis)
    let list = SeatList(
      election(after: epoch, state).seats().map { seat in
        seat.delegate.flatMap(members.supernode).flatMap(SeatOccupant.init)
      })
    state.set(.seats(epoch + 1), list)
    return list
  }

  /// The election at the end of an epoch: what was approved at the end of the one before, and how the
  /// delegates of this one have kept their turns; among the members of the next.
  package func election(after epoch: UInt64, _ state: StateView) -> Election {
    let members = state.nextMembers(afterEpoch: epoch, of: genesis)
    var approvals: [String: Set<String>] = [:]
    for voter in members.voters {
      guard let record: ApprovalRecord = state.value(.approval(voter)) else { continue }
      approvals[voter] = Set(record.epoch < epoch ? record.candidates : record.former)
    }
    let former = delegates(forHeight: epoch * genesis.content.epochLength, state)
    return Election(
      seatCount: Int(members.numbers.seatCount),
      candidates: standing(members, state).map { node in
        let record: TurnRecord? = state.value(.turns(node.id))
        let turns = record?.epoch == epoch ? record : nil
        return Election.Candidate(
          id: node.id, organisation: node.organisation,
          isBarred: isBarred(node.organisation, state), turns: turns?.turns ?? 0,
          missed: turns?.missed ?? 0)
      },
      approvals: approvals, former: former.seats.compactMap(\.delegate))
  }

  private func standing(_ members: ValidMembers, _ state: StateView) -> [Members.Supernode] {
    members.supernodes.filter {
      // The seat of a key that was convicted would be empty: who is readmitted takes another first.
      $0.votingKey.map { !state.holds(.convictedKey($0.publicKey)) } ?? false
        && state.value(.candidacy($0.id), as: CandidacyRecord.self)?.stands != 0
    }
  }

  // MARK: Entries

  func stand(
    _ candidacy: Candidacy, _ item: Item, _ block: Block, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (party, signature) = try supernode(item.entry, block, state)
    guard block.members.supernode(party)?.votingKey != nil else { throw .notEntitled }
    let before: CandidacyRecord? = state.value(.candidacy(party))
    guard candidacy.number == (before?.number ?? 0) + 1 else { throw .wrongNumber }
    try spend(.quota(ofSupernode: party, for: .elections), block, state)
    let next = state.nextMembers(
      afterEpoch: genesis.epoch(ofHeight: block.height), of: genesis)
    guard candidacy.stands || couldFillSeats(next, without: party, state) else {
      throw .tooFewCandidates
    }
    state.set(
      .candidacy(party),
      CandidacyRecord(number: candidacy.number, stands: candidacy.stands ? 1 : 0))
    return Judgement(claims: [signature])
  }

  /// Whether those members who stand could decide blocks, without this one: of an organisation at
  /// most a third of the seats count, rounded down.
  func couldFillSeats(
    _ members: ValidMembers, without party: String?, readmitting: Set<String> = [],
    _ state: StateView
  ) -> Bool {
    let count = Int(members.numbers.seatCount)
    let share = (count - 1) / 3
    var seats: [String: Int] = [:]
    for node in standing(members, state)
    where node.id != party
      && (readmitting.contains(node.organisation) || !isBarred(node.organisation, state))
    {
      seats[node.organisation] = min(share, seats[node.organisation, default: 0] + 1)
    }
    return 3 * seats.values.reduce(0, +) > 2 * count
  }

  func approve(
    _ approval: Approval, _ item: Item, _ block: Block, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (organisation, signature) = try party(item.entry, block, state)
    guard block.members.voters.contains(organisation) else { throw .notEntitled }
    guard approval.candidates.allSatisfy({ block.members.supernode($0)?.votingKey != nil }) else {
      throw .unknownCandidate
    }
    let before: ApprovalRecord? = state.value(.approval(organisation))
    guard approval.number == (before?.number ?? 0) + 1 else { throw .wrongNumber }
    try spend(.quota(ofSupernode: organisation, for: .elections), block, state)
    let epoch = genesis.epoch(ofHeight: block.height)
    let former =
      before.map { $0.epoch < epoch ? $0.candidates : $0.former } ?? []
    state.set(
      .approval(organisation),
      ApprovalRecord(
        number: approval.number, epoch: epoch, candidates: approval.candidates, former: former))
    return Judgement(claims: [signature])
  }

  private func spend(
    _ key: StateKey, _ block: Block, _ state: StateView
  ) throws(Refusal) {
    try spend(key, block.members.numbers.signerQuota, block, state)
  }

  // MARK: Turns

  /// Counts the turns of the block before, by the commits that decided it: a turn is missed where most
  /// of the others who committed say that its round timed out without a proposal. Of the commits of
  /// more than two thirds, without its own, a third of all seats is never most.
  func countTurns(
    _ set: CommitSet, at height: UInt64, of delegates: DelegateSet, _ block: Block,
    _ state: StateView
  ) {
    let epoch = genesis.epoch(ofHeight: block.height)
    let last = min(set.round, UInt64(8 * ConsensusLimits.timedOutByteCount) - 1)
    var counts: [String: (turns: UInt64, missed: UInt64)] = [:]
    for round in 0...last {
      let number = delegates.proposer(height: height, round: round)
      let seat = delegates.seats[Int(number)]
      guard let delegate = seat.delegate, !seat.isEmpty else { continue }
      let others = set.commits.filter { $0.seat != number }
      let isMissed =
        round < set.round && 2 * others.count { $0.saysTimedOut(round) } > others.count
      counts[delegate, default: (0, 0)].turns += 1
      if isMissed { counts[delegate]?.missed += 1 }
    }
    // In the order of the seats: a dictionary has none.
    for delegate in delegates.seats.compactMap(\.delegate) {
      guard let count = counts[delegate] else { continue }
      let before: TurnRecord? = state.value(.turns(delegate))
      let record = before?.epoch == epoch ? before : nil
      state.set(
        .turns(delegate),
        TurnRecord(
          epoch: epoch, turns: (record?.turns ?? 0) + count.turns,
          missed: (record?.missed ?? 0) + count.missed))
    }
  }
}

extension CommitSet.Commit {
  /// Whether a round of the height timed out for this delegate without a proposal.
  fileprivate func saysTimedOut(_ round: UInt64) -> Bool {
    let byte = Int(round / 8)
    return byte < timedOut.count && timedOut[byte] & (0x80 >> UInt8(round % 8)) != 0
  }
}

/// Whether a supernode stands for election, and how often it has said so.
struct CandidacyRecord: StateRecord {
  var number: UInt64
  /// 1 if it stands.
  var stands: UInt64

  init(number: UInt64, stands: UInt64) { (self.number, self.stands) = (number, stands) }

  func encode(into fields: inout some FieldEncoder) {
    fields.integer("number", number)
    fields.integer("stands", stands)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    number = try fields.integer("number")
    stands = try fields.integer("stands")
  }
}

/// What an organisation approves.
struct ApprovalRecord: StateRecord {
  /// Of its last approval.
  var number: UInt64
  /// In which ``candidates`` were approved.
  var epoch: UInt64
  var candidates: [String]
  /// What it approved at the end of the epoch before.
  var former: [String]

  init(number: UInt64, epoch: UInt64, candidates: [String], former: [String]) {
    (self.number, self.epoch) = (number, epoch)
    (self.candidates, self.former) = (candidates, former)
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.integer("number", number)
    fields.integer("epoch", epoch)
    fields.list("candidates", candidates.map(CandidateName.init))
    fields.list("former", former.map(CandidateName.init))
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    number = try fields.integer("number")
    epoch = try fields.integer("epoch")
    candidates = try CandidateName.decode("candidates", &fields)
    former = try CandidateName.decode("former", &fields)
  }
}

/// The turns of a delegate in an epoch, and how many of them it missed.
struct TurnRecord: StateRecord {
  var epoch: UInt64
  var turns: UInt64
  var missed: UInt64

  init(epoch: UInt64, turns: UInt64, missed: UInt64) {
    (self.epoch, self.turns, self.missed) = (epoch, turns, missed)
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.integer("epoch", epoch)
    fields.integer("turns", turns)
    fields.integer("missed", missed)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    epoch = try fields.integer("epoch")
    turns = try fields.integer("turns")
    missed = try fields.integer("missed")
  }
}

extension StateKey {
  /// Who sits in an epoch.
  static func seats(_ epoch: UInt64) -> Self { Self("seats/", epoch.stateBytes) }
  static func approval(_ organisation: String) -> Self {
    Self("approval/", Array(organisation.utf8))
  }
  static func turns(_ delegate: String) -> Self { Self("turns/", Array(delegate.utf8)) }
  static func candidacy(_ supernode: String) -> Self { Self("candidacy/", Array(supernode.utf8)) }
}
