import Consensus

/// An election of the delegates of an epoch: a pure function of what it is given, the same on every
/// machine and in every order of candidates and approvals.
///
/// The paper names its consensus "improved DPOS" and does not define it; the rules are ours. There
/// are M = 3f + 1 seats. Whoever took a third of them could halt the chain, so an organisation has
/// at most f, however it gets them. A candidate is *eligible* unless its organisation is barred or
/// more than half of its turns were missed. The seats are filled one by one:
///
/// 1. by sequential proportional approval (Thiele's method) among eligible candidates that somebody
///    approves. An approval weighs 1/(1 + n), n being how many candidates that its voter approves
///    have a seat already, so a bloc of voters gets its share and not the whole. The greatest weight
///    wins.
/// 2. Seats left over go to eligible delegates of the set before, in the order of their seats,
/// 3. then to eligible candidates whom nobody approves,
/// 4. then to candidates whose only fault is missed turns, fewest misses first: a set that is short
///    of delegates stands nearer to a halt than one with a slow delegate.
/// 5. A seat that nobody can fill is vacant. Vacant seats are the last, and count in M.
///
/// What is equal is decided by the identifier, the smaller first. Identifiers and the names of
/// organisations are compared by their bytes in UTF-8.
///
/// Further:
/// * Seats stand in the order in which they were filled.
/// * Every voting organisation counts alike, whether it approves one candidate or all. It may
///   approve its own.
/// * An approval of somebody who is no candidate, or has no chance of a seat (not eligible, or its
///   organisation has its f), counts for nothing and makes none of the voter's others weigh less.
/// * A delegate of the set before that does not stand is no candidate, so (2) passes it over.
/// * A candidate that had no turn missed none. A barred organisation gets no seat by any rule.
/// * Another approval never takes the seat of the candidate it is for, nor gives it a later one. It
///   can cost another candidate of the same voter its seat.
package struct Election: Sendable, Equatable {
  /// A supernode that stands.
  package struct Candidate: Sendable, Equatable {
    package let id: String
    package let organisation: String
    /// Whether its organisation was convicted and not readmitted.
    package let isBarred: Bool
    /// How often it was its turn to propose, in the span that counts for this election.
    package let turns: UInt64
    /// How many of the turns it missed.
    package let missed: UInt64

    package init(
      id: String, organisation: String, isBarred: Bool = false, turns: UInt64 = 0,
      missed: UInt64 = 0
    ) {
      self.id = id
      self.organisation = organisation
      self.isBarred = isBarred
      self.turns = turns
      self.missed = missed
    }

    /// Whether more than half of its turns were missed; 2 · missed could overflow.
    package var missedTooMany: Bool { missed > turns / 2 }
  }

  /// A seat of the new set.
  package struct Seat: Sendable, Equatable {
    package enum Reason: Sendable, Equatable {
      /// Had the greatest weight.
      case approved(Weight)
      /// Was a delegate of the set before.
      case former
      /// Stands, though nobody approves it.
      case unapproved
      /// Missed more than half of its turns, and nobody else was left.
      case waived
      /// Nobody could fill it.
      case vacant
    }

    /// The identifier of the supernode, or nil if the seat is vacant.
    package let delegate: String?
    package let reason: Reason
  }

  /// How one seat was filled.
  package struct Step: Sendable, Equatable {
    package let seat: Seat
    /// Whom the rule that filled the seat considered, in its order: the first without an obstacle
    /// has it. Of a vacant seat, all who have none.
    package let standings: [Standing]
  }

  /// Where a candidate stood when a seat was filled.
  package struct Standing: Sendable, Equatable {
    package let candidate: String
    /// What its approvals weighed.
    package let weight: Weight
    /// Why the seat could not be its own.
    package let obstacle: Obstacle?
  }

  package enum Obstacle: Sendable, Equatable {
    case barred
    case missedTurns
    /// Its organisation had f seats.
    case organisationHasItsShare
  }

  /// M = 3f + 1.
  package let seatCount: Int
  package let candidates: [Candidate]
  /// By voting organisation, the identifiers of the candidates that it approves.
  package let approvals: [String: Set<String>]
  /// The delegates of the set before, in the order of their seats.
  package let former: [String]

  /// - Parameter approvals: by an organisation's identifier. Whoever may not vote is left out.
  /// - Precondition: `seatCount` is one of 4, 7, …, 400, and no two candidates have one identifier.
  package init(
    seatCount: Int, candidates: [Candidate], approvals: [String: Set<String>], former: [String]
  ) {
    precondition(
      (4...ConsensusLimits.seatCount).contains(seatCount) && seatCount % 3 == 1,
      "no such set of delegates")
    precondition(
      Set(candidates.map(\.id)).count == candidates.count, "two candidates have one identifier")
    self.seatCount = seatCount
    self.candidates = candidates
    self.approvals = approvals
    self.former = former
  }

  /// The new set: as many seats as ``seatCount``, vacant ones last.
  package func seats() -> [Seat] {
    var seats: [Seat] = []
    fill { seat, _ in seats.append(seat) }
    return seats
  }

  /// The same seats with the account of each.
  package func steps() -> [Step] {
    var steps: [Step] = []
    fill { seat, standings in steps.append(Step(seat: seat, standings: standings())) }
    return steps
  }

  private func fill(_ observe: (Seat, _ standings: () -> [Standing]) -> Void) {
    var tally = Tally(self)
    var filled = 0
    for rule in Rule.allCases {
      while filled < seatCount, let winner = tally.winner(by: rule) {
        let seat = Seat(
          delegate: tally.candidates[winner].id, reason: tally.reason(of: winner, by: rule))
        observe(seat) { tally.standings(by: rule) }
        tally.seat(winner)
        filled += 1
      }
    }
    for _ in filled..<seatCount {
      observe(Seat(delegate: nil, reason: .vacant)) { tally.standings(by: .waived) }
    }
  }
}

