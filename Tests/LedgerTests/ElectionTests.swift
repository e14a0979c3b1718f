import Ledger
import TestSupport
import Testing

@Suite("The election of delegates")
struct ElectionTests {
  private typealias Candidate = Election.Candidate

  /// Each of an organisation of its own.
  private func strangers(_ ids: some Sequence<String>) -> [Candidate] {
    ids.map { Candidate(id: $0, organisation: "organisation of \($0)") }
  }

  private func names(_ prefix: String, _ count: Int) -> [String] {
    (0..<count).map { "\(prefix)\($0 < 10 ? "0" : "")\($0)" }
  }

  /// `count` organisations that approve the same.
  private func bloc(_ name: String, _ count: Int, for ids: [String]) -> [String: Set<String>] {
    Dictionary(uniqueKeysWithValues: (0..<count).map { ("\(name)-\($0)", Set(ids)) })
  }

  private func election(
    _ seatCount: Int, _ candidates: [Candidate], _ approvals: [String: Set<String>]...,
    former: [String] = []
  ) -> Election {
    Election(
      seatCount: seatCount, candidates: candidates,
      approvals: approvals.reduce(into: [:]) { $0.merge($1) { $1 } }, former: former)
  }

  /// As "b 3/2", "a former" or "- vacant".
  private func text(_ seats: [Election.Seat]) -> [String] {
    seats.map { seat in
      let reason =
        switch seat.reason {
        case .approved(let weight): "\(weight)"
        default: "\(seat.reason)"
        }
      return "\(seat.delegate ?? "-") \(reason)"
    }
  }

  private func delegates(_ election: Election) -> [String] {
    election.seats().compactMap(\.delegate)
  }

  // MARK: By another way

  @Test("random elections are those of the rules carried out word by word", arguments: 0..<20)
  func reference(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<25 {
      let election = Election.random(using: &generator)
      let expected = SlowElection(election)
      #expect(text(election.seats()) == expected.seats)
      let steps = election.steps()
      #expect(steps.map(\.seat) == election.seats())
      for (step, weights) in zip(steps, expected.weights) {
        #expect(step.standings.first { $0.obstacle == nil }?.candidate == step.seat.delegate)
        for standing in step.standings {
          #expect("\(standing.weight)" == weights[standing.candidate])
        }
      }
    }
  }

  @Test("the random elections use every rule and meet every obstacle")
  func referenceCovers() {
    var generator = SeededGenerator(seed: 0)
    var seats: [String: Int] = [:]
    var obstacles: [String: Int] = [:]
    for _ in 0..<200 {
      for step in Election.random(using: &generator).steps() {
        let reason =
          if case .approved = step.seat.reason { "approved" } else { "\(step.seat.reason)" }
        seats[reason, default: 0] += 1
        for standing in step.standings {
          if let obstacle = standing.obstacle { obstacles["\(obstacle)", default: 0] += 1 }
        }
      }
    }
    for reason in ["approved", "former", "unapproved", "waived", "vacant"] {
      #expect(seats[reason, default: 0] > 50, "\(reason)")
    }
    for obstacle in ["barred", "missedTurns", "organisationHasItsShare"] {
      #expect(obstacles[obstacle, default: 0] > 50, "\(obstacle)")
    }
  }

