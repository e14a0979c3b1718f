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
    others = delegates.seats.compactMap(\.delegate).filter { $0 != id }[...]
    seatCount = delegates.seats.count
  }

  /// Whom to ask next, in the order of the seats; nil if enough have taken it, or nobody is left.
  package mutating func next() -> String? {
    3 * takers > seatCount ? nil : others.popFirst()
  }

  /// - Parameter reply: of who was asked last; nil if it does not take the entry, or does not answer.
  package mutating func take(_ reply: OfferReply?) {
    guard let reply else { return }
    takers += 1
    if reply.isNew { isNew = true }
  }

  /// What has come of it; nil if nobody has taken the entry.
  package var reply: OfferReply? { takers > 0 ? OfferReply(isNew: isNew) : nil }
}
