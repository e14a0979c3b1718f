import ArgumentParser
import CanonicalEncoding
import Consortium
import Foundation
import Ledger

struct Vote: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Vote on a motion; a vote is not taken back.",
    discussion: """
      More than two thirds of those who may vote decide; a vote against is recorded, and ends no motion. \
      'motions' says what it would do, with the fingerprints to compare by telephone before.
      """)

  @Argument(help: "The motion, or the first 8 digits or more of it.")
  var motion: String

  @Flag(help: "For it.") var yes = false
  @Flag(help: "Against it.") var no = false

  @OptionGroup var wait: WaitOption
  @OptionGroup var options: OrganisationOptions

  func validate() throws {
    guard yes != no else { throw ValidationError("give one of --yes and --no") }
  }

  func run() async throws {
    try await OrganisationSession.run(options) { session in
      let motion = try await session.motion(motion)
      guard motion.concerned != session.id else {
        throw DaemonFailure(
          .badInput, "the motion concerns \(session.id), which does not vote on it",
          code: "not-entitled")
      }
      let done = try await session.submit(
        Ballot(motion: motion.entry, approves: yes), patience: wait.duration)
      let consortium = await session.node.consortium
      guard done.isFinal,
        let now = try consortium.motions().first(where: { $0.entry == motion.entry })
      else {
        return try options.show(
          SubmittedReport(
            "\(session.id) votes \(yes ? "yes" : "no") on \(motion.entry)",
            (done.entry, isFinal: false), listing: "motions", options))
      }
      try options.show(try MotionReport(now, consortium))
    }
  }
}

struct ShowMotions: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "motions",
    abstract: "List the open motions, with what they would do and the votes so far.")

  @Flag(help: "All that there were, with what became of them.")
  var all = false

  @OptionGroup var options: OrganisationOptions

  func run() async throws {
    try await OrganisationSession.run(options) { session in
      let consortium = await session.node.consortium
      let motions = try consortium.motions().map { try MotionReport($0, consortium) }
      try options.show(
        MotionsReport(
          motions: motions.filter { all || $0.status == .open }, height: consortium.height))
    }
  }
}

struct Approve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Approve these hospitals and clouds as delegates, and no others, from now on.",
    discussion:
      "An organisation that runs a hospital has a voice in elections (specification 6.12).")

  @Argument(help: "Identifiers of hospitals and clouds.")
  var ids: [String] = []

  @Flag(help: "Approve nobody any more.") var none = false

  @OptionGroup var wait: WaitOption
  @OptionGroup var options: OrganisationOptions

  func validate() throws {
    guard ids.isEmpty == none, ids.count <= Approval.candidateLimit else {
      throw ValidationError("name those who are approved, or give --none")
    }
  }

  func run() async throws {
    for id in ids { try Identifiers.check(id, "approve") }
    try await OrganisationSession.run(options) { session in
      let number = try await session.node.consortium.approval(of: session.id).next
      let done = try await session.submit(
        Approval(candidates: Set(ids), number: number), patience: wait.duration)
      try options.show(
        SubmittedReport(
          none
            ? "\(session.id) approves nobody"
            : "\(session.id) approves \(Set(ids).sorted().joined(separator: ", "))",
          done, listing: "members", options))
    }
  }
}

struct MotionsReport: OrganisationReport {
  let motions: [MotionReport]
  /// Of the next block of the consortium chain, as it is final here.
  let height: UInt64

  var lines: [String] {
    motions.isEmpty
      ? ["no motion is open (height \(height))"]
      : Array(motions.map(\.lines).joined(separator: [""]))
  }
}

/// A motion with the votes on it.
struct MotionReport: OrganisationReport {
  enum Status: String, Encodable {
    case open, passed, failed, lapsed
  }

  struct Vote: Encodable {
    let organisation: String
    let approves: Bool
    /// Whether the key that signed it is the organisation's still.
    let counts: Bool
  }

  let motion: String
  let by: String
  let changes: [ChangeReport]
  let status: Status
  /// Until the end of which it is, or was, open.
  let lastEpoch: UInt64
  /// The present one.
  let epoch: UInt64
  /// The first height at which what has passed holds, if that is to come.
  let holdsFrom: UInt64?
  let concerned: String?
  let votes: [Vote]
  /// Who may vote and has not.
  let waiting: [String]
  /// How many have to be for it.
  let needed: Int
  /// How many are, with keys that are theirs still.
  let inFavour: Int

  init(_ history: MotionHistory, _ view: ConsortiumView) throws {
    let (members, genesis) = (try view.members, view.genesis)
    let epoch = genesis.epoch(ofHeight: view.height)
    self.epoch = epoch
    let counted = try view.countedVotes(on: history.entry)
    motion = "\(history.entry)"
    by = history.signer
    changes = history.motion.changes.map {
      // What has passed changes nothing any more.
      ChangeReport($0, history.status == .open ? members : nil)
    }
    lastEpoch = history.motion.lastEpoch
    concerned = history.concerned
    status =
      switch history.status {
      case .open: epoch > history.motion.lastEpoch ? .lapsed : .open
      case .passed: .passed
      case .failed: .failed
      }
    votes = history.votes.map { vote in
      Vote(
        organisation: vote.organisation, approves: vote.approves,
        counts: counted[vote.organisation] == vote.approves)
    }
    let voters = members.voters.filter { $0 != history.concerned }
    inFavour = voters.count { counted[$0] == true }
    waiting = status == .open ? voters.filter { counted[$0] == nil }.sorted() : []
    needed = 2 * voters.count / 3 + 1
    let decided = try history.votes.last.flatMap { try view.block(holding: $0.index) }
    let next = decided.map { genesis.epoch(ofHeight: $0.reference.height) + 1 }
    holdsFrom =
      history.status == .passed
      ? next.flatMap { $0 > epoch ? $0 * genesis.content.epochLength : nil } : nil
  }

  var lines: [String] {
    var lines = ["motion \(motion)", "by \(by): \(standing)"]
    lines += changes.flatMap(\.lines)
    if let concerned { lines.append("  \(concerned) does not vote on it") }
    for vote in votes {
      lines.append(
        "  \(vote.approves ? "yes" : "no"): \(vote.organisation)"
          + (vote.counts || status != .open ? "" : " (with a former key: it counts no more)"))
    }
    if status == .open {
      lines.append("  \(inFavour) of the \(needed) that have to be for it are")
      lines.append(
        waiting.isEmpty
          ? "  all who may vote have voted"
          : "  have not voted: \(waiting.joined(separator: ", "))")
    }
    return lines
  }

  /// What has become of it.
  private var standing: String {
    switch status {
    case .open: "open until the end of epoch \(lastEpoch); this is epoch \(epoch)"
    case .passed:
      holdsFrom.map { "passed; it holds from height \($0) on, with the next epoch" }
        ?? "passed, and in force"
    case .failed: "failed: enough were for it, when what others had passed made it impossible"
    case .lapsed: "lapsed with the end of epoch \(lastEpoch): too few were for it"
    }
  }
}