  @Test("an election by hand, with the account of it")
  func byHand() {
    let election = election(
      4, strangers(["a", "b", "c", "d", "e"]),
      [
        "h1": ["a", "b"], "h2": ["a", "b"], "h3": ["a", "c"], "h4": ["b", "d"], "h5": ["nobody"],
        "h6": [],
      ])
    // a and b have 3 each. Then b: 1/2 + 1/2 + 1; c: 1/2; d: 1. Then c: 1/2; d: 1/2.
    #expect(text(election.seats()) == ["a 3", "b 2", "c 1/2", "d 1/2"])
    let steps = election.steps()
    #expect(
      steps.map { $0.standings.map { "\($0.candidate) \($0.weight)" } } == [
        ["a 3", "b 3", "c 1", "d 1"], ["b 2", "d 1", "c 1/2"], ["c 1/2", "d 1/2"], ["d 1/2"],
      ])
    #expect(steps.allSatisfy { $0.standings.allSatisfy { $0.obstacle == nil } })
  }

  @Test("disjoint blocs get what D'Hondt gives them, with 400 seats", arguments: 1...6)
  func proportion(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let sizes = (0..<6).map { _ in Int.random(in: 1...160, using: &generator) }
    let lists = sizes.indices.map { bloc in
      (0..<400).map { "\(bloc)-\($0 < 10 ? "00" : $0 < 100 ? "0" : "")\($0)" }
    }
    let election = Election(
      seatCount: 400, candidates: strangers(lists.joined()),
      approvals: zip(sizes, lists).enumerated().reduce(into: [:]) { approvals, element in
        let (size, list) = element.element
        approvals.merge(bloc("\(element.offset)", size, for: list)) { $1 }
      }, former: [])
    var seats = sizes.map { _ in 0 }
    var expected: [String] = []
    for _ in 0..<400 {
      // The greatest size / (1 + seats), by products; the first of equals.
      let best = seats.indices.reduce(0) {
        sizes[$1] * (1 + seats[$0]) > sizes[$0] * (1 + seats[$1]) ? $1 : $0
      }
      expected.append(lists[best][seats[best]])
      seats[best] += 1
    }
    #expect(delegates(election) == expected)
  }

  // MARK: Exactness

  @Test("one voter who fills all seats: 1, 1/2, … 1/M", arguments: [4, 7, 10, 100, 400])
  func harmonic(seatCount: Int) {
    let ids = (1000..<1000 + seatCount).map(String.init)
    let election = election(seatCount, strangers(ids + ["x"]), ["h": Set(ids)])
    #expect(
      text(election.seats())
        == zip(ids, 1...seatCount).map { $1 == 1 ? "\($0) 1" : "\($0) 1/\($1)" })
  }

  /// 6 · 1/6 is 1, but not as a sum in floating point (0.9999999999999999).
  @Test("what is equal stays equal: six sixths and one")
  func sixSixths() {
    let pads = names("p", 5)
    let candidates = strangers(pads + ["a", "b"])
    // Six who have five seats already, and one who has none; the smaller identifier has the sixth.
    for (sixths, whole) in [("a", "b"), ("b", "a")] {
      let election = election(
        7, candidates, bloc("six", 6, for: pads + [sixths]), bloc("one", 1, for: [whole]),
        bloc("more", 5, for: pads))
      let seats = text(election.seats())
      #expect(seats.prefix(5).map { $0.prefix(3) } == pads[...].map { $0[...] })
      #expect(seats[5...] == ["a 1", "b 1"])
    }
  }

  /// Two weights that differ by less than 2⁻77: 1/P = Σ cₚ/p − m for the product P of some coprime p,
  /// which are cₚ voters who have p − 1 seats each, and m who have none.
  @Test("weights that differ by less than floating point can tell")
  func smallDifference() throws {
    let divisors = [11, 13, 17, 19, 23, 25, 27, 29, 31, 32, 37, 41, 43, 47, 49, 53]
    let product = divisors.reduce(UInt128(1)) { $0 * UInt128($1) }
    let counts = try divisors.map { divisor in
      let others = product / UInt128(divisor) % UInt128(divisor)
      return try #require((1..<divisor).first { UInt128($0) * others % UInt128(divisor) == 1 })
    }
    let sum = zip(divisors, counts).reduce(UInt128(0)) {
      $0 + UInt128($1.1) * product / UInt128($1.0)
    }
    #expect(product > 1 << 64 && sum % product == 1)
    let whole = Int(sum / product)

    let pads = names("p", 52)
    for (sixty, round) in [("b", "a"), ("a", "b")] {
      var approvals = bloc("whole", whole, for: [round])
      for (divisor, count) in zip(divisors, counts) {
        approvals.merge(bloc("\(divisor)", count, for: pads.prefix(divisor - 1) + [sixty])) { $1 }
      }
      // So that all pads have their seats first.
      for pad in pads { approvals.merge(bloc(pad, 400, for: [pad])) { $1 } }
      let election = election(55, strangers(pads + ["a", "b"]), approvals)
      let seats = text(election.seats())
      #expect(Set(seats.prefix(52).map { String($0.prefix(3)) }) == Set(pads))
      #expect(seats[52...53] == ["\(sixty) \(sum)/\(product)", "\(round) \(whole)"])
    }
  }

  // MARK: What it is for

  @Test("half of the voters get half of 7 seats, and never all", arguments: 2...40)
  func halves(voters: Int) {
    let (ours, theirs) = (names("a", 7), names("b", 7))
    for prefixes in [("a", "b"), ("b", "a")] {
      let election = election(
        7, strangers(ours + theirs), bloc(prefixes.0, voters, for: ours),
        bloc(prefixes.1, voters, for: theirs))
      let share = delegates(election).count { $0.hasPrefix("a") }
      #expect(share == 4)
      // One voter more turns the last seat.
      let more = Election(
        seatCount: 7, candidates: election.candidates,
        approvals: election.approvals.merging(bloc("more", 1, for: theirs)) { $1 }, former: [])
      #expect(delegates(more).count { $0.hasPrefix("a") } == 3)
    }
  }

  @Test("half of the voters get 3 of 7 seats whatever the others do", arguments: 0..<100)
  func halfHolds(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let (ours, theirs) = (names("b", 7), names("a", 7))
    let voters = Int.random(in: 1...12, using: &generator)
    let others = (0..<voters).map {
      ("other-\($0)", Set(theirs.filter { _ in .random(using: &generator) }))
    }
    let election = election(
      7, strangers(ours + theirs), bloc("bloc", voters, for: ours),
      Dictionary(uniqueKeysWithValues: others))
    #expect(delegates(election).count { $0.hasPrefix("b") } >= 3)
  }

  @Test(
    "many supernodes, or all votes, win one organisation f seats", arguments: [4, 7, 10])
  func share(seatCount: Int) {
    let f = (seatCount - 1) / 3
    let many = names("a", 30).map { Candidate(id: $0, organisation: "many") }
    let others = names("b", seatCount)
    let voters = bloc("voter", 9, for: many.map(\.id))
    let election = election(seatCount, many + strangers(others), voters, former: many.map(\.id))
    #expect(delegates(election) == names("a", f) + others.prefix(seatCount - f))
    // Alone it leaves the others vacant, by whatever rule it comes.
    let missing = many.map {
      Candidate(id: $0.id, organisation: $0.organisation, turns: 1, missed: 1)
    }
    for alone in [
      self.election(seatCount, many, voters), self.election(seatCount, many),
      self.election(seatCount, many, former: many.map(\.id)),
      self.election(seatCount, missing, voters),
    ] {
      #expect(delegates(alone) == names("a", f))
      #expect(alone.seats().count == seatCount)
      #expect(alone.seats()[f...].allSatisfy { $0.delegate == nil && $0.reason == .vacant })
    }
    let vacant = self.election(seatCount, many, voters).steps()[f].standings
    #expect(vacant.map(\.candidate) == names("a", 30).suffix(30 - f))
    #expect(vacant.allSatisfy { $0.obstacle == .organisationHasItsShare })
  }

  @Test("an organisation is its bytes: another spelling of the same letters is another")
  func bytes() {
    let (one, other) = ("Caf\u{e9}", "Cafe\u{301}")
    #expect(one == other)
    let candidates = [
      Candidate(id: "a", organisation: one), Candidate(id: "b", organisation: other),
      Candidate(id: "c", organisation: one),
    ]
    #expect(delegates(election(4, candidates)) == ["a", "b"])
  }

  @Test("no organisation has more than f seats, nobody two, and all seats are there")
  func invariants() {
    var generator = SeededGenerator(seed: 77)
    for _ in 0..<300 {
      let election = Election.random(using: &generator)
      let seats = election.seats()
      #expect(seats.count == election.seatCount)
      let elected = seats.compactMap(\.delegate)
      #expect(Set(elected).count == elected.count)
      #expect(seats.prefix(elected.count).allSatisfy { $0.delegate != nil })
      let members = election.candidates.filter { elected.contains($0.id) }
      #expect(members.count == elected.count)
      #expect(members.allSatisfy { !$0.isBarred })
      for group in Dictionary(grouping: members, by: \.organisation).values {
        #expect(group.count <= (election.seatCount - 1) / 3)
      }
    }
  }

  @Test("the order of candidates makes no difference")
  func order() {
    var generator = SeededGenerator(seed: 78)
    for _ in 0..<100 {
      let election = Election.random(using: &generator)
      for candidates in [
        election.candidates.reversed(), election.candidates.shuffled(using: &generator),
      ] {
        // A dictionary made anew has another order.
        var approvals: [String: Set<String>] = Dictionary(
          minimumCapacity: Int.random(in: 0...500, using: &generator))
        for (voter, choice) in election.approvals { approvals[voter] = Set(choice.sorted()) }
        let other = Election(
          seatCount: election.seatCount, candidates: candidates, approvals: approvals,
          former: election.former)
        #expect(other.steps() == election.steps())
      }
    }
  }

  @Test("another approval never costs the candidate it is for its seat, nor a better one")
  func monotony() throws {
    var generator = SeededGenerator(seed: 79)
    var gained = 0
    for _ in 0..<400 {
      let election = Election.random(using: &generator)
      guard let candidate = election.candidates.randomElement(using: &generator)?.id else {
        continue
      }
      let voter = "voter-\(Int.random(in: 0...election.approvals.count, using: &generator))"
      var approvals = election.approvals
      approvals[voter, default: []].insert(candidate)
      let more = Election(
        seatCount: election.seatCount, candidates: election.candidates, approvals: approvals,
        former: election.former)
      let before = election.seats().firstIndex { $0.delegate == candidate } ?? .max
      let after = more.seats().firstIndex { $0.delegate == candidate } ?? .max
      #expect(after <= before)
      gained += after < before ? 1 : 0
    }
    #expect(gained > 20)
  }

  @Test("approvals of nobody, and of whom no vote can help, leave the others as they are")
  func lostApprovals() {
    let candidates =
      strangers(["a", "b", "c", "d"]) + [
        Candidate(id: "x", organisation: "barred", isBarred: true),
        Candidate(id: "y", organisation: "slow", turns: 3, missed: 2),
      ]
    let plain: [String: Set<String>] = ["h1": ["c", "d"], "h2": ["d"], "h3": ["b"]]
    let expected = ["d 2", "b 1", "c 1/2", "a unapproved"]
    #expect(text(election(4, candidates, plain).seats()) == expected)
    let lost: Set<String> = ["x", "y", "nobody", "h2"]
    #expect(
      text(election(4, candidates, plain.mapValues { $0.union(lost) }, ["h4": lost]).seats())
        == expected)
  }

  // MARK: What is left over

  @Test("seats left over: the former by their seats, then the unapproved by identifier")
  func leftOver() {
    let candidates = strangers(["a", "b", "c", "d", "e", "f", "g"])
    let election = election(
      7, candidates, ["h": ["g"]], former: ["gone", "f", "g", "c", "also gone"])
    #expect(
      text(election.seats()) == [
        "g 1", "f former", "c former", "a unapproved", "b unapproved", "d unapproved",
        "e unapproved",
      ])
    #expect(election.steps()[1].standings.map(\.candidate) == ["f", "c"])
    #expect(election.steps()[3].standings.map(\.candidate) == ["a", "b", "d", "e"])
  }

  @Test("more than half of the turns missed is too many; half is not, nor none of none")
  func missedTurns() {
    let candidates = [
      Candidate(id: "a", organisation: "1", turns: 4, missed: 3),
      Candidate(id: "b", organisation: "2", turns: 4, missed: 2),
      Candidate(id: "c", organisation: "3", turns: 5, missed: 3),
      Candidate(id: "d", organisation: "4", turns: 5, missed: 2),
      Candidate(id: "e", organisation: "5", turns: .max, missed: .max),
      Candidate(id: "f", organisation: "6", turns: .max, missed: .max / 2),
      Candidate(id: "g", organisation: "7", turns: .max, missed: .max / 2 + 1),
      Candidate(id: "h", organisation: "8"),
      Candidate(id: "i", organisation: "9", turns: 1, missed: 1),
    ]
    let everybody = bloc("voter", 3, for: candidates.map(\.id))
    let obstacles = election(4, candidates, everybody).steps()[0].standings.filter {
      $0.obstacle == .missedTurns
    }
    #expect(obstacles.map(\.candidate) == ["a", "c", "e", "g", "i"])
    #expect(delegates(election(4, candidates, everybody)) == ["b", "d", "f", "h"])
    // Waived where nobody else is left: by misses, not by votes or by seats before.
    let more = election(
      10, candidates, everybody, bloc("more", 1, for: ["g", "e"]), former: ["e", "a"])
    #expect(
      text(more.seats()) == [
        "b 3", "d 3/2", "f 1", "h 3/4", "i waived", "a waived", "c waived", "g waived", "e waived",
        "- vacant",
      ])
  }

  @Test("barred organisations get no seat by any rule")
  func barred() {
    let barred = names("x", 9).enumerated().map {
      Candidate(
        id: $1, organisation: "barred \($0 % 3)", isBarred: true, turns: 2, missed: UInt64($0 % 3))
    }
    let election = election(
      7, barred + strangers(["a"]), bloc("voter", 5, for: barred.map(\.id)),
      former: barred.map(\.id))
    #expect(text(election.seats()) == ["a unapproved"] + Array(repeating: "- vacant", count: 6))
    let vacant = election.steps()[6].standings
    #expect(vacant.count == 9 && vacant.allSatisfy { $0.obstacle == .barred })
  }

  @Test("nobody stands, nobody votes")
  func empty() {
    let nobody = election(4, [], ["h": ["a"]], former: ["a", "b"])
    #expect(text(nobody.seats()) == Array(repeating: "- vacant", count: 4))
    #expect(nobody.steps().allSatisfy { $0.standings.isEmpty })
  }

  @Test("ties go to the smaller identifier by its bytes")
  func ties() {
    let candidates = strangers(["b", "a-1", "a", "a1", "a-", "10", "9"])
    let all = ["10", "9", "a", "a-", "a-1", "a1", "b"]
    #expect(delegates(election(7, candidates)) == all)
    #expect(delegates(election(7, candidates, bloc("voter", 2, for: all))) == all)
    let waived = candidates.map {
      Candidate(id: $0.id, organisation: $0.organisation, turns: 1, missed: 1)
    }
    #expect(delegates(election(7, waived)) == all)
  }
}

