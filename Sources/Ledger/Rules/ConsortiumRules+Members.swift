import CanonicalEncoding

/// Who takes part: motions and votes on them, and what parties change of themselves (specification
/// 6.13). It all holds from the next epoch on.
extension ConsortiumRules {
  // MARK: Epochs

  /// The members of the epoch after this one take their place.
  func beginMembers(
    after epoch: UInt64, _ state: StateView
  ) -> Digest32 {
    let current = state.members(inEpoch: epoch, of: genesis)
    let next = state.nextMembers(afterEpoch: epoch, of: genesis)
    var record =
      state.value(.members(epoch)) ?? MembersRecord(digest: genesis.members.digest, since: 0)
    if state.holds(.nextMembers) {
      state.remove(.nextMembers)
      state.forget(.nextMembersObject)
    }
    if next.digest != record.digest {
      record = MembersRecord(digest: next.digest, since: epoch + 1)
      state.note(
        .membersObject(since: epoch + 1), RawValue(stateBytes: next.members.encoded()))
      noteHospitals(from: current, to: next, after: epoch, state)
    }
    state.set(.members(epoch + 1), record)
    return record.digest
  }

  private func noteHospitals(
    from current: ValidMembers, to next: ValidMembers, after epoch: UInt64, _ state: StateView
  ) {
    for hospital in current.hospitals where next.supernode(hospital) == nil {
      state.note(.departure(hospital), epoch + 1)
    }
    for hospital in next.hospitals where current.supernode(hospital) == nil {
      let count: UInt64 = state.value(.admittedHospitalCount) ?? 0
      state.note(
        .admittedHospital(number: count), RawValue(stateBytes: Array(hospital.utf8)))
      state.note(.admittedHospitalCount, count + 1)
    }
  }

  private func setNextMembers(_ members: ValidMembers, _ state: StateView) {
    state.set(.nextMembers, members.digest)
    state.note(.nextMembersObject, RawValue(stateBytes: members.members.encoded()))
  }

  // MARK: Motions

  func put(
    _ motion: Motion, _ item: Item, _ block: Block, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (organisation, signature) = try organisation(item.entry, block, state)
    let count: UInt64 = state.value(.motionCount(organisation)) ?? 0
    guard motion.number == count + 1 else { throw .wrongNumber }
    let epoch = genesis.epoch(ofHeight: block.height)
    guard motion.lastEpoch >= epoch, motion.lastEpoch - epoch <= Motion.epochLimit else {
      throw .wrongMotion
    }
    try spend(
      .quota(ofSupernode: organisation, for: .motions), block.members.numbers.signerQuota, block,
      state)
    let next = state.nextMembers(afterEpoch: epoch, of: genesis)
    // Each more would have one vote less against it; and what concerns nobody is not decided without
    // somebody.
    let concerned = next.members.organisations(concernedBy: motion.changes)
    guard let own = concerned.first, concerned.allSatisfy({ $0 == own }) else {
      throw .wrongMotion
    }
    let changed = try members(next, after: motion.changes, of: nil, block, state)
    let required = try next.consents(to: motion.changes, making: changed)
    guard motion.consents.map(\.party) == required.keys.sorted(by: Self.precedes) else {
      throw .wrongMotion
    }
    let statement = motion.statement(genesis: genesis.digest, signer: organisation).encoded()
    var judgement = Judgement(claims: [signature])
    judgement.claims += motion.consents.compactMap { consent in
      required[consent.party].map {
        RequiredClaim(.signature(consent.signature, of: statement, by: $0), or: .wrongConsent)
      }
    }
    state.set(.motionCount(organisation), motion.number)
    state.note(.motionObject(item.digest), RawValue(stateBytes: motion.encoded()))
    let total: UInt64 = state.value(.motionTotal) ?? 0
    state.note(.motion(number: total), item.digest)
    state.note(.motionTotal, total + 1)
    let record = MotionRecord(
      index: item.index, lastEpoch: motion.lastEpoch, status: .open, concerned: own)
    state.set(.motion(item.digest), record)
    for (_, key) in changed.newKeys(since: next) { state.set(.reservedKey(key), item.digest) }
    if block.members.voters.contains(organisation), organisation != record.concerned {
      vote(yes: true, on: item.digest, organisation, item, block, state)
      decide(item.digest, record, motion, block, state)
    }
    return judgement
  }

  func vote(
    _ ballot: Ballot, _ item: Item, _ block: Block, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (organisation, signature) = try organisation(item.entry, block, state)
    guard let record: MotionRecord = state.value(.motion(ballot.motion)),
      let motion = state.bytes(.motionObject(ballot.motion)).flatMap({ try? Motion(encoded: $0) })
    else { throw .unknownMotion }
    guard block.members.voters.contains(organisation), organisation != record.concerned else {
      throw .notEntitled
    }
    guard record.status == .open, genesis.epoch(ofHeight: block.height) <= record.lastEpoch else {
      throw .motionClosed
    }
    guard
      state.value(.ballot(ballot.motion, organisation), as: BallotRecord.self)?.key
        != identity(of: organisation, block)
    else { throw .alreadyVoted }
    vote(yes: ballot.approves, on: ballot.motion, organisation, item, block, state)
    if ballot.approves { decide(ballot.motion, record, motion, block, state) }
    return Judgement(claims: [signature])
  }

