import CanonicalEncoding
import EMRScheme
import Ledger

/// A record of which some pieces are here, since when: seconds since 1970, by the cloud's clock.
struct HalfSentRecord: NamedValue {
  static let name = "half-sent-record"

  var hospital: String
  var visit: Digest32
  var recordDigest: Digest32
  var begunAt: UInt64

  init(_ record: RecordName, begunAt: UInt64) {
    (hospital, visit, recordDigest) = (record.hospital, record.visit, record.recordDigest)
    self.begunAt = begunAt
  }

  var record: RecordName {
    RecordName(hospital: hospital, visit: visit, recordDigest: recordDigest)
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.text("hospital", hospital)
    fields.digest("visit", visit)
    fields.digest("recordDigest", recordDigest)
    fields.integer("begunAt", begunAt)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    visit = try fields.digest("visit")
    recordDigest = try fields.digest("recordDigest")
    begunAt = try fields.integer("begunAt", in: 0...Limits.latestTime)
  }
}

/// The records that doctors have begun to store at a cloud, or a former cloud to hand over: a few of each, for
/// a while. They are remembered across restarts.
///
/// What one sender does is done one after another: a record is remembered for as long as some of it is here.
package struct HalfSentRecords: Sendable {
  let store: any RoleStore
  let custody: RecordCustody
  private let gates = SerialGates<String>()

  init(store: any RoleStore, custody: RecordCustody) {
    (self.store, self.custody) = (store, custody)
  }

  /// Of one sender; another one takes the place of the oldest.
  package static let limit = 4
  /// In seconds.
  package static let lifetime: UInt64 = 7 * 86_400

  private static let prefix = "half-sent/"
  private static func key(_ record: RecordName, _ sender: String) -> String {
    "\(prefix)\(sender)/\(record)"
  }
  private static func record(inKey key: String) -> RecordName? {
    let parts = key.dropFirst(prefix.count).split(separator: "/")
    guard parts.count == 4, let visit = Digest32(hex: String(parts[2])),
      let recordDigest = Digest32(hex: String(parts[3]))
    else { return nil }
    return RecordName(hospital: String(parts[1]), visit: visit, recordDigest: recordDigest)
  }

  /// Takes a piece from who sends a record.
  ///
  /// - Parameter take: puts it into custody.
  func take(
    _ piece: Piece, of record: RecordName, by sender: String, at time: UInt64,
    _ take: @Sendable () async throws -> (held: Int, isWhole: Bool)
  ) async throws -> (held: Int, isWhole: Bool) {
    try await gates.pass(sender) {
      if piece.index == 0, !piece.isLast { try await begin(record, by: sender, at: time) }
      let taken = try await take()
      if taken.isWhole { try end(record, by: sender) }
      return taken
    }
  }

  /// How many pieces of a record are here by a sender; what came of another is dropped.
  func held(of record: RecordName, by sender: String) async throws -> Int {
    try await gates.pass(sender) {
      if try store.value(forKey: Self.key(record, sender)) != nil {
        return try await custody.held(of: record)
      }
      try await custody.dropUnfinished(record)
      return 0
    }
  }

  /// Drops what a sender has begun.
  func drop(_ record: RecordName, by sender: String) async throws {
    try await gates.pass(sender) { try await drop((Self.key(record, sender), record)) }
  }

  /// Remembers a record before anything of it is stored, and makes room for it.
  private func begin(_ record: RecordName, by sender: String, at time: UInt64) async throws {
    let key = Self.key(record, sender)
    if try store.value(forKey: key) != nil { return }
    var known = try half(Self.prefix + sender + "/")
    while known.count >= Self.limit, let oldest = known.first {
      try await drop((oldest.key, oldest.record.record))
      known.removeFirst()
    }
    try store.save(HalfSentRecord(record, begunAt: min(time, Limits.latestTime)), key)
  }

  /// It is all here.
  private func end(_ record: RecordName, by sender: String) throws {
    let key = Self.key(record, sender)
    if try store.value(forKey: key) != nil { try store.write([key: nil]) }
  }

  /// Drops what was begun too long ago. What was begun by a clock that was ahead counts as begun now.
  func expire(at time: UInt64) async throws {
    for var half in try half(Self.prefix) {
      if half.record.begunAt > time {
        half.record.begunAt = time
        try store.save(half.record, half.key)
      }
      guard half.record.begunAt &+ Self.lifetime < time else { continue }
      let sender = half.key.dropFirst(Self.prefix.count).prefix { $0 != "/" }
      try await drop(half.record.record, by: String(sender))
    }
  }

  /// The oldest first. A row that cannot be read says with its key whose it is, and not since when: it goes
  /// first, as what is too old.
  private func half(_ prefix: String) throws -> [(key: String, record: HalfSentRecord)] {
    var found: [(key: String, record: HalfSentRecord)] = []
    for key in try store.keys(withPrefix: prefix) {
      if let record: HalfSentRecord = try store.readable(key) {
        found.append((key, record))
      } else if let record = Self.record(inKey: key) {
        found.append((key, HalfSentRecord(record, begunAt: 0)))
      }
    }
    return found.sorted { $0.record.begunAt < $1.record.begunAt }
  }

  private func drop(_ half: (key: String, record: RecordName)) async throws {
    try await custody.dropUnfinished(half.record)
    try store.write([half.key: nil])
  }
}