// MARK: The rules word by word

/// An election that recomputes everything for each seat, with fractions in lowest terms.
private struct SlowElection {
  private(set) var seats: [String] = []
  /// Before each seat, what every candidate weighs.
  private(set) var weights: [[String: String]] = []
  private let election: Election
  private var elected: [String] = []

  init(_ election: Election) {
    self.election = election
    while let (weight, id) = mostApproved() { seat(id, "\(weight)") }
    for id in election.former where eligible.contains(id) { seat(id, "former") }
    for id in eligible { seat(id, "unapproved") }
    while let id = leastMissed() { seat(id, "waived") }
    while elected.count < election.seatCount { seat("-", "vacant") }
  }

  private func weight(of id: String) -> Fraction {
    election.approvals.values.filter { $0.contains(id) }.map { choice in
      Fraction(1, UInt128(1 + Set(elected).intersection(choice).count))
    }.reduce(Fraction(0, 1), +)
  }

  private var possible: [Election.Candidate] {
    election.candidates.filter { candidate in
      let colleagues = election.candidates.filter {
        Array($0.organisation.utf8) == Array(candidate.organisation.utf8) && elected.contains($0.id)
      }
      return !candidate.isBarred && !elected.contains(candidate.id)
        && 3 * colleagues.count + 3 < election.seatCount
    }.sorted { Array($0.id.utf8).lexicographicallyPrecedes(Array($1.id.utf8)) }
  }

