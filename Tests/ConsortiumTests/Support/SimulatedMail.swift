import Consortium
import Synchronization
import TestSupport

/// Runs tasks, and the actors that they call, on the thread that asks for it, one job after the other
/// in an order that the seed draws: what happens between two messages is the same each time.
final class SeededExecutor: TaskExecutor {
  private let state: Mutex<(jobs: [UnownedJob], generator: SeededGenerator)>

  init(seed: UInt64) { state = Mutex(([], SeededGenerator(seed: seed))) }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    state.withLock { $0.jobs.append(job) }
  }

  /// Runs everything that can run; what has not ended then waits for a message, or for somebody who
  /// does.
  func drain() {
    while let job = next() { unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }
  }

  private func next() -> UnownedJob? {
    state.withLock { state in
      guard let index = state.jobs.indices.randomElement(using: &state.generator) else {
        return nil
      }
      return state.jobs.remove(at: index)
    }
  }
}

/// What is on its way in a simulated network: every request and every reply waits here until the test
/// delivers it, loses it, or delivers it twice.
final class SimulatedMail: Sendable {
  /// Who sends: a machine in one of its runs, or a client, who has none.
  struct Sender: Hashable, Sendable {
    let id: String
    var machine: Int?
    var run = 0
    /// Of a client: which of two machines of a party it reaches.
    var seesTwins = false
  }

  struct Passage: Sendable {
    let number: Int
    let sender: Sender
    let recipient: String
    let request: [UInt8]
    /// Once the recipient has answered.
    var reply: [UInt8]?
    /// The machine that answers.
    var machine: Int?
    /// Whether nobody waits for the answer.
    var isCopy = false
  }

  private typealias Waiting = CheckedContinuation<Result<[UInt8], ConsortiumError>, Never>

  private struct State {
    var count = 0
    var passages: [Passage] = []
    /// Requests that their recipients are at, by number.
    var inside: [Int: Passage] = [:]
    var waiting: [Int: Waiting] = [:]
    var dead: Set<Sender> = []
    var sleeping: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  func courier(of sender: Sender) -> any Courier { Line(mail: self, sender: sender) }

  private struct Line: Courier {
    let mail: SimulatedMail
    let sender: Sender

    func send(
      _ request: [UInt8], from _: String, to recipient: String
    ) async throws(ConsortiumError) -> [UInt8] {
      let result = await withCheckedContinuation { (waiting: Waiting) in
        let isDead = mail.state.withLock { state in
          if state.dead.contains(sender) { return true }
          state.count += 1
          state.waiting[state.count] = waiting
          state.passages.append(
            Passage(number: state.count, sender: sender, recipient: recipient, request: request))
          return false
        }
        if isDead { waiting.resume(returning: .failure(SimulatedMail.lost)) }
      }
      return try result.get()
    }
  }

  private static let lost = ConsortiumError(.unreachable, "the message is lost")

  // MARK: For the scheduler

  var count: Int { state.withLock { $0.passages.count } }

  /// What is on its way from a sender, or back.
  func index(from sender: Sender) -> Int? {
    state.withLock { $0.passages.firstIndex { $0.sender == sender && !$0.isCopy } }
  }

  /// What a machine has sent in any of its runs and nobody has answered.
  func requests(of machine: Int) -> [[UInt8]] {
    state.withLock { state in
      let inside = state.inside.values.sorted { $0.number < $1.number }
      return (state.passages + inside).filter {
        $0.sender.machine == machine && $0.reply == nil
      }.map(\.request)
    }
  }

  /// Takes out what a machine that is off had sent.
  func takeRequests(of machine: Int) -> [Passage] {
    state.withLock { state in
      let taken = state.passages.filter { $0.sender.machine == machine }
      state.passages.removeAll { $0.sender.machine == machine }
      return taken
    }
  }

  /// Takes one passage out.
  func take(_ index: Int) -> Passage { state.withLock { $0.passages.remove(at: index) } }

  func add(_ passage: Passage) { state.withLock { $0.passages.append(passage) } }

  /// Who sent it hears that nobody has answered.
  func lose(_ passage: Passage) { end(passage, .failure(Self.lost)) }

  func complete(_ passage: Passage, with reply: [UInt8]) { end(passage, .success(reply)) }

  private func end(_ passage: Passage, _ result: Result<[UInt8], ConsortiumError>) {
    if passage.isCopy { return }
    state.withLock { $0.waiting.removeValue(forKey: passage.number) }?.resume(returning: result)
  }

  /// A recipient is at it.
  func begin(_ passage: Passage, by machine: Int) {
    var passage = passage
    passage.machine = machine
    state.withLock { $0.inside[passage.number] = passage }
  }

  /// A recipient has answered, unless its machine has died before.
  func answer(_ number: Int, with reply: [UInt8]) {
    state.withLock { state in
      guard var passage = state.inside.removeValue(forKey: number), !passage.isCopy else { return }
      passage.reply = reply
      state.passages.append(passage)
    }
  }

  /// A number for a copy.
  func number() -> Int {
    state.withLock { state in
      state.count += 1
      return state.count
    }
  }

  /// Nothing comes that a run of a machine waits for, and nobody gets an answer that it has not sent.
  /// What it has asked may arrive all the same.
  func bury(_ sender: Sender) {
    let ended = state.withLock { state in
      state.dead.insert(sender)
      let ended =
        state.passages.filter { $0.sender == sender }
        + state.inside.values.filter { $0.sender == sender || $0.machine == sender.machine }
        .sorted { $0.number < $1.number }
      state.passages = state.passages.compactMap { passage in
        guard passage.sender == sender else { return passage }
        guard passage.reply == nil else { return nil }
        var copy = passage
        copy.isCopy = true
        return copy
      }
      state.inside = state.inside.filter { $0.value.machine != sender.machine }
      return ended
    }
    for passage in ended { lose(passage) }
  }

  // MARK: Clients that wait

  func sleep() async {
    await withCheckedContinuation { waiting in
      state.withLock { $0.sleeping.append(waiting) }
    }
  }

  var sleeping: Int { state.withLock { $0.sleeping.count } }

  func wake(_ index: Int) { state.withLock { $0.sleeping.remove(at: index) }.resume() }
}
