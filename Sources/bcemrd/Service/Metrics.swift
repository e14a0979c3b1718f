import ArgumentParser
import Consortium
import Foundation
import HTTPTransport
import Ledger

/// All that is measured of this machine.
struct Metrics: Sendable {
  typealias Samples = [(labels: [String: String], Double)]

  let drivers: [RoleDriver]
  let upkeep: Upkeep
  /// By the role that keeps them.
  let mailboxes: [String: Mailboxes]
  /// Who was not heard of yet counts as heard of when this machine began.
  private let began = ContinuousClock.now

  private var statistics: MessageStatistics { upkeep.statistics }

  init(drivers: [RoleDriver], upkeep: Upkeep, mailboxes: [String: Mailboxes]) {
    (self.drivers, self.upkeep, self.mailboxes) = (drivers, upkeep, mailboxes)
  }

  func text() async -> String {
    var text = MetricsText()
    Upkeep.addVersion(to: &text)
    await addChains(to: &text)
    await addMailboxes(to: &text)
    addRequests(to: &text)
    addPeers(to: &text)
    await addMembers(to: &text)
    upkeep.add(to: &text)
    return text.text
  }

  // MARK: Chains

  private func addChains(to text: inout MetricsText) async {
    var (height, leaves, time, contradictions): (Samples, Samples, Samples, Samples) = (
      [], [], [], []
    )
    var (held, newest, behind): (Samples, Samples, Samples) = ([], [], [])
    var (confirmed, anchored): (Samples, Samples) = ([], [])
    var (shown, shownAge): (Samples, Samples) = ([], [])
    var (seats, turns, missed): (Samples, Samples, Samples) = ([], [], [])
    for driver in drivers {
      let (node, role) = (driver.role.node, ["role": driver.role.id])
      let consortium = await node.consortium
      height.append((role, Double(consortium.height)))
      leaves.append((role, Double(consortium.size)))
      time.append((role, Double(consortium.time)))
      contradictions.append((role, Double(await node.contradictions.count)))
      if let isSeated = await node.isSeated { seats.append((role, isSeated ? 1 : 0)) }
      let epoch = node.genesis.epoch(ofHeight: consortium.height)
      if let election = try? consortium.election(afterEpoch: epoch),
        let own = election.candidates.first(where: { $0.id == driver.role.id })
      {
        turns.append((role, Double(own.turns)))
        missed.append((role, Double(own.missed)))
      }
      for standing in await Readiness.standings(of: driver.role) {
        let labels = role.merging(["chain": standing.chain]) { $1 }
        held.append((labels, Double(standing.held)))
        if let value = standing.newest { newest.append((labels, Double(value))) }
        if let value = standing.behind { behind.append((labels, Double(value))) }
        if let value = standing.confirmed { confirmed.append((labels, Double(value))) }
        if let value = standing.anchored { anchored.append((labels, Double(value))) }
      }
      let now = Roles.clock()
      // Others are asked now and then only, and may be well all the same.
      let delegates = Self.delegates(consortium)
      for (peer, position) in await node.shown.sorted(by: { $0.key < $1.key }) {
        let labels = role.merging(["peer": peer]) { $1 }
        shown.append((labels, Double(position.finalSize)))
        if delegates.contains(peer) {
          shownAge.append((labels, age(since: [position.at], at: now)))
        }
      }
    }
    text.add(
      "bcemr_consortium_height", .gauge, "The height of the next block of the consortium chain.",
      height)
    text.add(
      "bcemr_consortium_leaves", .gauge, "Leaves of the consortium chain that are ordered.", leaves)
    text.add(
      "bcemr_consortium_timestamp_seconds", .gauge, "Ledger time: of the newest block.", time)
    text.add(
      "bcemr_contradictions", .gauge,
      "Checkpoints that delegates have cosigned and that are not of this chain.", contradictions)
    text.add(
      "bcemr_delegate_seat", .gauge,
      "Whether the role decides blocks in this epoch: 1, or 0.", seats)
    text.add(
      "bcemr_turns", .gauge, "Turns of a delegate to propose a block, in this epoch.", turns)
    text.add(
      "bcemr_turns_missed", .gauge,
      "Those of them that it missed: with more than half of them it is not elected.", missed)
    text.add(
      "bcemr_chain_leaves", .gauge,
      "Leaves of a chain that are here; of the consortium chain, those that are final.", held)
    text.add(
      "bcemr_chain_newest_leaves", .gauge, "Leaves up to the newest known position of a chain.",
      newest)
    text.add(
      "bcemr_chain_behind_leaves", .gauge, "Leaves of a chain that are missing here.", behind)
    text.add(
      "bcemr_chain_confirmed_leaves", .gauge,
      "Leaves of a hospital's chain that its cloud has confirmed.", confirmed)
    text.add(
      "bcemr_chain_anchored_leaves", .gauge,
      "Leaves of a hospital's chain that the consortium has anchored: final.", anchored)
    text.add(
      "bcemr_peer_final_leaves", .gauge, "Leaves of the consortium chain that a peer calls final.",
      shown)
    text.add(
      "bcemr_peer_shown_age_seconds", .gauge, "Since a delegate has said that last.", shownAge)
  }

