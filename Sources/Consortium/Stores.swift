public import CanonicalEncoding

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

public struct StoreError: Error, Equatable, Sendable, CustomStringConvertible {
  /// An open set of reasons.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }

    /// The storage is read-only or cannot be reached.
    public static let unavailable = Code("unavailable")
    /// The disk is full; nothing was written.
    public static let full = Code("full")
    /// Another process holds the folder.
    public static let locked = Code("locked")
    /// The bytes are not those that were stored.
    public static let corrupted = Code("corrupted")
    /// Other bytes are stored already.
    public static let conflict = Code("conflict")
  }

  public let code: Code
  public let message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { "\(code): \(message)" }
}
