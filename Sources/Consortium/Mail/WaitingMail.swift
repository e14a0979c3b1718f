import CanonicalEncoding

/// A message in a mailbox. All but its bytes stands in the key of its row, so a start reads no message.
struct WaitingMail: Sendable {
  static let prefix = "mail/"
  /// What a message takes beside its bytes: its row, the key of that, and what is remembered of it.
  static let rowWeight = 4096
  /// What it counts at least: so many small ones have a bound too.
  static let leastWeight = 8192

  /// Ascending in the order in which they came.
  let number: UInt64
  let recipient: String
  /// 16 bytes, by which what came from one place counts together.
  let source: [UInt8]
  /// Seconds since 1970, by the clock of who keeps the mailbox.
  let arrivedAt: UInt64
  /// The same; or, where a clock was ahead when it came, since when that is known.
  var waitsSince: UInt64
  let byteCount: Int
  /// SHA-256 of the bytes.
  let digest: Digest32
  /// What its sender was promised that it waits for, and by which it is not kept twice.
  let subject: Digest32?
  /// Of what was promised: the digest of the Ed25519 key of the address, whose holder is expected to ask.
  let owner: Digest32?
  /// Whether it is of a role of this machine, which tries again by itself: it is fetched before all others.
  let isOwn: Bool
  /// nil where the store has them.
  var bytes: [UInt8]?
  /// In how many seconds it was handed out, while it was answered in none of them; since the start.
  private(set) var tries = 0
  /// When it was handed out last, in seconds since 1970.
  private var triedAt: UInt64 = 0

  init(
    number: UInt64, to recipient: String, from source: [UInt8], at time: UInt64,
    keeping: Mailboxes.Keeping, _ bytes: [UInt8]
  ) {
    if case .promised(let about, let key) = keeping {
      (subject, owner) = (about, Digest32(sha256: key))
    } else {
      (subject, owner) = (nil, nil)
    }
    isOwn = keeping == .nothing
    (self.number, self.recipient, self.source) = (number, recipient, source)
    (arrivedAt, waitsSince, self.bytes) = (time, time, bytes)
    (byteCount, digest) = (bytes.count, Digest32(sha256: bytes))
  }

  /// The longest that a message waits which could not be answered for now, in seconds.
  static let longestPause: UInt64 = 3600

  /// In how many seconds it is handed out again. Once that is at once, since a bundle may be lost on its way, and then
  /// each pause is twice the one before.
  func pause(at now: UInt64) -> UInt64 {
    // It may have been handed out by a clock that was ahead.
    if tries < 2 || now < triedAt { return 0 }
    return length - min(length, now - triedAt)
  }

  private var length: UInt64 { min(Self.longestPause, 4 << UInt64(min(max(tries - 2, 0), 20))) }

  /// When that is, by a clock that was not put back since.
  var dueAt: UInt64 { tries < 2 ? 0 : triedAt &+ length }

  func isDue(at now: UInt64) -> Bool { pause(at: now) == 0 }

  mutating func noteTry(at now: UInt64) {
    // Several programs may be handed it at once.
    if tries == 0 || now != triedAt { tries += 1 }
    triedAt = now
  }

  /// Of what was promised: the label of the hospital whose doctor has sent it.
  var hospital: [UInt8]? { subject == nil ? nil : Array(source.prefix(8)) }

  /// With it the source begins that stands for a doctor of this hospital.
  static func hospitalLabel(_ hospital: String) -> [UInt8] {
    Array(Digest32(sha256: hospital.utf8).bytes.prefix(8))
  }

  /// What it counts in the bounds of a mailbox.
  var weight: Int { max(byteCount + Self.rowWeight, Self.leastWeight) }

  /// `mail/` recipient, number, time, length, source, digest, subject and owner.
  var key: String {
    let place = String(repeating: "0", count: max(20 - "\(number)".count, 0)) + "\(number)"
    return Self.prefix
      + [
        recipient, place, "\(arrivedAt)", "\(byteCount)", source.hex, "\(digest)",
        subject.map { "\($0)" } ?? "-", owner.map { "\($0)" } ?? "-",
      ].joined(separator: "/")
  }

  /// What the key of a row says; nil for one that is none.
  init?(key: String) {
    let parts = key.split(separator: "/").map(String.init)
    guard parts.count == 9, key.hasPrefix(Self.prefix), let number = UInt64(parts[2]),
      let time = UInt64(parts[3]), let count = Int(parts[4]),
      (1...MessageLimits.plain).contains(count), let source = [UInt8](hex: parts[5]),
      let digest = Digest32(hex: parts[6])
    else { return nil }
    (self.number, recipient, byteCount) = (number, parts[1], count)
    (arrivedAt, waitsSince) = (time, time)
    (self.source, self.digest) = (source, digest)
    (subject, owner) = (Digest32(hex: parts[7]), Digest32(hex: parts[8]))
    // Such a one is never stored.
    isOwn = false
  }
}
