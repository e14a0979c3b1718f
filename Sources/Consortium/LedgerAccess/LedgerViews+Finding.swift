import CanonicalEncoding
import EMRScheme
import Ledger

extension LedgerViews {
  /// The openings on a hospital's chain from a leaf on, as far as one answer goes: its work is bounded by
  /// the leaves that it looks at, whatever is among them. A cloud that has given the chain to another has what
  /// there was until then, and says no more.
  ///
  /// - Throws: ``ConsortiumError`` `behind-anchor` where less of the chain is here than is anchored of it: a
  ///   visit may be in what is missing.
  package func findVisits(_ request: FindVisits) async throws -> FoundVisits {
    try await node.catchUpForStrangers()
    let size =
      try await isPresent(at: request.hospital)
      ? knownAnchoredView(of: request.hospital).size : chains.view(of: request.hospital).size
    guard request.from < size else {
      return FoundVisits(visits: [], next: min(request.from, size), size: size)
    }
    let leaves = try await chains.leaves(
      from: request.from, of: request.hospital,
      limit: Int(clamping: min(UInt64(FoundVisits.leafLimit), size - request.from)),
      byteCount: FoundVisits.byteLimit)
    var visits: [FoundVisit] = []
    for case .visitOpening(let opening)? in leaves.map({ Leaf.entry(in: $0)?.content.body }) {
      let context = opening.context
      visits.append(
        FoundVisit(
          visit: context.visitID, keyNonce: context.keyNonce,
          signingKey: context.visitSigningKey, visitKey: context.visitKey))
    }
    return FoundVisits(visits: visits, next: request.from + UInt64(leaves.count), size: size)
  }
}
