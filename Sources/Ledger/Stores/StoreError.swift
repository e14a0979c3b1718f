public import CanonicalEncoding

/// Why a store cannot do what it was asked.
public struct StoreError: CodedError {
  public let code: Code
  public let message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}

/// Why: an open set.
extension ErrorCode<StoreError> {
  /// The storage is read-only or cannot be reached.
  public static var unavailable: Self { Self("unavailable") }
  /// The disk is full; nothing was written.
  public static var full: Self { Self("full") }
  /// Another process holds the folder.
  public static var locked: Self { Self("locked") }
  /// The bytes are not those that were stored.
  public static var corrupted: Self { Self("corrupted") }
  /// Other bytes are stored already, or somebody else wrote first.
  public static var conflict: Self { Self("conflict") }
  /// Whether the change is stored cannot be told; making the same change again is safe.
  public static var outcomeUnknown: Self { Self("outcome-unknown") }
  /// Longer than the store takes; nothing was written.
  public static var tooLarge: Self { Self("too-large") }
  /// Nobody could read it again; nothing was written.
  public static var invalidValue: Self { Self("invalid-value") }
}
