public import CanonicalEncoding
public import Ledger

/// Which record is meant: identifiers of visits are a hospital's own, and a visit may have several records
/// before it is complete.
public struct RecordName: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The hospital's identifier.
  public let hospital: String
  /// The visit's identifier at that hospital.
  public let visit: Digest32
  /// That a completion names.
  public let recordDigest: Digest32

  public init(hospital: String, visit: Digest32, recordDigest: Digest32) {
    (self.hospital, self.visit, self.recordDigest) = (hospital, visit, recordDigest)
  }

  public var description: String { "\(hospital)/\(visit)/\(recordDigest)" }

  public static func < (a: RecordName, b: RecordName) -> Bool {
    if a.hospital != b.hospital { return a.hospital < b.hospital }
    return (a.visit, a.recordDigest) < (b.visit, b.recordDigest)
  }
}

/// Where the cloud keeps sealed records: each in rows of at most 1 MiB, the first of which says what it is.
public protocol RecordStore: Sendable {
  /// Stores rows, all or none. Returns when they are durable.
  ///
  /// Row 0 is what the record is, and may be replaced; the others are pieces. Storing the same bytes again
  /// changes nothing.
  /// - Throws: ``StoreError``; `conflict` for a piece if there are other bytes in its row, or if there is no
  ///   row 0.
  func put(_ rows: [Int: [UInt8]], of record: RecordName) async throws(StoreError)

  /// - Returns: nil if there is no such row.
  /// - Throws: ``StoreError``; `corrupted` if the bytes are not those that were stored.
  func row(_ row: Int, of record: RecordName) async throws(StoreError) -> [UInt8]?

  /// How many rows there are of a record.
  func rowCount(of record: RecordName) async throws(StoreError) -> Int

  /// Removes all rows of a record. Returns when that is durable.
  func remove(_ record: RecordName) async throws(StoreError)

  /// The records of a visit, in ascending order, whole or not.
  func records(ofVisit visit: Digest32, at hospital: String) async throws(StoreError)
    -> [RecordName]

  /// All records, in ascending order.
  func records() async throws(StoreError) -> [RecordName]
}

/// What every role store holds to.
public enum RoleStoreLimits {
  /// The longest value, in bytes: what is longer is refused when it is written, so whatever was written
  /// can be read again.
  public static let valueByteCount = 4 << 20

  /// What a store does before it writes anything.
  ///
  /// - Throws: ``StoreError`` `tooLarge`; `invalidValue` for a value of a role that the role could not read again.
  public static func check(_ changes: [String: [UInt8]?]) throws(StoreError) {
    for (key, value) in changes {
      if let count = value?.count, count > valueByteCount {
        throw StoreError(.tooLarge, "\"\(key)\": \(count) bytes, limit \(valueByteCount)")
      }
      if let value { try StoredKinds.check(key, value) }
    }
  }
}

/// What one role remembers across restarts: small values under keys, changed together or not at all.
public protocol RoleStore: Sendable {
  /// - Throws: ``StoreError``; `corrupted` if the bytes are not those that were stored.
  func value(forKey key: String) throws(StoreError) -> [UInt8]?

  /// The keys with this prefix, in ascending order of their UTF-8.
  func keys(withPrefix prefix: String) throws(StoreError) -> [String]

  /// Applies all changes or none; nil removes a key. Returns when they are durable.
  ///
  /// - Throws: ``StoreError``; what ``RoleStoreLimits/check(_:)`` throws, before anything is written.
  func write(_ changes: [String: [UInt8]?]) throws(StoreError)
}
