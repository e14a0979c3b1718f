public import CanonicalEncoding

/// An engine that puts opaque entries into one order and keeps them; it understands none of them.
///
/// Ordering and validation are apart (specification, section 6): whatever this log holds, every
/// supernode replays it by the same rules and reaches the same blocks.
public protocol OrderingLog: Sendable {
  /// Appends entries in the order given.
  ///
  /// Returns when all of them are durable, so that neither a crash nor a power loss can lose them.
  /// An entry whose bytes are already in the log is not appended again: its first position is
  /// returned.
  ///
  /// - Throws: ``OrderingLogError``. With `outcomeUnknown` the entries may or may not stand in the
  ///   log, and the caller appends them again.
  func append(_ entries: [[UInt8]]) async throws(OrderingLogError) -> [UInt64]

  /// Up to `limit` entries from `position` on, in order and without gaps; none at the end.
  func entries(
    from position: UInt64, limit: Int
  ) async throws(OrderingLogError) -> [OrderedEntry]

  /// The hash over the first `count` entries: SHA-256(that over one fewer ‖ the last of them), and 32
  /// zero bytes over none. By it a replica notices a log that is not the one it has read.
  ///
  /// - Returns: nil if the log has fewer entries.
  func chain(upTo count: UInt64) async throws(OrderingLogError) -> Digest32?
}

/// An entry at its place; positions count from 0.
public struct OrderedEntry: Equatable, Sendable {
  public let position: UInt64
  public let bytes: [UInt8]

  public init(position: UInt64, bytes: [UInt8]) {
    self.position = position
    self.bytes = bytes
  }
}

public struct OrderingLogError: CodedError {
  public let code: Code
  public let message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}

/// Why: an open set.
extension ErrorCode<OrderingLogError> {
  /// Whether the entries were appended cannot be told.
  public static var outcomeUnknown: Self { Self("outcome-unknown") }
  /// Nothing was appended; the storage is full, read-only or not to be reached.
  public static var unavailable: Self { Self("unavailable") }
  /// The stored entries are not what was appended.
  public static var corrupted: Self { Self("corrupted") }
  /// An entry is longer than the log takes.
  public static var tooLarge: Self { Self("too-large") }
}
