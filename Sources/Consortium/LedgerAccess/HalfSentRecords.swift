import CanonicalEncoding
import EMRScheme
import Ledger

/// A record of which some pieces are here, since when: seconds since 1970, by the cloud's clock.
private struct HalfSentRecord: NamedValue {
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

/// The records that doctors have begun to store at a cloud: a few of each doctor, for a while. They are
/// remembered across restarts.
package struct HalfSentRecords: Sendable {
  let store: any RoleStore
  let custody: RecordCustody

  /// Of one doctor; another one takes the place of the oldest.
  package static let limit = 4
  /// In seconds.
  package static let lifetime: UInt64 = 7 * 86_400

  private static let prefix = "half-sent/"
  private static func key(_ record: RecordName, _ doctor: String) -> String {
    "\(prefix)\(doctor)/\(record)"
  }

  /// Remembers a record before anything of it is stored, and makes room for it.
  func begin(_ record: RecordName, by doctor: String, at time: UInt64) async throws {
    let key = Self.key(record, doctor)
    if try store.value(forKey: key) != nil { return }
    var known = try half(Self.prefix + doctor + "/")
    while known.count >= Self.limit, let oldest = known.first {
      try await drop(oldest)
      known.removeFirst()
    }
    try store.save(HalfSentRecord(record, begunAt: min(time, Limits.latestTime)), key)
  }

  /// It is all here.
  func end(_ record: RecordName, by doctor: String) throws {
    let key = Self.key(record, doctor)
    if try store.value(forKey: key) != nil { try store.write([key: nil]) }
  }

  /// Drops what was begun too long ago.
  func expire(at time: UInt64) async throws {
    for half in try half(Self.prefix) where half.record.begunAt &+ Self.lifetime < time {
      try await drop(half)
    }
  }

  /// The oldest first.
  private func half(_ prefix: String) throws -> [(key: String, record: HalfSentRecord)] {
    var found: [(key: String, record: HalfSentRecord)] = []
    for key in try store.keys(withPrefix: prefix) {
      if let record: HalfSentRecord = try store.load(key) { found.append((key, record)) }
    }
    return found.sorted { $0.record.begunAt < $1.record.begunAt }
  }

  private func drop(_ half: (key: String, record: HalfSentRecord)) async throws {
    try await custody.dropUnfinished(half.record.record)
    try store.write([half.key: nil])
  }
}
