import Synchronization

/// Who may have how much done.
///
/// Whoever has proven who it is has requests of its own in hand, by what it has proven. All others share
/// what is left for them, first by the address that the transport has of them, then all together; so who
/// has proven nothing, whatever it calls itself and wherever it comes from, keeps out nobody who has.
final class Admittance: Sendable {
  /// How many envelopes of one address are looked at at once, before their authors are known.
  static let openingLimit = 1 << 6
  /// By how much an address may ask more than one who holds a key: several may share it.
  static let sharers = 1 << 4
  /// What all who have proven nothing have in hand together, of each kind.
  static let strangerLimit = 1 << 14
  /// How many requests of members that they have not signed, as it turns out, an address has in hand.
  static let forgeryLimit = 1 << 10
  /// By how much more in a member's name, where that member has come from last.
  static let ownForgeries = 1 << 4
  /// How often what is newer of one subject is asked for, and how often at once.
  static let renewalLimit = 1 << 5

  /// Where those who have proven who they are came from last.
  private struct Addresses {
    private static let limit = 1 << 12
    private var latest: [Principal: String] = [:]
    private var counts: [String: Int] = [:]

    func contains(_ address: String) -> Bool { counts[address] != nil }

    func isLatest(_ address: String, of principal: Principal) -> Bool {
      latest[principal] == address
    }

    mutating func note(_ address: String, of principal: Principal) {
      if latest[principal] == address { return }
      // They come again with what each of them asks next.
      if latest.count >= Self.limit { (latest, counts) = ([:], [:]) }
      if let before = latest.updateValue(address, forKey: principal) {
        counts[before] = counts[before].flatMap { $0 > 1 ? $0 - 1 : nil }
      }
      counts[address, default: 0] += 1
    }
  }

  /// By subject, when the asking began that has brought what is newer last.
  private struct Learned {
    var moment: UInt64 = 0
    var bySubject: [String: UInt64] = [:]
  }

  private let principals: RequestQuota
  private let strangers: RequestQuota
  private let renewals: RequestQuota
  private let forgeries: RequestQuota
  private let addresses = Mutex(Addresses())
  /// By address, how many envelopes are being opened.
  private let openings = Mutex<[String: Int]>([:])
  /// By subject, how often what is newer is being asked for.
  private let running = Mutex<[String: Int]>([:])
  private let learned = Mutex(Learned())

  /// - Parameter clock: seconds since 1970.
  init(clock: @escaping @Sendable () -> UInt64) {
    principals = RequestQuota(clock: clock)
    strangers = RequestQuota(clock: clock)
    renewals = RequestQuota(clock: clock)
    forgeries = RequestQuota(clock: clock)
  }

  /// A look at a member's signature, which costs whoever does not have it something of what is given to its address.
  struct SignatureCheck {
    fileprivate let name: String
    fileprivate let limit: Int
  }

  /// Begins to look whether a member has signed what it seems to send; ``end(_:)`` ends it if it has.
  ///
  /// Where the member has come from last, there is room in its name that nobody uses up in another's.
  /// - Returns: nil if from this address too much has come that nobody had signed.
  func check(_ author: Principal, from address: String) -> SignatureCheck? {
    let isOwn = addresses.withLock { $0.isLatest(address, of: author) }
    let check = SignatureCheck(
      name: isOwn ? "signature/\(address)/\(author)" : "signature/\(address)",
      limit: isOwn ? Self.forgeryLimit * Self.ownForgeries : Self.forgeryLimit)
    return forgeries.take(check.name, limit: check.limit) ? check : nil
  }

  /// Whatever is authentic costs nothing of it.
  func end(_ check: SignatureCheck) { forgeries.giveBack(check.name, limit: check.limit) }

  /// Takes one request of an authentic author.
  ///
  /// - Parameter isProven: whether the author is somebody, and not merely has a key: anybody makes keys.
  func takes(
    _ rule: RequestRule, by author: Principal, isProven: Bool, from address: String
  ) -> Bool {
    if isProven {
      addresses.withLock { $0.note(address, of: author) }
      return principals.take("\(rule.name)/\(author)", limit: rule.quota)
    }
    // A key is drawn for it: what comes from one address is counted together, in envelopes or not.
    if rule.carriage.isOpen { return takes(rule, from: address) }
    return strangers.take("\(rule.name)/key/\(author)", limit: rule.quota)
      && takes(rule, from: address, limit: rule.quota * Self.sharers)
  }

  /// Takes one request that anybody may make.
  func takes(_ rule: RequestRule, from address: String) -> Bool {
    takes(rule, from: address, limit: rule.quota)
  }

  private func takes(_ rule: RequestRule, from address: String, limit: Int) -> Bool {
    if rule.quota == .max { return true }
    guard strangers.take("\(rule.name)/from/\(address)", limit: limit) else { return false }
    // From where somebody has come who has proven who it is, there is no more of others than that.
    if addresses.withLock({ $0.contains(address) }) { return true }
    return strangers.take("\(rule.name)/all", limit: Self.strangerLimit)
  }

  /// Whether to ask now for what is newer of something. What one asks for serves all.
  ///
  /// - Returns: if so, ``endRenewal(of:)`` ends it.
  func renews(_ subject: String) -> Bool {
    running.withLock { running in
      guard running[subject, default: 0] < Self.renewalLimit,
        renewals.take(subject, limit: Self.renewalLimit)
      else { return false }
      running[subject, default: 0] += 1
      return true
    }
  }

  /// A moment in the order of what is asked, and of what is not.
  func moment() -> UInt64 {
    learned.withLock { learned in
      learned.moment += 1
      return learned.moment
    }
  }

  /// Notes that what is newer of a subject has come, which was asked for at a moment.
  func learn(_ subject: String, askedAt moment: UInt64) {
    learned.withLock { learned in
      learned.bySubject[subject] = max(learned.bySubject[subject] ?? 0, moment)
    }
  }

  /// Whether what is newer of a subject was asked for after a moment, and has come.
  func hasLearned(_ subject: String, after moment: UInt64) -> Bool {
    learned.withLock { ($0.bySubject[subject] ?? 0) > moment }
  }

  func endRenewal(of subject: String) {
    running.withLock { running in
      running[subject] = running[subject].flatMap { $0 > 1 ? $0 - 1 : nil }
    }
  }

  /// Begins to look at an envelope; ``close(from:)`` ends it.
  func open(from address: String) -> Bool {
    openings.withLock { openings in
      guard openings[address, default: 0] < Self.openingLimit else { return false }
      openings[address, default: 0] += 1
      return true
    }
  }

  func close(from address: String) {
    openings.withLock { openings in
      openings[address] = openings[address].flatMap { $0 > 1 ? $0 - 1 : nil }
    }
  }
}
