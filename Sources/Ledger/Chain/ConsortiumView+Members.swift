package import CanonicalEncoding

/// A motion with the votes on it.
package struct MotionHistory: Sendable {
  /// The digest of its entry, which ballots name.
  package let entry: Digest32
  /// Of the item.
  package let index: UInt64
  /// The organisation that has put it.
  package let signer: String
  package let motion: Motion
  /// The organisation that does not vote on it.
  package let concerned: String?
  package let status: MotionStatus
  /// In their order; the last of a motion that is decided has decided it.
  package let votes: [Vote]

  package struct Vote: Sendable {
    package let organisation: String
    package let approves: Bool
    /// Of the item.
    package let index: UInt64
  }
}

/// Who takes part (specification 6.13).
extension ConsortiumView {
  /// Of the epoch of the next block.
  package var members: ValidMembers {
    get throws(StoreError) { try members(at: height) }
  }

  /// Of the epoch in which a block stands, or the next one.
  package func members(at height: UInt64) throws(StoreError) -> ValidMembers {
    try members(inEpoch: genesis.epoch(ofHeight: height))
  }

  /// Of an epoch up to that of the next block.
  package func members(inEpoch epoch: UInt64) throws(StoreError) -> ValidMembers {
    try reading { $0.members(inEpoch: epoch, of: genesis) }
  }

  /// Of the epoch after that of the next block, as far as it is decided.
  package var nextMembers: ValidMembers {
    get throws(StoreError) {
      try reading { $0.nextMembers(afterEpoch: genesis.epoch(ofHeight: height), of: genesis) }
    }
  }

  /// All different members that there have been since an epoch, the latest first.
  package func memberships(sinceEpoch first: UInt64) throws(StoreError) -> [ValidMembers] {
    try reading { view in
      var found: [ValidMembers] = []
      var epoch: UInt64? = genesis.epoch(ofHeight: height)
      while let current = epoch {
        found.append(view.members(inEpoch: current, of: genesis))
        epoch = view.epoch(beforeMembersOf: current).flatMap { $0 < first ? nil : $0 }
      }
      return found
    }
  }

  /// The clouds that a hospital's chain had since an epoch, the latest first, each once.
  package func clouds(
    ofHospital hospital: String, sinceEpoch first: UInt64
  ) throws(StoreError) -> [String] {
    var clouds: [String] = []
    for members in try memberships(sinceEpoch: first) {
      if let cloud = members.cloud(ofHospital: hospital), !clouds.contains(cloud) {
        clouds.append(cloud)
      }
    }
    return clouds
  }

  /// Whether a key stands in the genesis, or was registered since.
  package func isRegistered(_ key: [UInt8]) throws(StoreError) -> Bool {
    if genesis.members.usesKey(key) { return true }
    return try reading { $0.holds(.registeredKey(key)) }
  }

  /// All hospitals that there were up to now: those of the genesis, then those that were admitted.
  package var hospitals: [String] {
    get throws(StoreError) { try reading { $0.hospitals(of: genesis) } }
  }

  /// The members that have a hospital, or had it last.
  package func members(having hospital: String) throws(StoreError) -> ValidMembers {
    try reading {
      $0.members(having: hospital, inEpoch: genesis.epoch(ofHeight: height), of: genesis)
    }
  }

  /// Whether an organisation was convicted, and not readmitted since.
  package func isBarred(organisation: String) throws(StoreError) -> Bool {
    try reading { engine.rules.isBarred(organisation, $0) }
  }

  /// Which motion of an organisation the next one is.
  package func nextMotion(of organisation: String) throws(StoreError) -> UInt64 {
    try reading { $0.value(.motionCount(organisation), as: UInt64.self) ?? 0 } + 1
  }

  /// What has become of a motion, by the digest of its entry; nil if there is none.
  package func status(ofMotion entry: Digest32) throws(StoreError) -> MotionStatus? {
    let record: MotionRecord? = try reading { $0.value(.motion(entry)) }
    return record?.status
  }

  /// All motions, the oldest first, with the votes on them.
  package func motions() throws(StoreError) -> [MotionHistory] {
    try reading { view in
      (0..<(view.value(.motionTotal, as: UInt64.self) ?? 0)).compactMap { number in
        guard let entry: Digest32 = view.value(.motion(number: number)),
          let record: MotionRecord = view.value(.motion(entry)),
          case (.party(let signer), .motion(let motion))? = Self.item(record.index, view)
        else { return nil }
        let votes = (0..<(view.value(.ballotCount(entry), as: UInt64.self) ?? 0)).compactMap {
          number -> MotionHistory.Vote? in
          guard let index: UInt64 = view.value(.ballot(entry, number: number)),
            case (.party(let organisation), let body)? = Self.item(index, view)
          else { return nil }
          // Who puts a motion votes for it by that.
          let approves = if case .ballot(let ballot) = body { ballot.approves } else { true }
          return MotionHistory.Vote(
            organisation: organisation, approves: approves, index: index)
        }
        return MotionHistory(
          entry: entry, index: record.index, signer: signer, motion: motion,
          concerned: record.concerned, status: record.status, votes: votes)
      }
    }
  }

  private static func item(
    _ index: UInt64, _ view: StateView
  ) -> (signer: EntrySigner, body: EntryBody)? {
    let entry = view.bytes(.leaf(index)).flatMap { Leaf.entry(in: $0) }
    return entry.map { ($0.content.signer, $0.content.body) }
  }

  /// The block in which a leaf stands.
  package func block(holding index: UInt64) throws(StoreError) -> ConsortiumBlock? {
    let height = try reading { engine.rules.height(holding: index + 1, $0) }
    return try block(height)
  }
}
