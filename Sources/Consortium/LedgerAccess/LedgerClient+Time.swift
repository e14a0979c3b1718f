import CanonicalEncoding
import Ledger
import TransparencyLog

/// What time it is to whom something is over for good.
extension LedgerClient {
  /// In seconds: nobody is asked more often.
  private static let timePeriod: UInt64 = 60
  /// How many supernodes are asked, one after another, until one proves that it is no time ago.
  private static let timePlaces = 4

  /// The earlier of the own clock and ledger time, as somebody proves it now, or did before. What has ended by that
  /// has ended: a clock that is ahead for a while ends nothing, and nobody's word does.
  ///
  /// - Throws: ``StoreError`` alone.
  func timeToForget() async throws -> UInt64 {
    try await learnTime()
    return min(clock(), reached.time)
  }

  /// Learns how far the consortium has come, from the hospital of this client and its cloud, or else from others.
  ///
  /// - Throws: ``StoreError`` alone.
  func learnTime() async throws {
    let now = clock()
    if let timeAsked, timeAsked <= now, now - timeAsked < Self.timePeriod { return }
    timeAsked = now
    let members = currentMembers()
    let supernodes = members.supernodes.map(\.id)
    let own = [home, home.flatMap { members.cloud(ofHospital: $0) }].compactMap(\.self)
    let others = supernodes.filter { !own.contains($0) }
    for supernode in (own + others).prefix(Self.timePlaces) {
      do {
        // Under the newest checkpoint that it has, whose last leaf is the header of a block.
        _ = try await prove(.consortiumLeaf(index: 0), by: supernode)
        guard let newest else { continue }
        _ = try await prove(.consortiumLeaf(index: newest.size - 1), by: supernode)
      } catch let error as StoreError {
        throw error
      } catch {
        continue
      }
      if now <= reached.time &+ LedgerNode.recency { return }
    }
  }
}
