import CanonicalEncoding
package import Ledger

/// Entries of one's own, on their way to their hospital's chain.
extension LedgerClient {
  /// Submits an entry to its hospital: ``EntrySubmission/submit(_:)``.
  ///
  /// - Parameter authors: who has signed it.
  package func submit(_ entry: Entry, by authors: [Author]) async throws -> ShownSubmission {
    let requests = sealedRequests
    return try await EntrySubmission(
      genesis: genesis, members: self,
      ask: { try await requests.ask($0, of: $1, by: authors) }
    ).submit(entry)
  }

  /// Demands an entry of its hospital, through a supernode. Once this returns, the demand is final:
  /// the hospital has to answer it, or can anchor nothing any more.
  ///
  /// The entry becomes visible to all who read the consortium chain.
  /// - Returns: where the demand stands there.
  /// - Throws: ``ConsortiumError`` `not-final` until the demand is: it can be called again.
  @discardableResult
  package func demand(
    _ entry: Entry, through supernode: String, by authors: [Author]
  ) async throws -> UInt64 {
    // Asked each time: who once names a false place is asked again.
    let place = try await ask(RelayDemand(entry), of: supernode, by: authors).index
    let proven = try await prove(.consortiumLeaf(index: place), by: supernode)
    guard case .demand(let demand)? = proven.entry?.content.body, demand.entry == entry else {
      throw ConsortiumError(.invalidProof, "the leaf is not the demand")
    }
    return proven.index
  }

  /// The index at which an entry is final on its hospital's chain, proven by the hospital or its cloud.
  ///
  /// - Throws: ``ConsortiumError``, as `not-final`; ``LedgerError`` for a proof that fails.
  package func finalIndex(of entry: Entry) async throws -> UInt64 {
    try await byHospitalOrCloud(entry.content.chain) { try await finalIndex(of: entry, by: $0) }
  }

  /// What a hospital proves of its chain, or else its cloud.
  func byHospitalOrCloud<Proven: Sendable>(
    _ hospital: String, _ prove: (_ supernode: String) async throws -> Proven
  ) async throws -> Proven {
    do {
      return try await prove(hospital)
    } catch is ConsortiumError, is LedgerError {
      return try await prove(try await cloud(ofHospital: hospital))
    }
  }

  private func finalIndex(of entry: Entry, by supernode: String) async throws -> UInt64 {
    let hospital = entry.content.chain
    let proven = try await prove(.entry(entry.digest, hospital: hospital), by: supernode)
    guard proven.chain == hospital, proven.entry == entry else {
      throw ConsortiumError(.invalidProof, "the leaf is not the entry")
    }
    return proven.index
  }
}
