import CanonicalEncoding
import Credentials
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
    let request = RelayDemand(entry, completion: try await completionPlace(for: entry, authors))
    // Who has not the chain does not know the patient of a visit.
    let holders =
      request.completion == nil ? [] : authors.map { Author(.key($0.key.publicKey), $0.key) }
    let place = try await ask(request, of: supernode, by: authors + holders).index
    guard try await demanded(at: place, by: supernode) == entry else {
      throw ConsortiumError(.invalidProof, "the leaf is not the demand")
    }
    return place
  }

  /// What shows a cloud that has not the hospital's chain that a patient may sign such an entry; nil where nothing
  /// has to be shown, or nobody shows it: then one that has the chain takes the demand all the same.
  private func completionPlace(
    for entry: Entry, _ authors: [Author]
  ) async throws -> AnchoredLeaf? {
    guard case .patient(let visit) = entry.content.signer else { return nil }
    do {
      return try await completionPlace(of: visit, at: entry.content.chain, for: authors)
    } catch is ConsortiumError {
      return nil
    } catch is LedgerError {
      return nil
    }
  }

  /// The entry that is demanded at an index of the consortium chain, final.
  ///
  /// - Throws: ``ConsortiumError``, as `not-final`; ``LedgerError`` for a proof that fails.
  func demanded(at index: UInt64, by supernode: String) async throws -> Entry {
    let proven = try await prove(.consortiumLeaf(index: index), by: supernode)
    guard proven.chain == ChainName.consortium, proven.index == index,
      case .demand(let demand)? = proven.entry?.content.body
    else { throw ConsortiumError(.invalidProof, "the leaf is no demand") }
    return demand.entry
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