  private func organisation(
    _ entry: Entry, _ block: Block, _ state: StateView
  ) throws(Refusal) -> (String, RequiredClaim) {
    let (id, signature) = try party(entry, block, state)
    guard case .organisation? = block.members.party(id) else { throw .notEntitled }
    return (id, signature)
  }

  private func vote(
    yes: Bool, on motion: Digest32, _ organisation: String, _ item: Item, _ block: Block,
    _ state: StateView
  ) {
    state.set(
      .ballot(motion, organisation),
      BallotRecord(approves: yes ? 1 : 0, key: identity(of: organisation, block)))
    let count: UInt64 = state.value(.ballotCount(motion)) ?? 0
    state.note(.ballot(motion, number: count), item.index)
    state.note(.ballotCount(motion), count + 1)
  }

  /// Names the key with which an organisation signs in the block's epoch.
  private func identity(of organisation: String, _ block: Block) -> Digest32 {
    Digest32(sha256: block.members.identityKey(of: organisation) ?? [])
  }

  /// Passes a motion that more than two thirds of those who may vote on it now have voted for.
  private func decide(
    _ digest: Digest32, _ record: MotionRecord, _ motion: Motion, _ block: Block,
    _ state: StateView
  ) {
    let voters = block.members.voters.filter { $0 != record.concerned }
    // All who have voted are counted only where they could be enough: else every vote would read all.
    guard 3 * (state.value(.ballotCount(digest)) ?? 0) > 2 * UInt64(voters.count) else { return }
    let yes = voters.count { voter in
      let ballot: BallotRecord? = state.value(.ballot(digest, voter))
      // What a key has signed that was lost or stolen, and replaced, counts no more.
      return ballot?.approves == 1 && ballot?.key == identity(of: voter, block)
    }
    guard 3 * yes > 2 * voters.count else { return }
    var record = record
    let next = state.nextMembers(
      afterEpoch: genesis.epoch(ofHeight: block.height), of: genesis)
    do throws(Refusal) {
      let changed = try members(next, after: motion.changes, of: digest, block, state)
      record.status = .passed
      state.set(.motion(digest), record)
      adopt(changed, after: next, state)
      pardon(motion.changes, state)
    } catch {
      // Others have passed meanwhile.
      record.status = .failed
      state.set(.motion(digest), record)
    }
  }

  /// What changes make of members, if it can be the members of an epoch.
  private func members(
    _ next: ValidMembers, after changes: [MemberChange], of motion: Digest32?, _ block: Block,
    _ state: StateView
  ) throws(Refusal) -> ValidMembers {
    let changed = try valid(next.members.changed(by: changes))
    try requireNew(next, changed, of: motion, block, state)
    for change in changes {
      switch change {
      case .readmit(let organisation):
        // With the keys that it was convicted of it could do the same again, and nothing would follow.
        guard isBarred(organisation, state),
          changed.parties.allSatisfy({ party in
            party.organisation != organisation
              || !party.keys.contains { state.holds(.convictedKey($0)) }
          })
        else { throw .wrongMembers }
      case .unbar(let hospital):
        guard state.holds(.barredChain(hospital)) else { throw .wrongMembers }
      case .admit, .remove, .assignCloud, .setNumbers: break
      }
    }
    let readmitted = Set(
      changes.compactMap { if case .readmit(let id) = $0 { id } else { nil as String? } })
    guard couldFillSeats(changed, without: nil, readmitting: readmitted, state) else {
      throw .tooFewCandidates
    }
    return changed
  }

  private func valid(_ members: Members) throws(Refusal) -> ValidMembers {
    // What cannot be read again is no value of the state.
    guard members.encoded().count <= Members.maximumByteCount,
      let valid = try? ValidMembers(members, network: genesis.content.network)
    else { throw .wrongMembers }
    return valid
  }

  /// New names and keys are such as nobody has, or has had; a key that stands in an open motion is for
  /// that motion alone.
  private func requireNew(
    _ members: ValidMembers, _ next: ValidMembers, of motion: Digest32?, _ block: Block,
    _ state: StateView
  ) throws(Refusal) {
    for id in next.identifiers where members.party(id) == nil {
      guard !isPartyName(id, state), !state.holds(.doctor(id)) else { throw .alreadyRegistered }
    }
    for (_, key) in next.newKeys(since: members) {
      guard isFresh(key, for: motion, block, state) else { throw .alreadyRegistered }
    }
  }

