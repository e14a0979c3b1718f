import CanonicalEncoding
import Foundation
import GRDB
import Ledger

/// Something in a store that is not as it was written.
public struct StoreFinding: Equatable, Sendable, CustomStringConvertible {
  /// An open set of kinds.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    public let description: String
    /// The code as text, which stays the same from version to version.
    public init(_ description: String) { self.description = description }

    /// A file that should be there is not.
    public static let missing = Code("missing")
    /// The file cannot be read to its end.
    public static let unreadable = Code("unreadable")
    /// A file of another program, of another version, or with a damaged header.
    public static let notOurs = Code("not-ours")
    /// Other tables than ours.
    public static let wrongSchema = Code("wrong-schema")
    /// SQLite's own check finds this.
    public static let integrity = Code("integrity")
    /// A position of a log without a leaf.
    public static let gap = Code("gap")
    /// A leaf that the hash chain does not lead to.
    public static let brokenChain = Code("broken-chain")
    /// Bytes that do not have the digest stored beside them.
    public static let wrongDigest = Code("wrong-digest")
    /// Bytes that are longer or shorter than any that could be stored.
    public static let wrongLength = Code("wrong-length")
    /// Keys, or a store, that others may read or change.
    public static let insecureFile = Code("insecure-file")
    /// The store of another role.
    public static let foreignStore = Code("foreign-store")
  }

  typealias Detail = (code: Code, what: String)

  public let code: Code
  /// The path of the file.
  public let file: String
  /// For people.
  public let what: String

  public var description: String { "\(file): \(code): \(what)" }
}

/// Checks store files to the last byte that means something; changes none of them.
///
/// A log that ends early is not noticed here, nor a row of another store that is gone: a valid
/// beginning of a log is a valid log. Who compares the stores with each other notices it.
public enum StoreCheck {
  /// All that is wrong with the store file at `path`, of whatever kind it is.
  public static func findings(inFileAt path: String) -> [StoreFinding] {
    do {
      let header = try StoreHeader(ofFileAt: path)
      guard let format = StoreFormat.all.first(where: { $0.applicationID == header.applicationID }),
        header.version == format.version
      else {
        return [StoreFinding(code: .notOurs, file: path, what: "no store file of this program")]
      }
      return try SQLiteFile.openReadOnly(path).read { try details(format, $0) }
        .map { StoreFinding(code: $0.code, file: path, what: $0.what) }
    } catch {
      let failure = StoreError(error, path)
      let code: StoreFinding.Code = failure.code == .notOurs ? .notOurs : .unreadable
      return [StoreFinding(code: code, file: path, what: failure.message)]
    }
  }

  private static func details(
    _ format: StoreFormat, _ database: Database
  ) throws -> [StoreFinding.Detail] {
    do {
      try SQLiteFile.requireSchema(format, database)
    } catch let error as StoreError {
      return [(.wrongSchema, error.message)]
    }
    let integrity = try String.fetchAll(database, sql: "PRAGMA integrity_check(20)")
      .filter { $0 != "ok" }.map { (StoreFinding.Code.integrity, $0) }
    do {
      return try integrity + format.findings(database)
    } catch {
      return integrity + [(.unreadable, StoreError(error, "the rows").message)]
    }
  }
}

extension Row {
  /// The bytes in a column. A damaged file may hold something else in spite of its schema.
  func blob(_ column: String) throws -> [UInt8] {
    guard case .blob(let bytes) = (self[column] as DatabaseValue).storage else {
      throw StoreError(.corrupted, "the column \(column) holds no bytes")
    }
    return [UInt8](bytes)
  }
}

extension Digest32 {
  /// SHA-256(length of the key in 8 bytes, big endian ‖ key ‖ value): a value under another key has
  /// another.
  init(ofValue value: [UInt8], underKey key: [UInt8]) {
    let length = (0..<8).reversed().map { UInt8(truncatingIfNeeded: key.count >> (8 * $0)) }
    self.init(sha256: length + key + value)
  }
}
