import CanonicalEncoding
import Consensus

/// An honest delegate: a process that can stop between any two writes, and its disk.
struct SimulatedDelegate {
  /// What a restart finds.
  struct Disk {
    var decisions: [CommitCertificate] = []
    var consensus: StoredConsensus?
    /// The own messages of the height that is not decided yet.
    var outbox: [SimulatedMessage] = []
    var blocks: Set<Digest32> = []
  }

  let seat: UInt64
  var disk = Disk()
  /// Nil while the process is down.
  private(set) var machine: ConsensusMachine?
  /// How often the process was started: what was meant for an earlier one comes to nothing.
  private(set) var life = 0
  var blocks: Set<Digest32> = []
  /// The blocks that the machine asked about, with the round of which they are the first proposal.
  var questions: [Digest32: UInt64?] = [:]
  /// Whom it can accuse.
  var suspects: Set<UInt64> = []
  /// The clock against the true time: milliseconds, and how many more it gains in 1000.
  var clockOffset: Int64 = 0
  var clockDrift: Int64 = 0

  init(seat: UInt64) { self.seat = seat }

  var height: UInt64 { UInt64(disk.decisions.count) }

  func clock(at time: UInt64) -> UInt64 {
    let time = Int64(time)
    return UInt64(Simulation.epoch + time + clockOffset + time * clockDrift / 1000)
  }

  mutating func start(_ setting: ConsensusMachine.Setting) {
    life += 1
    blocks = disk.blocks
    questions = [:]
    suspects = []
    begin(setting)
  }

  /// Goes on with the height that the disk is at.
  mutating func begin(_ setting: ConsensusMachine.Setting) {
    questions = [:]
    machine = ConsensusMachine(setting, restoring: disk.consensus)
  }

  mutating func stop() {
    machine = nil
    life += 1
  }

  /// - Returns: nil while the process is down.
  mutating func use(
    _ change: (inout ConsensusMachine) -> [ConsensusEffect]
  ) -> [ConsensusEffect]? {
    guard var current = machine else { return nil }
    machine = nil
    defer { machine = current }
    return change(&current)
  }

  /// One write: what the machine has to find again, and what is about to leave.
  mutating func write(_ messages: [SimulatedMessage]) {
    guard let machine else { return }
    disk.consensus = machine.stored
    // Of what is passed on, the last of each phase is enough.
    for case .relayed(let votes) in messages {
      disk.outbox.removeAll {
        guard case .relayed(let older) = $0 else { return false }
        return older.first?.vote.phase == votes.first?.vote.phase
      }
    }
    for message in messages where !disk.outbox.contains(message) { disk.outbox.append(message) }
    for message in messages {
      switch message {
      case .vote(let signed): if let root = signed.vote.root { disk.blocks.insert(root) }
      case .proposal(let signed): disk.blocks.insert(signed.proposal.root)
      case .relayed, .certificate: break
      }
    }
  }

  /// One write: the decision, with which the next height begins.
  mutating func write(_ decision: CommitCertificate) {
    disk.decisions.append(decision)
    disk.consensus = nil
    disk.outbox = []
    disk.blocks.insert(decision.root)
  }
}
