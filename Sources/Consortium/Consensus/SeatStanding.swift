import Ledger

/// Whether a supernode decides the blocks of the consortium chain, as its own replay has it: for who runs it.
package enum SeatStanding: Sendable, Equatable {
  case seated
  /// Why it does not.
  case without(Reason)

  package enum Reason: Sendable, Equatable {
    /// It has a seat, and has given up the key of it.
    case givenUp
    /// Its seat is empty for the rest of the epoch: it was convicted of two votes.
    case convicted
    /// It does not stand for election.
    case withdrawn
    /// It is no member any more, or one that has no voting key.
    case unlisted
    /// Its organisation was convicted, and nobody has readmitted it.
    case barred
    /// It had missed more than half of its turns.
    case missedTurns(UInt64, of: UInt64)
    /// Others were elected.
    case outvoted

    /// Whether it has come by what the supernode has said itself.
    package var isOwnWish: Bool { self == .withdrawn || self == .givenUp }

    /// For people.
    package var text: String {
      switch self {
      case .givenUp: "its voting key was given up: another counts from the next epoch on"
      case .convicted: "it was convicted of two votes: the seat is empty until the next epoch"
      case .withdrawn: "it does not stand for election"
      case .unlisted: "the ledger lists no voting key of it"
      case .barred: "its organisation was convicted, and not readmitted"
      case .missedTurns(let missed, let turns): "it missed \(missed) of \(turns) turns"
      case .outvoted: "others were elected"
      }
    }
  }
}

extension Delegate {
  /// Whether it decides the block under way.
  package var isSeated: Bool {
    hasSeat && delegates.seats.contains { $0.delegate == id && !$0.isEmpty }
  }

  /// The same, with why it does not.
  ///
  /// - Throws: ``StoreError``
  package func seatStanding() throws -> SeatStanding {
    if isSeated { return .seated }
    if let seat = delegates.seats.first(where: { $0.delegate == id }) {
      return .without(seat.isEmpty ? .convicted : .givenUp)
    }
    let view = follower.reader
    guard let own = try view.members.supernode(id), own.votingKey != nil else {
      return .without(.unlisted)
    }
    if try !view.candidacy(of: id).stands { return .without(.withdrawn) }
    if try view.isBarred(organisation: own.organisation) { return .without(.barred) }
    // Who has no seat has no turns: those of the last epoch with one stand as they were.
    let epoch = genesis.epoch(ofHeight: view.height)
    let candidates = epoch > 0 ? try view.election(afterEpoch: epoch - 1).candidates : []
    if let candidate = candidates.first(where: { $0.id == id }), candidate.missedTooMany {
      return .without(.missedTurns(candidate.missed, of: candidate.turns))
    }
    return .without(.outvoted)
  }
}

extension LedgerNode {
  /// Whether this party decides the block under way; nil for who never does, as the manager.
  package var isSeated: Bool? { delegate?.isSeated }

  /// The same, with why it does not.
  ///
  /// - Throws: ``StoreError``
  package func seatStanding() throws -> SeatStanding? { try delegate?.seatStanding() }
}
