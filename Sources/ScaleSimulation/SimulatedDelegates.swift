import CanonicalEncoding
import Consensus
package import Consortium
package import Ledger
import Synchronization

/// Where the parties of a simulation keep what they know.
package protocol SimulationStores {
  func state(of party: String) throws -> any StateStore
  func roles(of party: String) throws -> any RoleStore
  /// How long the state of a party is on its medium, in bytes.
  func byteCount(of party: String) throws -> Int
}

/// The delegates of a country in one process, each over its own stores. They read each other's outboxes
/// whole, as they would over a network; what they send is counted.
struct SimulatedDelegates {
  /// What was done since somebody has set this to zero.
  struct Work {
    /// Milliseconds of CPU time in which delegates took entries, all together.
    var takingMs = 0.0
    /// The same for all that it took to decide blocks.
    var decidingMs = 0.0
    /// Pages of outboxes with something in them, and blocks.
    var messages = 0
    var bytes = 0
    /// Entries that no delegate took, by their codes.
    var refused: [String: Int] = [:]
  }

  private(set) var delegates: [Delegate] = []
  private let clock: SimulatedClock
  var work = Work()

  init(
    _ members: CountryMembers, _ stores: some SimulationStores, _ decider: any ClaimDecider,
    _ clock: SimulatedClock
  ) throws {
    self.clock = clock
    for (id, keys) in members.delegates {
      delegates.append(
        try Delegate(
          id: id, genesis: members.genesis, keys: keys, state: stores.state(of: id),
          store: stores.roles(of: id), decider: decider, clock: { clock.time }))
    }
  }

  /// The chain as the first delegate has it.
  var reader: ConsortiumView { delegates[0].follower.reader }

  /// Offers an entry as its party does: to one after the other, until enough have taken it.
  mutating func submit(_ entry: Entry, by party: String) throws {
    let reader = reader
    var offer = EntryOffer(to: try reader.delegates(forHeight: reader.height), by: party)
    let start = CPUTime.milliseconds()
    defer { work.takingMs += CPUTime.milliseconds() - start }
    var code: String?
    while let id = offer.next() {
      guard let index = delegates.firstIndex(where: { $0.id == id }) else { continue }
      do {
        offer.count(OfferReply(isNew: try delegates[index].submit(entry)))
      } catch let refusal as Refusal {
        code = refusal.code
      } catch let error as ConsortiumError {
        code = "\(error.code)"
      }
    }
    if offer.reply == nil { work.refused[code ?? "nobody", default: 0] += 1 }
  }

  /// Lets all do what is due, until nobody has anything new: everything that waits stands in a final
  /// block then.
  mutating func decide() throws {
    let start = CPUTime.milliseconds()
    var counting = 0.0
    defer { work.decidingMs += CPUTime.milliseconds() - start - counting }
    while true {
      var isNew = false
      for reader in delegates.indices {
        for writer in delegates.indices where writer != reader {
          let peer = delegates[writer].id
          let position = delegates[reader].position(of: peer)
          let page = delegates[writer].published(from: position, byteCount: 1 << 20)
          if !page.items.isEmpty {
            let before = CPUTime.milliseconds()
            count(page.items.reduce(0) { $0 + $1.encodedSequence().count })
            counting += CPUTime.milliseconds() - before
          }
          if try delegates[reader].receive(page.items, from: peer, at: position, next: page.next) {
            isNew = true
          }
        }
        if try fetchBlocks(reader) { isNew = true }
        if try delegates[reader].advance() { isNew = true }
      }
      guard isNew else { return }
    }
  }

  private mutating func fetchBlocks(_ reader: Int) throws -> Bool {
    var isNew = false
    for wanted in delegates[reader].wanted {
      for peer in wanted.holders where delegates[reader].wants(wanted.root) {
        guard let writer = delegates.firstIndex(where: { $0.id == peer }) else { continue }
        let block = try delegates[writer].block(wanted.root, height: wanted.height)
        if let block { count(block.entries.reduce(0) { $0 + $1.count }) }
        if try delegates[reader].receive(block, for: wanted.root, from: peer) { isNew = true }
      }
    }
    return isNew
  }

  private mutating func count(_ bytes: Int) {
    work.messages += 1
    work.bytes += bytes
  }
}

/// The time of a simulated country.
final class SimulatedClock: Sendable {
  private let now: Mutex<UInt64>

  init(_ start: UInt64) { now = Mutex(start) }

  var time: UInt64 { now.withLock { $0 } }

  func pass(_ seconds: UInt64) { now.withLock { $0 += seconds } }
}
