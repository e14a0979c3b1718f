package import Ledger

/// How a submitted entry stands, by what was shown to who submitted it.
public enum SubmissionStanding: Sendable, Equatable {
  /// Nobody has shown anything yet; it is kept, and sent again.
  case sent
  /// The hospital has signed that it took the entry: this may still be lost.
  case written
  /// The hospital has signed that the rules refuse it, after the first `position` leaves.
  case refused(code: String, position: UInt64)
  /// A final demand at this index of the consortium chain has put it before everybody: the hospital has
  /// to answer it, or can anchor nothing any more.
  case demanded(index: UInt64)
  /// The cloud, another organisation, has confirmed it at this index of the hospital's chain.
  case confirmed(index: UInt64)
  /// It is proven to stand at this index under a checkpoint that the consortium has anchored.
  case final(index: UInt64)

  /// Whether more than the hospital has signed for it.
  public var isConfirmed: Bool {
    switch self {
    case .confirmed, .final: true
    case .sent, .written, .refused, .demanded: false
    }
  }

  /// Whether nobody can take it back any more.
  public var isFinal: Bool { if case .final = self { true } else { false } }
  /// Whether the hospital has taken it, by its own word at least.
  var isTaken: Bool { isConfirmed || self == .written }
  var isRefused: Bool { if case .refused = self { true } else { false } }

  /// How much is shown of several entries that say the same: one that is refused takes nothing from another.
  var rank: Int {
    switch self {
    case .refused: 0
    case .sent: 1
    case .written: 2
    case .demanded: 3
    case .confirmed: 4
    case .final: 5
    }
  }

  /// How it stands once this was shown as well. What more than the hospital has signed for is not taken
  /// back by the hospital's word.
  func raised(by shown: SubmissionStanding) -> SubmissionStanding {
    switch (self, shown) {
    case (.final, _), (_, .sent): self
    case (_, .final), (_, .confirmed): shown
    case (.confirmed, _), (.demanded, .written): self
    case (_, .written), (_, .refused), (_, .demanded): shown
    }
  }
}

/// What a hospital's answer shows of an entry, and the answer, which shows it to others too.
package struct ShownSubmission: Sendable {
  package let standing: SubmissionStanding
  package let answer: Signed<SubmissionAnswer>
}
