/// An error with a code that stays the same from version to version, for programs, and a message for
/// people. Neither ever holds a secret.
public protocol CodedError: Error, Equatable, Sendable, CustomStringConvertible {
  var code: ErrorCode<Self> { get }
  var message: String { get }
  init(_ code: ErrorCode<Self>, _ message: String)
}

extension CodedError {
  public typealias Code = ErrorCode<Self>

  public var description: String { "\(code): \(message)" }

  /// The code as text, whatever error it is of.
  public var codeText: String { code.description }
}

/// One of an open set of reasons for an error.
public struct ErrorCode<Failure>: Hashable, Sendable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
