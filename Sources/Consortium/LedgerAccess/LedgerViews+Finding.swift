import CanonicalEncoding
import EMRScheme
import Ledger

extension LedgerViews {
  /// The openings on a hospital's chain from a leaf on, as far as one answer goes: its work is bounded by
  /// the leaves that it looks at, whatever is among them.
  package func findVisits(_ request: FindVisits) async throws -> FoundVisits {
    let size = try await chains.view(of: request.hospital).size
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
