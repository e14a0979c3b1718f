package import CanonicalEncoding

/// A motion that is being voted on.
package struct OpenMotion: Sendable {
  /// The digest of its entry, which ballots name.
  package let entry: Digest32
  /// The organisation that has put it.
  package let signer: String
  package let motion: Motion
  /// The organisation that does not vote on it.
  package let concerned: String?
  /// By organisation: whether it is for it.
  package let votes: [String: Bool]
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

  /// The motions that may pass yet, the oldest first.
  package func openMotions() throws(StoreError) -> [OpenMotion] {
    let epoch = genesis.epoch(ofHeight: height)
    let members = try members
    return try reading { view in
      (0..<(view.value(.motionTotal, as: UInt64.self) ?? 0)).compactMap { number in
        guard let entry: Digest32 = view.value(.motion(number: number)),
          let record: MotionRecord = view.value(.motion(entry)), record.status == .open,
          record.lastEpoch >= epoch,
          let motion = view.bytes(.motionObject(entry)).flatMap({ try? Motion(encoded: $0) }),
          let item = view.bytes(.leaf(record.index)).flatMap({ Leaf.entry(in: $0) }),
          case .party(let signer) = item.content.signer
        else { return nil }
        var votes: [String: Bool] = [:]
        for voter in members.voters {
          if let vote = view.bytes(.ballot(entry, voter)) { votes[voter] = vote == [1] }
        }
        return OpenMotion(
          entry: entry, signer: signer, motion: motion, concerned: record.concerned, votes: votes)
      }
    }
  }
}
