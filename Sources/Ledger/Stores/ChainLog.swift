/// The leaves of one chain, kept in their order and never changed: an engine that understands none
/// of them.
///
/// Whoever appends says at which position, so that of two processes that write one chain the second
/// is refused, and no chain forks by accident.
public protocol ChainLog: Sendable {
  /// Appends leaves, the first at `position`. Returns when all of them are durable, so that neither
  /// a crash nor a power loss can lose them; they are appended together or not at all.
  ///
  /// - Throws: ``StoreError``. `conflict`: the log does not end at `position`, and nothing was
  ///   appended; `outcomeUnknown`: the leaves may or may not stand in the log, and ``size()`` tells;
  ///   `tooLarge`: a leaf is empty or longer than ``ChainLogLimits/leafByteCount``.
  func append(_ leaves: [[UInt8]], at position: UInt64) async throws(StoreError)

  /// How many leaves there are.
  func size() async throws(StoreError) -> UInt64

  /// The leaves from `position` on, in order and without gaps; none at the end.
  ///
  /// - Parameters:
  ///   - limit: at most so many.
  ///   - byteCount: stops before the sum of their lengths is above this, but not before the first.
  /// - Throws: ``StoreError``; `corrupted` if a leaf is missing or not what was appended.
  func leaves(
    from position: UInt64, limit: Int, byteCount: Int
  ) async throws(StoreError) -> [[UInt8]]
}

/// What a log takes.
public enum ChainLogLimits {
  /// What C2SP's entry bundles can hold.
  public static let leafByteCount = 65_535
}
