import CanonicalEncoding
import Consortium
import Credentials
import Ledger
import TestSupport

/// What organisations and parties decide while faults happen, and what must hold of it.
extension DelegateSimulation {
  private enum Decision: CaseIterable {
    case approve, stand, admit, remove, resize, relax, rotate

    /// How often it comes, beside the others.
    var weight: Int {
      switch self {
      case .approve, .remove: 2
      case .stand, .relax, .rotate: 1
      case .admit, .resize: 4
      }
    }
  }

  private static let decisions = Decision.allCases.flatMap {
    [Decision](repeating: $0, count: $0.weight)
  }

  mutating func decide(as index: Int) throws {
    if happens(60) { return try vote(as: index) }
    guard let decision = Self.decisions.randomElement(using: &generator),
      let reader = network.processes[index].delegate?.follower.reader
    else { return }
    let voter = anyVoter()
    switch decision {
    case .approve:
      let ids = try reader.members.supernodes.map(\.id).shuffled(using: &generator)
      let chosen = Set(ids.prefix(ids.count / 2))
      try submit(network.approval(of: chosen, by: voter, as: index), as: index)
    case .stand:
      guard hasSpares else { return }
      try submit(
        network.candidacy(of: network.processes[originals - 1].id, as: index), as: index)
    case .rotate:
      let key = try IdentityKey(seed: generator.bytes(32))
      if try submit(network.rotation(of: voter, to: key, as: index), as: index) {
        figures[.rotations] += 1
      }
    case .admit, .remove, .resize, .relax:
      try put(decision, by: voter, as: index)
    }
  }

  private var voters: [String] { (1...Self.hospitals).map { "operator-of-hospital-\($0)" } }

  private mutating func anyVoter() -> String {
    voters[Int.random(in: 0..<voters.count, using: &generator)]
  }

  /// Whether the last one may withdraw, and all seats can be given all the same.
  private var hasSpares: Bool { originals >= seats + 2 }

  @discardableResult
  private mutating func submit(_ entry: Entry?, as index: Int) throws -> Bool {
    try entry.flatMap { try submit($0, to: index) } ?? false
  }

  private mutating func put(_ decision: Decision, by voter: String, as index: Int) throws {
    guard let reader = network.processes[index].delegate?.follower.reader else { return }
    let next = try reader.nextMembers
    var changes: [MemberChange] = []
    var parties: [String] = []
    if decision == .admit, let newcomer = network.newcomers.randomElement(using: &generator) {
      changes = newcomer.admission
      parties = newcomer.parties
    }
    let listed = network.newcomers.filter { next.supernode($0.party.id) != nil }
    if decision == .remove, let newcomer = listed.randomElement(using: &generator) {
      changes.append(.remove(happens(50) ? newcomer.party.id : newcomer.organisation.id))
    }
    if decision == .resize || decision == .relax {
      var numbers = next.numbers
      if decision == .resize, let count = seatCounts.randomElement(using: &generator) {
        numbers.seatCount = count
      }
      numbers.maximumLag = UInt64.random(in: 60...120, using: &generator)
      numbers.clockTolerance = UInt64.random(in: 10...30, using: &generator)
      changes.append(.setNumbers(numbers))
    }
    guard !changes.isEmpty else { return }
    let entry = try network.motion(changes, by: voter, agreeing: parties, as: index)
    if try submit(entry, as: index) { figures[.motions] += 1 }
  }

  /// The numbers of seats of which those who stand for sure and are honest can fill more than two
  /// thirds, and the others less than a third.
  private var seatCounts: [UInt64] {
    let honest = originals - dishonest.count - (hasSpares ? 1 : 0)
    return [4, 7].filter { 3 * honest > 2 * $0 && 3 * dishonest.count < $0 }.map(UInt64.init)
  }

  private mutating func vote(as index: Int) throws {
    guard let reader = network.processes[index].delegate?.follower.reader,
      let motion = try reader.motions().filter({ $0.status == .open })
        .randomElement(using: &generator)
    else { return }
    let left = voters.filter { voter in !motion.votes.contains { $0.organisation == voter } }
    // Or once more, which nobody takes unless its key is another one.
    let voter = left.randomElement(using: &generator) ?? anyVoter()
    let ballot = try network.ballot(
      on: motion.entry, approves: happens(90), by: voter, as: index)
    if try submit(ballot, as: index) { figures[.ballots] += 1 }
  }

  // MARK: Who takes part

  /// The state of the honest process that has come furthest.
  func furthest(in network: DelegateNetwork) -> ConsortiumView? {
    network.processes.indices.filter(isHonest)
      .compactMap { network.processes[$0].delegate?.follower.reader }
      .max { $0.height < $1.height }
  }

  /// Whether a process has a part: all of the beginning have for good, newcomers while they are listed.
  func isMember(_ index: Int) throws -> Bool {
    let id = network.processes[index].id
    guard network.newcomers.contains(where: { $0.party.id == id }) else { return true }
    return try furthest(in: network)?.members.supernode(id) != nil
  }

  // MARK: Invariants

