import CanonicalEncoding
import EMRScheme
import TransparencyLog

/// Demands: entries that a hospital's chain has to take, or to refuse in public (specification 6.7).
extension ConsortiumRules {
  func demand(
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
    let takenBack = entry.ownRevocation.map {
      StateKey.demandedRevocation($0.document, of: $0.visit, at: hospital)
    }
    // A demand of it counts whatever its hospital does: a second one would say nothing more.
    if let takenBack, state.holds(takenBack) { throw .consentRevoked }
    try spend(demand, through: party, block, state)
    let count: UInt64 = state.value(.demandCount(hospital)) ?? 0
    state.set(
      .demand(hospital, number: count),
      DemandRecord(entry: digest, height: block.height, index: item.index))
    state.set(.demandCount(hospital), count + 1)
    state.note(.demandedEntry(digest), RawValue(stateBytes: entry.encoded()))
    if let takenBack { state.set(takenBack, block.height) }
    noteSharing(entry, hospital, item, block, state)
    return Judgement(claims: [signature, entry.signatureClaim(by: key)])
  }

  /// For the access log of the patient: a revocation by the patient, and an access by the manager.
  private func noteSharing(
    _ entry: Entry, _ hospital: String, _ item: Item, _ block: Block, _ state: StateView
  ) {
    let visit: Digest32
    if let revocation = entry.ownRevocation {
      visit = revocation.visit
    } else if case .accessNotice(let notice) = entry.content.body,
      entry.content.signer == .party(block.members.manager.id)
    {
      visit = notice.visit
    } else {
      return
    }
    let count: UInt64 = state.value(.demandedSharingCount(visit, at: hospital)) ?? 0
    state.note(.demandedSharing(visit, at: hospital, number: count), item.index)
    state.note(.demandedSharingCount(visit, at: hospital), count + 1)
  }

  /// How many revocations of one visit have room of their own, in an epoch and through one supernode:
  /// whoever is the patient of fewer visits than a supernode has room for keeps nobody else's out.
  private static let revocationQuota: UInt64 = 1

  /// What a demand costs the supernode, and the signer through it. A patient's own revocation that has no
  /// room of its own left costs what any other demand of a patient does.
  private func spend(
    _ demand: Demand, through party: String, _ block: Block, _ state: StateView
  ) throws(Refusal) {
    let (entry, numbers) = (demand.entry, block.members.numbers)
    let hospital = entry.content.chain
    if let visit = entry.ownRevocation?.visit {
      let room = StateKey.quota(ofSupernode: party, for: .revocations)
      let place = StateKey.quota(ofRevocationsOf: visit, at: hospital, through: party)
      if hasLeft(room, numbers.supernodeQuota, block, state),
        hasLeft(place, Self.revocationQuota, block, state)
      {
        try spend(room, numbers.supernodeQuota, block, state)
        return try spend(place, Self.revocationQuota, block, state)
      }
    }
    let (purpose, share) = part(of: entry, through: party, block, state)
    try spend(.quota(ofSupernode: party, for: purpose), numbers.supernodeQuota, block, state)
    if let share { try spend(share, block.members.demandShare, block, state) }
    // The manager signs for all hospitals: its share of each stands for this one.
    if purpose == .managersDemands { return }
    try spend(
      .quota(of: entry.content.signer, at: hospital, through: party), numbers.signerQuota, block,
      state)
  }

  /// Which of a supernode's quotas a demand counts in, and of which share of it. A hospital makes as many
  /// doctors as it likes, so a bound for each of them is none for it.
  private func part(
    of entry: Entry, through supernode: String, _ block: Block, _ state: StateView
  ) -> (QuotaPurpose, share: StateKey?) {
    guard case .party(let id) = entry.content.signer else { return (.patientsDemands, nil) }
    if id == block.members.manager.id {
      return (
        .managersDemands,
        .quota(ofManagersDemandsOf: entry.content.chain, through: supernode)
      )
    }
    let doctor: DoctorRecord? = state.value(.doctor(id))
    var hospital = doctor?.statement.hospital ?? id
    // Who is of no hospital that is a member has one with all others of whom that is so.
    if block.members.supernode(hospital)?.role != .hospital { hospital = "" }
    return (.partiesDemands, .quota(ofDemandsFrom: hospital, through: supernode))
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
}

extension Entry {
  /// What the patient of a visit takes back of it: nobody else takes a consent back.
  fileprivate var ownRevocation: Revocation? {
    guard case .revocation(let revocation) = content.body,
      content.signer == .patient(visit: revocation.visit)
    else { return nil }
    return revocation
  }
}