  /// Whether a party has an identifier, or had it.
  func isPartyName(_ id: String, _ state: StateView) -> Bool {
    genesis.members.party(id) != nil || state.holds(.partyName(id))
  }

  /// Whether nobody has registered this key, for whatever use, and it stands in no other motion that may
  /// pass yet: so nobody takes the keys of those who ask to join.
  func isFresh(
    _ key: [UInt8], for motion: Digest32? = nil, _ block: Block, _ state: StateView
  ) -> Bool {
    guard !genesis.members.usesKey(key), !state.holds(.registeredKey(key)) else { return false }
    guard let holder: Digest32 = state.value(.reservedKey(key)), holder != motion,
      let record: MotionRecord = state.value(.motion(holder))
    else { return true }
    return record.status != .open || genesis.epoch(ofHeight: block.height) > record.lastEpoch
  }

  /// The members of the next epoch are `next`, which changes have made of `members`.
  private func adopt(_ next: ValidMembers, after members: ValidMembers, _ state: StateView) {
    for id in next.identifiers where members.party(id) == nil {
      state.set(.partyName(id), RawValue(stateBytes: [1]))
    }
    for (party, key) in next.newKeys(since: members) {
      state.set(.registeredKey(key), RawValue(stateBytes: Array(party.utf8)))
    }
    setNextMembers(next, state)
  }

  private func pardon(_ changes: [MemberChange], _ state: StateView) {
    for change in changes {
      switch change {
      case .readmit(let organisation):
        let count: UInt64 = state.value(.conviction(organisation)) ?? 0
        state.set(.readmission(organisation), count)
      case .unbar(let hospital): state.remove(.barredChain(hospital))
      case .admit, .remove, .assignCloud, .setNumbers: break
      }
    }
  }

  /// Whether an organisation was convicted, and not readmitted since.
  func isBarred(_ organisation: String, _ state: StateView) -> Bool {
    let count: UInt64 = state.value(.conviction(organisation)) ?? 0
    return count > state.value(.readmission(organisation), as: UInt64.self) ?? 0
  }

  private static func precedes(_ one: String, _ other: String) -> Bool {
    one.utf8.lexicographicallyPrecedes(other.utf8)
  }

  // MARK: Rotations

  func rotate(
    _ rotation: PartyRotation, _ item: Item, _ block: Block, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (id, signature) = try party(item.entry, block, state)
    let epoch = genesis.epoch(ofHeight: block.height)
    let next = state.nextMembers(afterEpoch: epoch, of: genesis)
    // Whoever has lost the party by a vote, or its key, does not take it back in what is left of the
    // epoch.
    guard id == rotation.party.id, let present = block.members.party(id),
      let former = next.party(id), former.identityKey == present.identityKey,
      former.organisation == present.organisation
    else { throw .notEntitled }
    guard rotation.party != former, rotation.party.mayReplace(former) else { throw .wrongRotation }
    try spend(
      .quota(ofChangesBy: id), block.members.numbers.signerQuota, block, state)
    var members = next.members
    try members.put(rotation.party)
    let changed: ValidMembers
    do throws(Refusal) { changed = try valid(members) } catch { throw .wrongRotation }
    try requireNew(next, changed, of: nil, block, state)
    adopt(changed, after: next, state)
    return Judgement(claims: [
      signature,
      RequiredClaim(
        .signature(
          rotation.proof, of: rotation.statement(genesis: genesis.digest).encoded(),
          by: rotation.party.identityKey),
        or: .wrongRotation),
    ])
  }
}

extension ValidMembers {
  var parties: [Party] {
    members.organisations.map(Party.organisation) + [.manager(manager)]
      + supernodes.map(Party.supernode)
  }

  var identifiers: [String] { parties.map(\.id) }
}

extension Party {
  /// Whether a party may become this by itself: other identity, cosigning and voting keys and
  /// addresses, and nothing that says who runs it or what it is for.
  fileprivate func mayReplace(_ former: Party) -> Bool {
    switch (former, self) {
    case (.organisation, .organisation): return true
    case (.manager(var former), .manager(let manager)):
      former.identityKey = manager.identityKey
      former.location = manager.location
      return former == manager
    case (.supernode(var former), .supernode(let node)):
      // Who stands for election withdraws by a candidacy.
      guard former.votingKey == nil || node.votingKey != nil,
        former.chains(butConsortium: node.votingKey != nil)
          == node.chains(butConsortium: node.votingKey != nil)
      else { return false }
      former.identityKey = node.identityKey
      former.cosigners = node.cosigners
      former.votingKey = node.votingKey
      former.location = node.location
      return former == node
    default: return false
    }
  }
}

extension Members.Supernode {
  fileprivate func chains(butConsortium: Bool) -> [String] {
    cosigners.map(\.chain).filter { !butConsortium || $0 != ChainName.consortium }
  }
}
