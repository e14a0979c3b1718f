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
}