  private var eligible: [String] { possible.filter { 2 * $0.missed <= $0.turns }.map(\.id) }

  private func mostApproved() -> (Fraction, String)? {
    guard elected.count < election.seatCount else { return nil }
    var best: (Fraction, String)?
    for id in eligible where (best?.0 ?? Fraction(0, 1)) < weight(of: id) {
      best = (weight(of: id), id)
    }
    return best
  }

  private func leastMissed() -> String? {
    guard elected.count < election.seatCount else { return nil }
    let missed = possible
    return missed.first { candidate in missed.allSatisfy { candidate.missed <= $0.missed } }?.id
  }

  private mutating func seat(_ id: String, _ reason: String) {
    guard elected.count < election.seatCount, id == "-" || possible.contains(where: { $0.id == id })
    else { return }
    weights.append(
      Dictionary(uniqueKeysWithValues: election.candidates.map { ($0.id, "\(weight(of: $0.id))") }))
    elected.append(id)
    seats.append("\(id) \(reason)")
  }
}

/// In lowest terms; 128 bits are enough for denominators up to 32.
private struct Fraction: CustomStringConvertible {
  let numerator: UInt128
  let denominator: UInt128

  init(_ numerator: UInt128, _ denominator: UInt128) {
    var (divisor, remainder) = (denominator, numerator % denominator)
    while remainder != 0 { (divisor, remainder) = (remainder, divisor % remainder) }
    self.numerator = numerator / divisor
    self.denominator = denominator / divisor
  }

