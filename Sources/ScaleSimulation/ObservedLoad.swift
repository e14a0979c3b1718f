/// What a simulated consortium did, beside what the account on paper says.
package struct ObservedLoad: Sendable, Encodable {
  package let hospitals: Int
  package let clouds: Int
  package let delegates: Int
  package let blockInterval: UInt64
  /// Seconds of the country's time.
  package let seconds: UInt64
  package let blocks: Int
  /// Items, the openings of blocks too.
  package let entries: Int
  package let anchors: Int
  /// Leaves, the headers too.
  package let bytes: Int
  /// What a follower of the chain has stored for this, on its medium.
  package let storedBytes: Int
  /// The longest block, as its leaves.
  package let longestBlockBytes: Int
  package let longestBlockEntries: Int
  package let longestLeafBytes: Int
  package let membersBytes: Int
  package let genesisBytes: Int
  /// The checkpoint of a block with the cosignatures of all delegates.
  package let noteBytes: Int
  /// What delegates sent each other, all together.
  package let messages: Int
  package let messageBytes: Int
  /// CPU time, in milliseconds.
  package let cpu: CPU
  /// Entries that no delegate took, by why.
  package let refused: [String: Int]
  package let predicted: PredictedLoad

  /// Milliseconds of CPU time.
  package struct CPU: Sendable, Encodable {
    /// One delegate takes one entry that is offered.
    package var takeEntry = 0.0
    /// All delegates together, for one block: reading outboxes, proposing, checking, voting, storing.
    package var decideBlock = 0.0
    /// One delegate makes a block of entries that it has.
    package var proposeBlock = 0.0
    /// One delegate checks a block that another has proposed.
    package var checkBlock = 0.0
    /// Somebody takes a block that is final, and stores it.
    package var replayBlock = 0.0
    /// The same where the block ends an epoch: the election.
    package var replayLastBlock = 0.0
    /// Who joins replays all of it: for one entry.
    package var joinEntry = 0.0
    /// Opening the chain after that, with all that is stored.
    package var open = 0.0
  }

  package var entriesPerBlock: Double { Double(entries) / Double(max(blocks, 1)) }
  package var anchorsPerBlock: Double { Double(anchors) / Double(max(blocks, 1)) }
  package var bytesPerBlock: Double { Double(bytes) / Double(max(blocks, 1)) }
  package var storedBytesPerBlock: Double { Double(storedBytes) / Double(max(blocks, 1)) }
  /// A follower's CPU time for an entry, in milliseconds.
  package var replayEntryMs: Double { cpu.replayBlock / max(entriesPerBlock, 1) }
  package var checkEntryMs: Double { cpu.checkBlock / max(entriesPerBlock, 1) }
  package var proposeEntryMs: Double { cpu.proposeBlock / max(entriesPerBlock, 1) }
  /// All delegates together, for an entry from the offer to the final block, in milliseconds.
  package let decideEntryMs: Double
}

/// Of measurements that are added up.
struct Mean {
  private(set) var sum = 0.0
  private(set) var count = 0

  mutating func add(_ value: Double) { (sum, count) = (sum + value, count + 1) }

  var value: Double { count == 0 ? 0 : sum / Double(count) }
}
