import EMRScheme
import Ledger

/// How many entries wait for a block: each member has room of its own, so that none keeps another's out.
extension Delegate {
  /// How much of one member waits, of together so many bytes.
  struct Room {
    let count: Int
    let byteCount: Int

    /// In the own outbox.
    static let outbox = Room(count: 256, byteCount: 1 << 18)
    /// Of what another delegate publishes, whose entries are together bounded too: nobody has looked whether
    /// they are signed.
    static let peer = Room(count: 64, byteCount: 1 << 18)
  }

  /// Whether there is room for an entry beside others that wait.
  mutating func hasRoom(
    for entry: Entry, _ byteCount: Int, beside waiting: [WaitingEntry], in room: Room
  ) throws(StoreError) -> Bool {
    let reader = follower.reader
    if members?.height != height {
      members = (height, [try reader.members, try reader.nextMembers])
    }
    let sets = members?.sets ?? []
    // In whose room an entry waits: a doctor's in that of the hospital, which registers as many as it likes.
    var known: [String: String] = [:]
    func member(_ entry: Entry) throws(StoreError) -> String {
      guard case .party(let signer) = entry.content.signer else { return "" }
      if let member = known[signer] { return member }
      var member = signer
      if !sets.contains(where: { $0.party(signer) != nil }) {
        // All who are not known yet have one room.
        member = try reader.doctor(signer)?.record.statement.hospital ?? ""
      }
      known[signer] = member
      return member
    }
    let own = try member(entry)
    var (count, sum) = (1, byteCount)
    for other in waiting {
      guard try member(other.entry) == own else { continue }
      count += 1
      sum += other.byteCount
    }
    return count <= room.count && sum <= room.byteCount
  }
}
