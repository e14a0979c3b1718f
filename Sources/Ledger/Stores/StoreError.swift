/// Why a store cannot do what it was asked.
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
    /// Other bytes are stored already, or somebody else wrote first.
    public static let conflict = Code("conflict")
    /// Whether the change is stored cannot be told; making the same change again is safe.
    public static let outcomeUnknown = Code("outcome-unknown")
    /// Longer than the store takes; nothing was written.
    public static let tooLarge = Code("too-large")
  }

  public let code: Code
  public let message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { "\(code): \(message)" }
}