/// The rules that fill seats, in their order.
private enum Rule: CaseIterable {
  case approved, former, unapproved, waived
}

/// An election under way. Voters and candidates are numbered, candidates in the order of their
/// identifiers, so the smaller number wins what is equal.
///
/// Weights are not summed anew for each seat: a winner makes weigh less only the approvals of those
/// who approve it, and of them those with one n are counted first and subtracted once.
private struct Tally {
  let candidates: [Election.Candidate]
  /// f.
  private let share: Int
  /// By candidate, the number of its organisation.
  private let organisations: [Int]
  /// By candidate, its seat in the set before.
  private let formerSeats: [Int?]
  /// By voter, the candidates that it approves.
  private let approved: [[Int]]
  /// By candidate, the voters that approve it.
  private let approvers: [[Int]]
  /// What 1 is as a weight: lcm(1, …, M + 1), as n is at most M.
  private let one: Natural

  private var isSeated: [Bool]
  /// By organisation, its seats.
  private var seatCounts: [Int]
  /// By voter, n.
  private var seatedCounts: [Int]
  /// By candidate, in multiples of 1/one.
  private var weights: [Natural]

  init(_ election: Election) {
    let candidates = election.candidates.sorted {
      $0.id.utf8.lexicographicallyPrecedes($1.id.utf8)
    }
    let numbers = Dictionary(uniqueKeysWithValues: candidates.enumerated().map { ($1.id, $0) })
    var organisationNumbers: [[UInt8]: Int] = [:]
    var organisations: [Int] = []
    for candidate in candidates {
      // By bytes: a text that looks the same, and is none of these bytes, is another name.
      let name = Array(candidate.organisation.utf8)
      let number = organisationNumbers[name] ?? organisationNumbers.count
      organisationNumbers[name] = number
      organisations.append(number)
    }
    var formerSeats = [Int?](repeating: nil, count: candidates.count)
    for (seat, id) in election.former.enumerated() {
      if let number = numbers[id] { formerSeats[number] = seat }
    }
    let approved = election.approvals.values.map { $0.compactMap { numbers[$0] } }
    var approvers = [[Int]](repeating: [], count: candidates.count)
    for (voter, choice) in approved.enumerated() {
      for candidate in choice { approvers[candidate].append(voter) }
    }
    let one = Natural(commonMultipleUpTo: UInt32(election.seatCount) + 1)

    self.candidates = candidates
    share = (election.seatCount - 1) / 3
    self.organisations = organisations
    self.formerSeats = formerSeats
    self.approved = approved
    self.approvers = approvers
    self.one = one
    isSeated = Array(repeating: false, count: candidates.count)
    seatCounts = Array(repeating: 0, count: organisationNumbers.count)
    seatedCounts = Array(repeating: 0, count: approved.count)
    weights = approvers.map { one.multiplied(by: UInt32($0.count)) }
  }

