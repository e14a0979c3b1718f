import CanonicalEncoding
package import Ledger

/// A role's own replay of the ordering log, and its way to append to it.
///
/// The log is trusted for nothing but keeping what it has acknowledged.
package actor LedgerNode {
  package let genesis: ValidGenesis
  private let log: any OrderingLog
  private let equations: any EquationChecker
  private(set) var replica: Replica
  private(set) var index = LedgerIndex()

  private static let batch = 256
  private static let appendAttempts = 3

  package init(
    genesis: ValidGenesis, following hospitals: [String], log: any OrderingLog
  ) throws(LedgerError) {
    self.genesis = genesis
    self.log = log
    equations = try LedgerSuite.equations(for: genesis)
    replica = Replica(genesis: genesis, following: hospitals, equations: equations)
  }

  /// Looks at the replay without waiting.
  package func read<Value: Sendable>(
    _ body: @Sendable (Replica) throws -> Value
  ) rethrows -> Value {
    try body(replica)
  }

  /// Replays what is new in the log.
  package func catchUp() async throws {
    while true {
      let position = replica.nextPosition
      let entries = try await log.entries(from: position, limit: Self.batch)
      // While this waited, another call may have begun again to follow one more chain,
      if replica.nextPosition < position { continue }
      // or have replayed some of these.
      for entry in entries where entry.position >= replica.nextPosition {
        try replica.replay(entry)
      }
      if entries.count < Self.batch { break }
    }
    index.update(replica)
  }

  /// Follows a hospital's chain too, from its beginning.
  package func follow(_ hospital: String) async throws {
    guard genesis.hospitals.contains(hospital) else {
      throw ConsortiumError(.unknownVisit, "there is no such hospital")
    }
    if replica.hospitals[hospital] == nil {
      replica = Replica(
        genesis: genesis, following: replica.hospitals.keys + [hospital], equations: equations)
      index = LedgerIndex()
    }
    try await catchUp()
  }

  /// Appends entries and replays them. Returns when they are durable.
  package func append(_ entries: [[UInt8]]) async throws {
    for attempt in 1...Self.appendAttempts {
      do {
        _ = try await log.append(entries)
        break
      } catch {
        // The log takes the same bytes once, so asking again is safe.
        guard error.code == .outcomeUnknown, attempt < Self.appendAttempts else { throw error }
      }
    }
    try await catchUp()
  }

  /// Appends one entry and waits for the rules' verdict.
  ///
  /// - Throws: ``ConsortiumError`` with the code of the refusal.
  package func submit(_ entry: Entry) async throws {
    let bytes = entry.encoded()
    try await append([bytes])
    switch replica.status(of: Digest32(sha256: bytes), chain: entry.content.chain) {
    case .refused(let refusal): throw refusal
    case nil: throw ConsortiumError(.notFinal, "the ledger cannot take the entry yet")
    default: break
    }
  }
}
