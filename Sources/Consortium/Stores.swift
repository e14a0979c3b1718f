public import CanonicalEncoding
public import Ledger

/// Where the cloud keeps sealed records.
public protocol RecordStore: Sendable {
  /// Stores the record of a visit. Returns when it is durable.
  ///
  /// Storing the same bytes again changes nothing.
  /// - Throws: ``StoreError``; `conflict` if other bytes are stored for this visit.
  func put(_ record: [UInt8], visit: Digest32) async throws(StoreError)

  /// - Returns: nil if there is no record of this visit.
  /// - Throws: ``StoreError``; `corrupted` if the bytes are not those that were stored.
  func record(ofVisit visit: Digest32) async throws(StoreError) -> [UInt8]?

  /// The visits that have a record, in ascending order.
  func visits() async throws(StoreError) -> [Digest32]
}

/// What one role remembers across restarts: small values under keys, changed together or not at all.
public protocol RoleStore: Sendable {
  /// - Throws: ``StoreError``; `corrupted` if the bytes are not those that were stored.
  func value(forKey key: String) throws(StoreError) -> [UInt8]?

  /// The keys with this prefix, in ascending order of their UTF-8.
  func keys(withPrefix prefix: String) throws(StoreError) -> [String]

  /// Applies all changes or none; nil removes a key. Returns when they are durable.
  func write(_ changes: [String: [UInt8]?]) throws(StoreError)
}