  /// How many seconds ago the last of some moments of the own clock was. What was noted while that was ahead says
  /// nothing of it, and else somebody who is silent since would seem to have been heard of all the time.
  private func age(since moments: [UInt64], at now: UInt64) -> Double {
    let known = moments.filter { $0 <= now &+ Self.step }.max().map { now - min($0, now) }
    let running = UInt64(max(began.duration(to: .now).components.seconds, 0))
    return Double(min(known ?? running, running))
  }

  /// By so many seconds a clock that is kept goes back at most.
  private static let step: UInt64 = 5

  private static func delegates(_ consortium: ConsortiumView) -> Set<String> {
    let seats = (try? consortium.delegates(forHeight: consortium.height).seats) ?? []
    return Set(seats.compactMap(\.delegate))
  }

  // MARK: Messages

  private func addMailboxes(to text: inout MetricsText) async {
    var (boxes, messages, weight, age): (Samples, Samples, Samples, Samples) = ([], [], [], [])
    let now = Roles.clock()
    for (id, kept) in mailboxes.sorted(by: { $0.key < $1.key }) {
      let (role, depth) = (["role": id], await kept.depth)
      boxes.append((role, Double(depth.mailboxes)))
      messages.append((role, Double(depth.messages)))
      weight.append((role, Double(depth.weight)))
      if let oldest = depth.oldest { age.append((role, Double(now - min(oldest, now)))) }
    }
    text.add(
      "bcemr_mailboxes", .gauge, "Mailboxes in which something waits to be fetched.", boxes)
    text.add("bcemr_mailbox_messages", .gauge, "Messages that wait in mailboxes.", messages)
    text.add(
      "bcemr_mailbox_weight_bytes", .gauge, "What they weigh, of 1 GiB (specification 8.8).", weight
    )
    text.add("bcemr_mailbox_oldest_seconds", .gauge, "Since the oldest of them came.", age)
  }

  private func addRequests(to text: inout MetricsText) {
    var requests: Samples = []
    for driver in drivers {
      let counts = driver.role.inbox.counts.all.sorted {
        ($0.key.name, $0.key.outcome) < ($1.key.name, $1.key.outcome)
      }
      for (kind, count) in counts {
        requests.append(
          (["role": driver.role.id, "kind": kind.name, "outcome": kind.outcome], Double(count)))
      }
    }
    text.add(
      "bcemr_requests_total", .counter, "Requests to a role, by kind and how they ended.", requests)
    let counts = statistics.counts
    text.add(
      "bcemr_http_problems_total", .counter, "Requests that no role has heard of.",
      counts.problems.sorted { $0.key < $1.key }.map { (["problem": $0.key], Double($0.value)) })
    text.add(
      "bcemr_message_duration_seconds", "How long a role took for a request from another machine.",
      bounds: MessageStatistics.Durations.bounds,
      counts.served.sorted { $0.key < $1.key }.map {
        (["role": $0.key], $0.value.counts, $0.value.sum)
      })
  }

  private func addPeers(to text: inout MetricsText) {
    let peers = statistics.counts.peers.sorted { $0.key < $1.key }
    text.add(
      "bcemr_peer_exchange_duration_seconds", "How long a peer took to answer, with the way there.",
      bounds: MessageStatistics.Durations.bounds,
      peers.map { (["peer": $0.key], $0.value.answered.counts, $0.value.answered.sum) })
    text.add(
      "bcemr_peer_failures_total", .counter, "Exchanges with a peer that brought no answer.",
      peers.map { (["peer": $0.key], Double($0.value.failures)) })
    text.add(
      "bcemr_peer_clock_offset_seconds", .gauge, "By how much the clock here is ahead of a peer's.",
      peers.compactMap { peer in
        peer.value.clockOffset.map { (["peer": peer.key], $0) }
      })
  }

  /// Of whom the roles hear without asking for it: every member asks the delegates what is final, and is asked by
  /// nobody whether it is there.
  private func addMembers(to text: inout MetricsText) async {
    var (heard, late): (Samples, Samples) = ([], [])
    let (here, now) = (Set(drivers.map(\.role.id)), Roles.clock())
    let answers = statistics.counts.peers
    for driver in drivers {
      let node = driver.role.node
      for (peer, lateness) in node.lateness.sorted(by: { $0.key < $1.key }) {
        late.append((["role": driver.role.id, "peer": peer], Double(lateness.count)))
      }
      let consortium = await node.consortium
      guard let members = try? consortium.members else { continue }
      // Who decides nothing hears of the delegates alone.
      let expected =
        await node.isSeated == true
        ? Set(members.supernodes.map(\.id) + [members.manager.id]) : Self.delegates(consortium)
      let (asked, shown) = (driver.role.inbox.heard.all, await node.shown)
      for peer in expected.subtracting(here).sorted() {
        let last = [
          asked[peer], shown[peer]?.at, answers[peer]?.lastAnswer.map { UInt64(max($0, 0)) },
        ]
        heard.append(
          (["role": driver.role.id, "peer": peer], age(since: last.compactMap(\.self), at: now)))
      }
    }
    text.add(
      "bcemr_peer_heard_age_seconds", .gauge,
      "Since a member has asked or answered this role, or since the role runs.", heard)
    text.add(
      "bcemr_peer_late_answers_total", .counter,
      "Questions about the consortium chain that a peer did not answer within a second.", late)
  }
}
