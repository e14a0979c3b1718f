import CanonicalEncoding
package import Ledger

/// The way of an entry to who decides: it is offered to one delegate after the other, until more than a
/// third of the seats have taken it. Any of them may keep it to itself, but one at least is honest, and
/// has it published until it stands (specification 6.11).
package struct EntryOffer: Sendable {
  private var others: ArraySlice<String>
  private let seatCount: Int
  private var takers = 0
  private var isNew = false

  /// - Parameter id: who offers it, and does not ask itself.
  package init(to delegates: DelegateSet, by id: String) {
    others = delegates.delegates(beginningFor: id)[...]
    seatCount = delegates.seats.count
  }

  /// Whom to ask next; nil if enough have taken it, or nobody is left.
  package mutating func next() -> String? {
    3 * takers > seatCount ? nil : others.popFirst()
  }

  /// - Parameter reply: of who was asked last; nil if it does not take the entry, or does not answer.
  package mutating func count(_ reply: OfferReply?) {
    guard let reply else { return }
    takers += 1
    if reply.isNew { isNew = true }
  }

  /// What has come of it; nil if nobody has taken the entry.
  package var reply: OfferReply? { takers > 0 ? OfferReply(isNew: isNew) : nil }
}

extension DelegateSet {
  /// All others who decide, in the order of the seats, beginning with one that follows from who asks: else the
  /// first seats would be asked by everybody.
  package func delegates(beginningFor id: String) -> [String] {
    let others = seats.compactMap(\.delegate).filter { $0 != id }
    guard !others.isEmpty else { return [] }
    let digest = Digest32(sha256: Array(id.utf8))
    let first = digest.bytes.prefix(4).reduce(0) { ($0 << 8 | Int($1)) % others.count }
    return Array(others[first...] + others[..<first])
  }
}
