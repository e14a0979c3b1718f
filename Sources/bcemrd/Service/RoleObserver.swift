import Consortium
import Logging

/// Logs what becomes of a role among the others, and of others as it sees them: each change once.
struct RoleObserver {
  /// Who is so many leaves behind replays what was: of that nobody has to hear.
  private static let presentWithin: UInt64 = 100

  private let logger: Logger
  private var late: Set<String> = []
  private var isSeated: Bool?

  init(_ logger: Logger) { self.logger = logger }

  mutating func look(at node: LedgerNode) async {
    let now = Set(node.lateness.filter(\.value.isLate).keys)
    for member in now.subtracting(late).sorted() {
      logger.warning("a member answers late", metadata: ["member": "\(member)"])
    }
    for member in late.subtracting(now).sorted() {
      logger.info("a member answers in time again", metadata: ["member": "\(member)"])
    }
    late = now
    await lookAtSeat(of: node)
  }

  private mutating func lookAtSeat(of node: LedgerNode) async {
    guard let now = await node.isSeated, now != isSeated,
      let behind = try? await node.standing(shownWithin: Readiness.shownWithin).behind,
      behind <= Self.presentWithin, let standing = try? await node.seatStanding()
    else { return }
    let before = isSeated
    isSeated = standing == .seated
    guard isSeated != before else { return }
    switch standing {
    case .seated:
      logger.log(level: before == nil ? .info : .notice, "has a seat: decides blocks")
    case .without(let reason):
      logger.log(
        level: Self.level(of: reason, isNew: before != nil),
        before == nil ? "has no seat: follows" : "has lost its seat",
        metadata: ["reason": "\(reason.text)"])
    }
  }

  private static func level(of reason: SeatStanding.Reason, isNew: Bool) -> Logger.Level {
    // Of a conviction its operator hears also where it came while the daemon was away.
    if reason == .convicted { return .warning }
    if !isNew { return .info }
    return reason.isOwnWish ? .notice : .warning
  }
}
