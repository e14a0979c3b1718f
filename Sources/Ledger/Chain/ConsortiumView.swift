package import CanonicalEncoding
package import EMRScheme
package import TransparencyLog

/// Looks things up on the consortium chain as it stands; of a value, so that what is read belongs
/// together.
package struct ConsortiumView: Sendable {
  let engine: ChainEngine<ConsortiumRules>
  package let final: FinalRecord?

  /// The chain as its state was committed, to look at and to export.
  package init(genesis: ValidGenesis, store: any StateStore) throws(StoreError) {
    engine = try ChainEngine(
      rules: ConsortiumRules(genesis: genesis), store: store, keepsLeaves: true)
    let view = engine.view()
    final = view.value(.final)
    if let failure = view.failure { throw failure }
  }

  package init(engine: ChainEngine<ConsortiumRules>, final: FinalRecord?) {
    (self.engine, self.final) = (engine, final)
  }

  func reading<Value>(_ body: (StateView) -> Value) throws(StoreError) -> Value {
    let view = engine.view()
    let value = body(view)
    if let failure = view.failure { throw failure }
    return value
  }

  package var genesis: ValidGenesis { engine.rules.genesis }
  package var size: UInt64 { engine.size }
  /// How many blocks are closed.
  package var height: UInt64 { engine.height }

  /// Ledger time in seconds since 1970: of the last block, final or not.
  package var time: UInt64 { engine.block.time }

  /// Counted time of the last block.
  package var countedTime: UInt64 { engine.block.countedTime }

  /// Who decides the block at a height.
  package func delegates(forHeight height: UInt64) throws(StoreError) -> DelegateSet {
    try reading { engine.rules.delegates(forHeight: height, $0) }
  }

  /// The election that the last block of an epoch holds, as of the chain's present state: the result
  /// once the epoch is over and nothing has followed, and what it would be before.
  package func election(afterEpoch epoch: UInt64) throws(StoreError) -> Election {
    try reading { engine.rules.election(after: epoch, $0) }
  }

  /// The election that gave an epoch its seats, made again from the leaves before it.
  ///
  /// - Parameter store: an empty one, for the state up to then.
  /// - Precondition: the epoch has begun, and is not the first.
  package func election(
    ofEpoch epoch: UInt64, replayingInto store: any StateStore
  ) throws -> Election {
    var replay = try ChainEngine(rules: engine.rules, store: store, keepsLeaves: false)
    let last = epoch * genesis.content.epochLength - 1
    guard let end = try block(last)?.index else {
      throw StoreError(.corrupted, "the chain has no block \(last)")
    }
    for index in 0..<end {
      guard let leaf = try leaf(index) else {
        throw StoreError(.corrupted, "leaf \(index) of the consortium chain is missing")
      }
      do {
        _ = try replay.replay(leaf)
      } catch {
        switch error {
        case .store(let error): throw error
        case .fault(let fault): throw fault
        }
      }
      if replay.openLeaves.isEmpty, replay.pendingCount >= Self.batchSize { try replay.commit() }
    }
    let view = replay.view()
    let election = replay.rules.election(after: epoch - 1, view)
    if let failure = view.failure { throw failure }
    return election
  }

  private static let batchSize = 4096

  /// The candidates that an organisation approves now, and the number of its next approval.
  package func approval(
    of organisation: String
  ) throws(StoreError) -> (candidates: [String], next: UInt64) {
    let record: ApprovalRecord? = try reading { $0.value(.approval(organisation)) }
    return (record?.candidates ?? [], (record?.number ?? 0) + 1)
  }

  /// Whether a supernode has not withdrawn, and the number of its next candidacy.
  package func candidacy(
    of supernode: String
  ) throws(StoreError) -> (stands: Bool, next: UInt64) {
    let record: CandidacyRecord? = try reading { $0.value(.candidacy(supernode)) }
    return (record?.stands != 0, (record?.number ?? 0) + 1)
  }

  package func block(_ height: UInt64) throws(StoreError) -> ConsortiumBlock? {
    try reading { $0.value(.block(height)) }
  }

  /// The height of the block that ends at this size; nil if none does.
  package func height(endingAt size: UInt64) throws(StoreError) -> UInt64? {
    try reading { $0.value(.blockEnd(size)) }
  }

  /// The last final block: the directory and the time to judge by.
  package func finalBlock() throws(StoreError) -> ConsortiumBlock? {
    guard let final else { return nil }
    return try block(final.height)
  }

  /// A registered doctor as of now, and whether that is final.
  package func doctor(
    _ id: String
  ) throws(StoreError) -> (record: DoctorRecord, isFinal: Bool)? {
    let record: DoctorRecord? = try reading { $0.value(.doctor(id)) }
    return record.map { ($0, $0.index < final?.size ?? 0) }
  }

  /// The doctor as of a block: what stands in it counts.
  package func doctor(_ id: String, at height: UInt64) throws(StoreError) -> DoctorRecord? {
    try reading { $0.doctor(id, at: height) }
  }

  /// The doctor as of the last final block.
  package func finalDoctor(_ id: String) throws(StoreError) -> DoctorRecord? {
    guard let final else { return nil }
    return try doctor(id, at: final.height)
  }

  /// The version with which a doctor got the scheme keys that a context names; nil if no final block
  /// holds it.
  package func registration(
    of signer: VisitContext.Signer
  ) throws(StoreError) -> DoctorRecord? {
    guard let final else { return nil }
    return try reading { $0.registration(of: signer, at: final.height) }
  }

  /// The Ed25519 key with which this party signs entries: of a member, or of a doctor as of the last
  /// final block, whose first registration need not be final.
  package func identityKey(of party: String) throws(StoreError) -> [UInt8]? {
    if let key = try members.identityKey(of: party) { return key }
    if let doctor = try finalDoctor(party) { return doctor.identityKey }
    return try doctor(party)?.record.identityKey
  }

  package func generation(of hospital: String) throws(StoreError) -> GenerationRecord {
    let members = try members(having: hospital)
    return try reading { engine.rules.generation(of: hospital, in: members, $0) }
  }

  /// The keys of the generation whose origin a note of a chain has, with which it is confirmed; nil for
  /// another origin.
  ///
  /// - Parameter first: a hospital's cloud has other keys in other epochs, and signs with those of the
  ///   base, so those of all epochs from this one on are tried, the latest first.
  package func keys(
    of chain: String, note: String, sinceEpoch first: UInt64 = 0
  ) throws(StoreError) -> ChainKeys? {
    var latest: ChainKeys?
    var epoch: UInt64? = genesis.epoch(ofHeight: height)
    while let current = epoch, current >= first || latest == nil {
      let (members, before) = try reading { view in
        (
          view.members(having: chain, inEpoch: current, of: genesis),
          view.epoch(beforeMembersOf: current)
        )
      }
      guard
        let keys = try reading({ engine.rules.keys(of: chain, note: note, in: members, $0) })
      else {
        epoch = before
        continue
      }
      if chain == ChainName.consortium || keys.confirmedCheckpoint(note) != nil { return keys }
      latest = latest ?? keys
      epoch = before
    }
    return latest
  }

  /// What a generation of a hospital's chain is; nil if there is none of this number.
  package func generation(
    _ number: UInt64, of hospital: String
  ) throws(StoreError) -> GenerationRecord? {
    let latest = try generation(of: hospital)
    if number == latest.generation { return latest }
    if number == 0 { return try members(having: hospital).firstGeneration(of: hospital) }
    return try reading { $0.value(.generation(hospital, number: number)) }
  }

  /// The checkpoint of a hospital's chain that was anchored last, final or not.
  package func anchor(of hospital: String) throws(StoreError) -> AnchorRecord? {
    try reading { $0.value(.anchor(hospital)) }
  }

  /// The first anchor that covers a leaf of a hospital's chain.
  package func firstAnchor(
    covering index: UInt64, of hospital: String
  ) throws(StoreError) -> AnchorRecord? {
    try numberedAnchor(covering: index, of: hospital)?.anchor
  }

  /// The same, with its number.
  package func numberedAnchor(
    covering index: UInt64, of hospital: String
  ) throws(StoreError) -> (number: UInt64, anchor: AnchorRecord)? {
    try reading { view in
      var low: UInt64 = 0
      var high = view.value(.anchorCount(hospital), as: UInt64.self) ?? 0
      var found: (UInt64, AnchorRecord)?
      while low < high {
        let middle = low + (high - low) / 2
        guard let anchor: AnchorRecord = view.value(.anchor(hospital, number: middle)) else {
          return nil
        }
        if anchor.size > index {
          (found, high) = ((middle, anchor), middle)
        } else {
          low = middle + 1
        }
      }
      return found
    }
  }

  /// How many checkpoints of a hospital's chain were anchored, and each of them, from 0.
  package func anchorCount(of hospital: String) throws(StoreError) -> UInt64 {
    try reading { $0.value(.anchorCount(hospital)) ?? 0 }
  }

  package func anchor(
    number: UInt64, of hospital: String
  ) throws(StoreError) -> AnchorRecord? {
    try reading { $0.value(.anchor(hospital, number: number)) }
  }

  /// Which of the anchors of a hospital's chain stands at an index of the consortium chain; nil for none.
  package func anchorNumber(
    at index: UInt64, of hospital: String
  ) throws(StoreError) -> UInt64? {
    var (low, high) = (UInt64(0), try anchorCount(of: hospital))
    while low < high {
      let middle = low + (high - low) / 2
      guard let anchor = try anchor(number: middle, of: hospital) else { return nil }
      if anchor.index == index { return middle }
      if anchor.index < index { low = middle + 1 } else { high = middle }
    }
    return nil
  }

  /// How many demands there are on a hospital's chain.
  package func demandCount(on hospital: String) throws(StoreError) -> UInt64 {
    try reading { $0.value(.demandCount(hospital)) ?? 0 }
  }

  /// What the manager has used in an epoch of what it may demand through a supernode: in all, and of a hospital.
  package func managersDemands(
    of hospital: String, through supernode: String, inEpoch epoch: UInt64
  ) throws(StoreError) -> (all: UInt64, ofHospital: UInt64) {
    try reading { view in
      (
        view.used(of: .quota(ofSupernode: supernode, for: .managersDemands), inEpoch: epoch),
        view.used(of: .quota(ofManagersDemandsOf: hospital, through: supernode), inEpoch: epoch)
      )
    }
  }

  package func demand(_ number: UInt64, on hospital: String) throws(StoreError) -> DemandRecord? {
    try reading { $0.value(.demand(hospital, number: number)) }
  }

  package func demandedEntry(_ digest: Digest32) throws(StoreError) -> Entry? {
    try reading { view in
      view.bytes(.demandedEntry(digest)).flatMap { try? Entry(encoded: $0) }
    }
  }

  /// Where the demand of an entry stands; nil if it was not demanded.
  package func index(ofDemandFor entry: Entry) throws(StoreError) -> UInt64? {
    try demand(for: entry)?.index
  }

  /// The block with the demand of an entry; nil if it was not demanded.
  package func height(ofDemandFor entry: Entry) throws(StoreError) -> UInt64? {
    try demand(for: entry)?.height
  }

  private func demand(for entry: Entry) throws(StoreError) -> DemandRecord? {
    let (digest, hospital) = (entry.digest, entry.content.chain)
    guard try demandedEntry(digest) != nil else { return nil }
    var number = try demandCount(on: hospital)
    while number > 0 {
      number -= 1
      if let demand = try demand(number, on: hospital), demand.entry == digest {
        return demand
      }
    }
    return nil
  }

  /// Whether the revocation of a consent stands as a demand in a final block.
  package func isRevokedByDemand(
    _ consent: Digest32, of visit: Digest32, at hospital: String
  ) throws(StoreError) -> Bool {
    let height: UInt64? = try reading {
      $0.value(.demandedRevocation(consent, of: visit, at: hospital))
    }
    guard let height, let final else { return false }
    return height <= final.height
  }

  /// Where demands about sharing a visit stand in final blocks, in their order: the last ones, if there are more than
  /// that.
  package func demandedSharing(
    of visit: Digest32, at hospital: String, limit: UInt64
  ) throws(StoreError) -> [UInt64] {
    guard let final else { return [] }
    return try reading { view in
      let count = view.value(.demandedSharingCount(visit, at: hospital), as: UInt64.self) ?? 0
      return (count - min(count, limit)..<count).compactMap {
        view.value(.demandedSharing(visit, at: hospital, number: $0), as: UInt64.self)
      }.filter { $0 < final.size }
    }
  }

  /// How often an organisation was convicted, over all its keys.
  package func convictions(of organisation: String) throws(StoreError) -> UInt64 {
    try reading { $0.value(.conviction(organisation)) ?? 0 }
  }

  /// The organisations of which keys were convicted, in the order in which it happened first, and how
  /// often.
  package func convictions() throws(StoreError) -> [(organisation: String, count: UInt64)] {
    let names = try reading { view in
      (0..<(view.value(.convictedCount, as: UInt64.self) ?? 0)).compactMap { number in
        view.bytes(.convicted(number: number)).map { String(decoding: $0, as: UTF8.self) }
      }
    }
    var convicted: [(organisation: String, count: UInt64)] = []
    for name in names { convicted.append((name, try convictions(of: name))) }
    return convicted
  }

  /// Whether a log key of a hospital was convicted: its chain is anchored no more.
  package func isBarred(_ hospital: String) throws(StoreError) -> Bool {
    try reading { $0.holds(.barredChain(hospital)) }
  }

  /// The bytes of a leaf.
  package func leaf(_ index: UInt64) throws(StoreError) -> [UInt8]? {
    try reading { $0.bytes(.leaf(index)) }
  }

  /// The checkpoint of the first `size` leaves.
  package func checkpoint(size: UInt64) throws(StoreError) -> Checkpoint {
    try engine.checkpoint(size: size, origin: genesis.origin(of: ChainName.consortium))
  }

  // MARK: Proofs

  /// Proves a final leaf to a client that knows the consortium checkpoint of `knownSize`.
  ///
  /// - Returns: nil if it is not final yet, or the client knows a newer checkpoint.
  package func proof(
    of index: UInt64, knownSize: UInt64, hospital: LeafProof? = nil
  ) throws(StoreError) -> FinalityProof? {
    guard let final, index < final.size, knownSize <= final.size, let leaf = try leaf(index) else {
      return nil
    }
    return FinalityProof(
      epoch: genesis.epoch(ofHeight: final.height), note: final.note,
      consistency: knownSize == 0
        ? [] : try engine.consistency(from: knownSize, to: final.size),
      consortium: LeafProof(
        leaf: leaf, index: index,
        inclusion: try engine.inclusion(of: index, size: final.size)),
      hospital: hospital)
  }

  /// Final leaves from an index on, of one epoch, and the final checkpoint that they lead to: the one
  /// at the end of the epoch, or the newest.
  ///
  /// - Parameter byteCount: leaves are fewer than would reach the checkpoint where they have more
  ///   bytes than this; one there is in any case.
  /// - Returns: nil if nothing is final; no leaves if all is known.
  package func page(
    from start: UInt64, byteCount limit: Int
  ) throws(StoreError) -> (leaves: [[UInt8]], note: String)? {
    guard let final else { return nil }
    guard start < final.size, let end = try epochEnd(after: start) else { return ([], final.note) }
    var leaves: [[UInt8]] = []
    var byteCount = 0
    var index = start
    while index < end.size, let leaf = try leaf(index) {
      byteCount += leaf.count
      if byteCount > limit, !leaves.isEmpty { break }
      leaves.append(leaf)
      index += 1
    }
    return (leaves, end.note)
  }

  /// The final checkpoint at the end of the epoch in which a final leaf stands, or the newest.
  private func epochEnd(after index: UInt64) throws(StoreError) -> FinalRecord? {
    guard let final else { return nil }
    // Epochs have many leaves each, so they are searched for.
    var (low, high): (UInt64, UInt64) = (0, genesis.epoch(ofHeight: final.height))
    while low < high {
      let middle = low + (high - low) / 2
      guard let end = try endRecord(ofEpoch: middle) else { return final }
      if end.size > index { high = middle } else { low = middle + 1 }
    }
    return try endRecord(ofEpoch: low) ?? final
  }

  private func endRecord(ofEpoch epoch: UInt64) throws(StoreError) -> FinalRecord? {
    try reading { $0.value(.epochEnd(epoch)) }
  }

  /// The ends of epochs from one on, for who follows the sets of delegates: as many as are final, and
  /// have room.
  package func epochEnds(
    from first: UInt64, byteCount limit: Int
  ) throws(StoreError) -> [EpochEnd] {
    var ends: [EpochEnd] = []
    var byteCount = 0
    var epoch = first
    while ends.count < EpochEnd.pageLimit, let end = try endRecord(ofEpoch: epoch),
      let leaf = try leaf(end.size - 1)
    {
      let proof = EpochEnd(
        note: end.note,
        header: LeafProof(
          leaf: leaf, index: end.size - 1,
          inclusion: try engine.inclusion(of: end.size - 1, size: end.size)))
      byteCount += proof.encodedSequence().count
      if byteCount > limit, !ends.isEmpty { break }
      ends.append(proof)
      epoch += 1
    }
    return ends
  }
}
