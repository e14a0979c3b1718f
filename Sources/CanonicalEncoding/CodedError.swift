/// An error with a code that stays the same from version to version, for programs, and a message for
/// people. Neither ever holds a secret.
public protocol CodedError: Error, Equatable, Sendable, CustomStringConvertible {
  /// For programs.
  var code: ErrorCode<Self> { get }
  /// For people.
  var message: String { get }
  /// With a code for programs, and a message for people.
  init(_ code: ErrorCode<Self>, _ message: String)
}

extension CodedError {
  /// The codes of this error.
  public typealias Code = ErrorCode<Self>

  public var description: String { "\(code): \(message)" }

  /// The code as text, whatever error it is of.
  public var codeText: String { code.description }
}

/// One of an open set of reasons for an error.
public struct ErrorCode<Failure>: Hashable, Sendable, CustomStringConvertible {
  public let description: String
  /// The code as text, which stays the same from version to version.
  public init(_ description: String) { self.description = description }
}
