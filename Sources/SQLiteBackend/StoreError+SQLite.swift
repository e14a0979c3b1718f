public import CanonicalEncoding
import Credentials
import GRDB
public import Ledger

extension ErrorCode<StoreError> {
  /// A file of another program or of an older version of this one, or one whose header is damaged; it
  /// was not touched.
  public static var notOurs: Self { Self("not-ours") }
  /// A file that a newer version of this program wrote; it was not touched.
  public static var newerVersion: Self { Self("newer-version") }
  /// A name that cannot stand in a path.
  public static var invalidName: Self { Self("invalid-name") }
  /// The store of another role; it was not touched.
  public static var foreignStore: Self { Self("foreign-store") }
}

/// Runs what may fail in SQLite or the file system, and says why in our terms.
func storing<Value>(_ path: String, _ body: () throws -> Value) throws(StoreError) -> Value {
  do { return try body() } catch { throw StoreError(error, path) }
}

extension StoreError {
  init(_ error: any Error, _ path: String) {
    switch error {
    case let error as StoreError: self = error
    case let error as DatabaseError: self.init(error, path)
    case let error as DurableFile.Failure:
      let code: Code = error.isFull ? .full : error.isExisting ? .conflict : .unavailable
      self.init(code, error.message)
    case is RowDecodingError: self.init(.corrupted, "\(path): a row is damaged")
    case is CancellationError:
      self.init(.outcomeUnknown, "\(path): the task was cancelled")
    default:
      self.init(.unavailable, "\(path): the store cannot be used")
    }
  }

  private init(_ error: DatabaseError, _ path: String) {
    let (code, reason): (Code, String) =
      switch error.resultCode {
      case .SQLITE_FULL: (.full, "the disk is full; nothing was written")
      // What SQLite calls a write that EFBIG or EDQUOT refused.
      case .SQLITE_IOERR
      where [.SQLITE_IOERR_WRITE, .SQLITE_IOERR_SHMSIZE].contains(error.extendedResultCode):
        (.full, "writing fails: the disk or the space allowed is used up; nothing was written")
      case .SQLITE_IOERR: (.outcomeUnknown, "the disk fails")
      case .SQLITE_READONLY, .SQLITE_PERM: (.unavailable, "the file or its folder is read-only")
      case .SQLITE_CANTOPEN: (.unavailable, "the file cannot be opened")
      case .SQLITE_CORRUPT, .SQLITE_NOTADB: (.corrupted, "the file is damaged")
      case .SQLITE_BUSY, .SQLITE_LOCKED: (.locked, "another process uses the file")
      case .SQLITE_INTERRUPT, .SQLITE_ABORT: (.outcomeUnknown, "the work was interrupted")
      default: (.unavailable, "the store cannot be used")
      }
    self.init(code, "\(path): \(reason) (\(error.extendedResultCode))")
  }
}
