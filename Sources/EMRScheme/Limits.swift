/// Bounds that decoders apply before they look further.
public enum Limits {
  /// n at most.
  public static let teamSize = 16
  /// Of an identifier in UTF-8.
  public static let identifierByteCount = 64
  /// A compressed point of any suite.
  public static let pointByteCounts = 1...1024
  /// A scalar of any suite.
  public static let scalarByteCounts = 1...64
  /// All findings of one visit together.
  public static let findingsByteCount = 64 << 20
  /// C of the longest ``RecordPlaintext``: padded to 66 MiB, in 67 segments with a tag each.
  public static let ciphertextByteCount = 66 << 20 + 67 * 16
  /// Sealed findings and records travel, and are kept, in pieces of so many bytes; only the last one is
  /// shorter.
  public static let pieceByteCount = 1 << 20
  /// Seconds since 1970 that any field of time may hold: the end of the year 9999.
  public static let latestTime: UInt64 = 253_402_300_799
}
