import CanonicalEncoding
import Consortium
import Credentials
import Foundation
import Ledger

/// Why a command ends without its result.
struct DaemonFailure: Error {
  enum Status: Int32 {
    case checkFailed = 1
    case badInput = 2
  }

  let status: Status
  /// Begins in lower case; names the file or party that it is about.
  let message: String

  init(_ status: Status, _ message: String) { (self.status, self.message) = (status, message) }

  /// - Parameter place: the file that was being looked at.
  init(_ error: any Error, at place: String? = nil) {
    let (status, message): (Status, String) =
      switch error {
      case let error as DaemonFailure: (error.status, error.message)
      case let error as DurableFile.Failure: (.badInput, error.message)
      case let error as StoreError:
        (error.code == .corrupted ? .checkFailed : .badInput, error.message)
      case let error as any CodedError: (.badInput, "\(error.message) (\(error.codeText))")
      default: (.badInput, "\(error)")
      }
    self.init(status, place.map { "\($0): \(message)" } ?? message)
  }
}

enum Output {
  static func line(_ text: String) { print(text) }

  static func diagnostic(_ text: String) {
    FileHandle.standardError.write(Data("bcemrd: \(text)\n".utf8))
  }
}
