import CanonicalEncoding
import Consortium
import Credentials
import DeskInterface
import Foundation
import HTTPTypes
import Hummingbird
import Ledger
import TerminalText

/// Why a command ends without its result.
struct DaemonFailure: Error {
  enum Status: Int32, Codable {
    case checkFailed = 1
    case badInput = 2
  }

  let status: Status
  /// Stays the same from version to version, for programs.
  let code: String
  /// Begins in lower case; names the file or party that it is about.
  let message: String
  /// What can be done about it.
  let hint: String?

  init(_ status: Status, _ message: String, code: String = "bad-input", hint: String? = nil) {
    (self.status, self.code, self.message, self.hint) = (status, code, message, hint)
  }

  /// - Parameter place: the file that was being looked at.
  init(_ error: any Error, at place: String? = nil) {
    let (status, code, message): (Status, String, String) =
      switch error {
      case let error as DaemonFailure: (error.status, error.code, error.message)
      case let error as ReportedFailure: (.badInput, error.code, error.message)
      case let error as DurableFile.Failure: (.badInput, "unavailable", error.message)
      case let error as StoreError:
        (error.code == .corrupted ? .checkFailed : .badInput, error.codeText, error.message)
      case let error as any CodedError:
        (.badInput, error.codeText, "\(error.message) (\(error.codeText))")
      default: (.badInput, "unexpected", "\(error)")
      }
    self.init(
      status, place.map { "\($0): \(message)" } ?? message, code: code,
      hint: (error as? DaemonFailure)?.hint ?? (error as? ReportedFailure)?.hint)
  }
}

extension DaemonFailure {
  /// What the desk is told of an error: also what a role says only to who runs it.
  init(atDesk error: any Error) {
    switch error {
    case let error as DaemonFailure: self = error
    case let error as HTTPError where error.status == .contentTooLarge:
      self.init(.badInput, "a request to the desk is shorter", code: "too-large")
    case is DecodingError:
      self.init(.badInput, "this is no request to the desk", code: "malformed")
    case let error as any CodedError:
      self.init(
        .badInput, error.message, code: error.codeText, hint: Self.hints[error.codeText])
    default:
      let error = ConsortiumError(error)
      self.init(
        .badInput, error.message, code: "\(error.code)", hint: Self.hints["\(error.code)"])
    }
  }

  private static let hints = [
    "unknown-doctor": "'bcemrd desk doctors' lists whom the hospital has taken on",
    "registered-elsewhere":
      "an identifier stays with the hospital that has registered it: the doctor takes another one, by "
      + "'bcemr doctor init'",
    "not-active": "who comes back takes another identifier, by 'bcemr doctor init'",
    "no-team": "'bcemrd desk doctors' says who may act; 'bcemrd desk staffing' who is on duty",
    "invalid-staffing": "the form of the file is in docs/command-line.md",
    "not-entitled": "once its identity key changes, a party rotates no more in this epoch",
    "unreachable": "the other members may be away: 'bcemrd check' asks each; then try again",
    "full": "make room on the disk of the data folder",
  ]
}

extension ReportedFailure {
  init(_ failure: DaemonFailure) {
    self.init(code: failure.code, failure.message, hint: failure.hint)
  }
}

enum Output {
  /// Text of one line or several, without what steers a terminal: names come from files and from others.
  static func line(_ text: String) { print(printableLines(text)) }

  /// As it is: for what was drawn here.
  static func verbatim(_ text: String) { print(text) }

  static func diagnostic(_ text: String) {
    FileHandle.standardError.write(Data("bcemrd: \(printableLines(text))\n".utf8))
  }

  /// One JSON value, with sorted keys.
  static func json(_ value: some Encodable) throws {
    let encoder = DeskJSON.encoder
    encoder.outputFormatting.insert(.prettyPrinted)
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
  }

  /// Says why a command ends, in the form that was asked for.
  static func failure(_ failure: DaemonFailure) {
    if CommandLine.arguments.contains("--json") {
      try? json(["error": ReportedFailure(failure)])
    } else {
      diagnostic(failure.message)
      if let hint = failure.hint { diagnostic("hint: \(hint)") }
    }
  }
}