  func winner(by rule: Rule) -> Int? {
    considered(by: rule).filter { obstacle(to: $0, by: rule) == nil }
      .min { precedes($0, $1, by: rule) }
  }

  func standings(by rule: Rule) -> [Election.Standing] {
    considered(by: rule).sorted { precedes($0, $1, by: rule) }.map {
      Election.Standing(
        candidate: candidates[$0].id, weight: weight(of: $0), obstacle: obstacle(to: $0, by: rule))
    }
  }

  func reason(of winner: Int, by rule: Rule) -> Election.Seat.Reason {
    switch rule {
    case .approved: .approved(weight(of: winner))
    case .former: .former
    case .unapproved: .unapproved
    case .waived: .waived
    }
  }

  mutating func seat(_ winner: Int) {
    isSeated[winner] = true
    seatCounts[organisations[winner]] += 1
    // Together those whose n is the same: each candidate's weight changes once for all of them.
    for (n, voters) in Dictionary(grouping: approvers[winner], by: { seatedCounts[$0] }) {
      var approvalCounts = [UInt32](repeating: 0, count: candidates.count)
      for voter in voters {
        seatedCounts[voter] += 1
        for candidate in approved[voter] { approvalCounts[candidate] += 1 }
      }
      // 1/(1 + n) − 1/(2 + n)
      let loss = one.divided(by: UInt32((1 + n) * (2 + n))).quotient
      for (candidate, count) in approvalCounts.enumerated() where count > 0 && !isSeated[candidate]
      {
        weights[candidate].subtract(loss, times: count)
      }
    }
  }

  private func weight(of candidate: Int) -> Election.Weight {
    Election.Weight(numerator: weights[candidate], denominator: one)
  }

  /// Those without a seat whom a rule is for, whether or not something speaks against them.
  private func considered(by rule: Rule) -> [Int] {
    candidates.indices.filter { candidate in
      guard !isSeated[candidate] else { return false }
      return switch rule {
      case .approved: !approvers[candidate].isEmpty
      case .former: formerSeats[candidate] != nil
      case .unapproved: approvers[candidate].isEmpty
      // Who is eligible and has no seat by now has an obstacle: its organisation has its share.
      case .waived: true
      }
    }
  }

  private func obstacle(to candidate: Int, by rule: Rule) -> Election.Obstacle? {
    if candidates[candidate].isBarred { return .barred }
    if candidates[candidate].missedTooMany, rule != .waived { return .missedTurns }
    return seatCounts[organisations[candidate]] < share ? nil : .organisationHasItsShare
  }

  private func precedes(_ first: Int, _ second: Int, by rule: Rule) -> Bool {
    switch rule {
    case .approved where weights[first] != weights[second]: weights[second] < weights[first]
    case .former: (formerSeats[first] ?? 0) < (formerSeats[second] ?? 0)
    case .waived where candidates[first].missed != candidates[second].missed:
      candidates[first].missed < candidates[second].missed
    case .approved, .unapproved, .waived: first < second
    }
  }
}

