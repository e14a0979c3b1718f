import CanonicalEncoding
import ClinicalRecords
import Consortium
import Credentials
import EMRScheme
import Ledger
import Pairings
import SQLiteBackend
import TransparencyLog

/// Why a command ends without its result.
struct CommandFailure: Error {
  /// What the shell is told.
  enum ExitStatus: Int32 {
    case checkFailed = 1
    case badInput = 2
    /// Somebody does not answer, or the ledger is not that far: it is done, or sent again, later.
    case waits = 3
    case usage = 64
  }

  let exitCode: ExitStatus
  /// Stays the same from version to version, for programs.
  let code: String
  /// Begins in lower case; names the file or the role that it is about.
  let message: String
  /// What the user can do about it.
  let hint: String?
  /// The file that could not be read, where it is known; the message begins with it.
  let place: String?

  init(
    _ exitCode: ExitStatus, code: String, _ message: String, hint: String? = nil,
    place: String? = nil
  ) {
    (self.exitCode, self.code, self.message, self.hint) = (exitCode, code, message, hint)
    self.place = place
  }

  /// - Parameter place: what was being looked at, as a file's path.
  init(_ error: any Error, at place: String? = nil) {
    let (exitCode, code, message): (ExitStatus, String, String) =
      switch error {
      case let error as CommandFailure: (error.exitCode, error.code, error.message)
      case let error as ClinicalRecordError: (.badInput, "\(error.code)", error.readable)
      case let error as DecodingFailure: (.badInput, "\(error.code)", error.message)
      case let error as DurableFile.Failure: (.badInput, error.reportedCode, error.message)
      case let error as CredentialError: (.badInput, "\(error.code)", error.message)
      case let error as LedgerError: (.checkFailed, "\(error.code)", error.message)
      case let error as StoreError:
        (error.code == .corrupted ? .checkFailed : .badInput, "\(error.code)", error.message)
      case let error as ConsortiumError:
        (error.code.exitStatus, "\(error.code)", error.message)
      case let error as BackupError: (.checkFailed, "invalid-backup", error.message)
      case let error as TransparencyLogError: (.badInput, "\(error.code)", error.message)
      case let error as SchemeError: (.checkFailed, "\(error.code)", error.message)
      case let error as PairingError: (.checkFailed, "\(error.code)", error.message)
      default: (.badInput, "unexpected", "\(error)")
      }
    let known = error as? CommandFailure
    let isFull = code == "\(StoreError.Code.full)"
    let prefix = place.map { "\($0): " } ?? ""
    self.init(
      exitCode, code: code, message.hasPrefix(prefix) ? message : prefix + message,
      hint: known?.hint ?? (error as? ClinicalRecordError)?.hint ?? (isFull ? Self.fullHint : nil),
      place: known?.place ?? place)
  }
}

extension CommandFailure {
  private static let fullHint =
    "make room on that disk, or raise the limit that applies (quota, ulimit -f); temporary files go to "
    + "another disk by TMPDIR; then run the command again"
}

/// An error as it stands in JSON.
struct ReportedError: Encodable {
  let code: String
  let message: String
  var hint: String?
}

extension ReportedError {
  init(_ failure: CommandFailure) {
    self.init(code: failure.code, message: failure.message, hint: failure.hint)
  }
}

extension ClinicalRecordError {
  fileprivate var readable: String {
    guard let location else { return message }
    let path = location.path.map { "\($0), " } ?? ""
    return "\(message) at \(path)line \(location.line), column \(location.column)"
  }
}

extension DurableFile.Failure {
  fileprivate var reportedCode: String {
    if isMissing { return "not-found" }
    if isFull { return "full" }
    return isNoFile ? "not-a-file" : "unavailable"
  }
}

extension ErrorCode<ConsortiumError> {
  /// A store that fails is the environment's fault, whichever role reports it; all other refusals
  /// are checks of the protocol.
  fileprivate var exitStatus: CommandFailure.ExitStatus {
    let environment = [StoreError.Code.unavailable, .full, .locked].map(\.description)
    return environment.contains(description) ? .badInput : .checkFailed
  }
}