  static func + (first: Self, second: Self) -> Self {
    Self(
      first.numerator * second.denominator + second.numerator * first.denominator,
      first.denominator * second.denominator)
  }

  static func < (first: Self, second: Self) -> Bool {
    first.numerator * second.denominator < second.numerator * first.denominator
  }

  var description: String {
    denominator == 1 ? "\(numerator)" : "\(numerator)/\(denominator)"
  }
}

extension Election {
  /// At most 31 seats, of every kind: with few or many candidates, voters, convictions and misses.
  fileprivate static func random(using generator: inout SeededGenerator) -> Election {
    func number(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &generator) }
    // Mostly small: there a seat depends on every detail.
    let f = number(0...2) == 0 ? number(1...10) : number(1...3)
    let seatCount = 3 * f + 1
    let organisationCount = number(1...seatCount + 3)
    let (barredOf, missedOf) = (number(2...10), number(1...6))
    let candidates = (0..<number(0...2 * seatCount)).map { index in
      let organisation = number(1...organisationCount)
      let turns = number(0...missedOf)
      return Candidate(
        id: "node-\(index)", organisation: "organisation \(organisation)",
        isBarred: organisation % barredOf == 0, turns: UInt64(turns),
        missed: UInt64(number(0...turns)))
    }
    let ids = candidates.map(\.id) + ["stranger-1", "stranger-2"]
    let choiceCount = number(0...2 * ids.count)
    let approvals = (0..<number(0...seatCount)).map { voter in
      (
        "voter-\(voter)",
        Set((0..<number(0...choiceCount)).map { _ in ids[number(0...ids.count - 1)] })
      )
    }
    return Election(
      seatCount: seatCount, candidates: candidates,
      approvals: Dictionary(uniqueKeysWithValues: approvals),
      former: Array(ids.shuffled(using: &generator).prefix(number(0...seatCount))))
  }
}