  /// A motion comes out the same at everybody, and an epoch has the same members.
  mutating func checkMembers(_ reader: ConsortiumView, of index: Int) throws {
    let id = network.processes[index].id
    for motion in try reader.motions() where motion.status != .open {
      if let known = outcomes.updateValue(motion.status, forKey: motion.entry) {
        guard known == motion.status else {
          throw Violation("a motion is \(motion.status) at \(id), and was \(known)")
        }
      } else {
        figures[motion.status == .passed ? .passed : .failed] += 1
      }
    }
    for epoch in 0...network.genesis.epoch(ofHeight: reader.height) {
      let digest = try reader.members(inEpoch: epoch).digest
      if let known = members.updateValue(digest, forKey: epoch) {
        guard known == digest else { throw Violation("\(id) has other members in epoch \(epoch)") }
      } else if epoch > 0, digest != members[epoch - 1] {
        figures[.newMembers] += 1
        try noteChanges(in: epoch, reader)
      }
    }
  }

  private mutating func noteChanges(in epoch: UInt64, _ reader: ConsortiumView) throws {
    let (former, present) = (
      try reader.members(inEpoch: epoch - 1), try reader.members(inEpoch: epoch)
    )
    figures[.removed] += former.supernodes.count { present.supernode($0.id) == nil }
    if former.numbers.seatCount != present.numbers.seatCount { figures[.resized] += 1 }
  }

  mutating func noteSeats(at height: UInt64, _ reader: ConsortiumView) throws {
    let newcomers = Set(network.newcomers.map(\.party.id))
    figures[.newcomersSeated] += try reader.delegates(forHeight: height).seats.count {
      $0.delegate.map(newcomers.contains) ?? false
    }
  }

  // MARK: The end

  /// Without faults a motion passes that all are for, and holds from the next epoch on; whoever it
  /// admits is there.
  ///
  /// A motion from before may still lie with another delegate, and be decided first. Then the new one is
  /// refused, for its number or for what it asks, or fails, and its organisation puts what is left to
  /// ask. All vote for whatever is open: an open motion alone may bring the keys that it names
  /// (specification 6.13).
  mutating func passMotion(sees: (_ reader: Int, _ writer: Int) -> Bool) throws {
    let epochLength = network.genesis.content.epochLength
    guard epochLength < 1000, let index = network.processes.indices.first(where: isHonest) else {
      return
    }
    var motions: [String: Digest32] = [:]
    var states: [MotionStatus?] = []
    for _ in 0..<12 {
      guard let delegate = network.processes[index].delegate else { break }
      let reader = delegate.follower.reader
      motions = try motions.filter { _, motion in
        switch try reader.status(ofMotion: motion) {
        case .open, .passed: true
        case .failed: false
        case nil: delegate.waiting.contains { $0.digest == motion }
        }
      }
      for voter in voters where motions[voter] == nil {
        motions[voter] = try putLast(by: voter, as: index)
      }
      states = try voters.map { voter in
        try motions[voter].map { try reader.status(ofMotion: $0) ?? .open }
      }
      // Whoever was removed does not come back, so nothing may be left to ask. With a block of the next
      // epoch.
      if states[0] == .passed, states.allSatisfy({ $0 ?? .passed == .passed }),
        reader.height % epochLength == 1 % epochLength
      {
        return
      }
      let open = try reader.motions().filter { $0.status == .open }.map(\.entry)
      for motion in Set(open).union(motions.values).sorted() {
        for voter in voters {
          try submit(network.ballot(on: motion, approves: true, by: voter, as: index), as: index)
        }
      }
      network.pass(seconds: 60)
      try settle(to: reader.height + 1, sees: sees)
    }
    throw Violation("motions that all are for do not pass: \(states)")
  }

  /// Puts the first voter's change of the numbers, or the admission of a newcomer, or its removal if it
  /// has joined under way.
  private mutating func putLast(by voter: String, as index: Int) throws -> Digest32? {
    guard let next = try network.processes[index].delegate?.follower.reader.nextMembers,
      let place = voters.firstIndex(of: voter)
    else { return nil }
    var changes: [MemberChange] = []
    var parties: [String] = []
    if place == 0 {
      var numbers = next.numbers
      numbers.window += 1
      changes = [.setNumbers(numbers)]
    } else {
      let newcomer = network.newcomers[place - 1]
      if next.supernode(newcomer.party.id) != nil {
        changes = [.remove(newcomer.party.id)]
      } else {
        // Its organisation stays where only the supernode was removed.
        changes = newcomer.admission(beside: next)
        parties = newcomer.parties
      }
    }
    let motion = try network.motion(changes, by: voter, agreeing: parties, as: index)
    guard let motion, try submit(motion, to: index) == true else { return nil }
    return motion.digest
  }
}

extension DelegateNetwork.Newcomer {
  /// The admission of what is not listed yet.
  func admission(beside members: ValidMembers) -> [MemberChange] {
    let isListed = members.party(organisation.id) != nil
    return isListed ? [.admit(.supernode(party))] : admission
  }

  var admission: [MemberChange] {
    [.admit(.organisation(organisation)), .admit(.supernode(party))]
  }

  /// Who has to agree.
  var parties: [String] { [organisation.id, party.id] }
}