extension Election {
  /// What the approvals of a candidate weigh together, an exact fraction.
  ///
  /// The terms are 1/1, 1/2, … to 1/(M + 1), so all weights of an election are whole multiples of
  /// 1/lcm(1, …, M + 1), and are added and compared as whole numbers; for M = 400 the least common
  /// multiple has 583 bits. Floating point would decide ties by its errors.
  package struct Weight: Sendable, Equatable, CustomStringConvertible {
    fileprivate let numerator: Natural
    fileprivate let denominator: Natural

    package static func == (first: Self, second: Self) -> Bool {
      first.lowestTerms == second.lowestTerms
    }

    /// In lowest terms, as "17/6" or "3".
    package var description: String {
      let (numerator, denominator) = lowestTerms
      return denominator == Natural(1) ? "\(numerator)" : "\(numerator)/\(denominator)"
    }

    /// The denominator has none but small prime factors, so each is tried.
    private var lowestTerms: (Natural, Natural) {
      var (numerator, rest, denominator) = (numerator, denominator, Natural(1))
      var prime: UInt32 = 2
      while rest != Natural(1) {
        let (next, remainder) = rest.divided(by: prime)
        guard remainder == 0 else {
          prime += 1
          continue
        }
        rest = next
        let (reduced, isInLowestTerms) = numerator.divided(by: prime)
        if isInLowestTerms == 0 {
          numerator = reduced
        } else {
          denominator = denominator.multiplied(by: prime)
        }
      }
      return (numerator, denominator)
    }
  }
}

/// A whole number of any size, with as much arithmetic as weights need.
private struct Natural: Sendable, Equatable, CustomStringConvertible {
  /// The least significant first; the last is not zero. Half of what the machine adds and multiplies,
  /// so that nothing overflows.
  private var words: [UInt32]

  init(_ value: UInt32) { words = value == 0 ? [] : [value] }

  /// lcm(1, …, last)
  init(commonMultipleUpTo last: UInt32) {
    self.init(1)
    for factor in 1...last {
      var (divisor, remainder) = (factor, divided(by: factor).remainder)
      while remainder != 0 { (divisor, remainder) = (remainder, divisor % remainder) }
      self = multiplied(by: factor / divisor)
    }
  }

  func multiplied(by factor: UInt32) -> Natural {
    var product = self
    var carry: UInt64 = 0
    for index in words.indices {
      carry += UInt64(words[index]) * UInt64(factor)
      product.words[index] = UInt32(truncatingIfNeeded: carry)
      carry >>= 32
    }
    product.words.append(UInt32(carry))
    product.trim()
    return product
  }

  func divided(by divisor: UInt32) -> (quotient: Natural, remainder: UInt32) {
    var quotient = self
    var remainder: UInt64 = 0
    for index in words.indices.reversed() {
      remainder = remainder << 32 | UInt64(words[index])
      quotient.words[index] = UInt32(remainder / UInt64(divisor))
      remainder %= UInt64(divisor)
    }
    quotient.trim()
    return (quotient, UInt32(remainder))
  }

  /// - Precondition: `factor` is below 2³¹, and `other` · `factor` not above this number.
  mutating func subtract(_ other: Natural, times factor: UInt32) {
    precondition(other.words.count <= words.count, "the difference is below zero")
    // Not positive: what the words before need of this one.
    var carry: Int64 = 0
    var digits = words.mutableSpan
    let others = other.words.span
    for index in digits.indices {
      let term = index < others.count ? Int64(others[index]) * Int64(factor) : 0
      carry += Int64(digits[index]) - term
      digits[index] = UInt32(truncatingIfNeeded: carry)
      carry >>= 32
    }
    precondition(carry == 0, "the difference is below zero")
    trim()
  }

  static func < (first: Natural, second: Natural) -> Bool {
    first.words.count == second.words.count
      ? first.words.reversed().lexicographicallyPrecedes(second.words.reversed())
      : first.words.count < second.words.count
  }

  /// In decimals.
  var description: String {
    var (digits, rest) = ("", self)
    repeat {
      let (quotient, digit) = rest.divided(by: 10)
      digits.append("\(digit)")
      rest = quotient
    } while !rest.words.isEmpty
    return String(digits.reversed())
  }

  private mutating func trim() {
    while words.last == 0 { words.removeLast() }
  }
}
