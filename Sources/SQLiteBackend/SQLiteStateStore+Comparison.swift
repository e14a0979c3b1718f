import Foundation
import GRDB
package import Ledger

/// A row in which a state is not as it should be.
package struct StateDifference: Sendable, Equatable, CustomStringConvertible {
  package enum Kind: Sendable {
    case missing
    case unexpected
    case otherValue
  }

  package let key: [UInt8]
  package let kind: Kind

  package init(key: [UInt8], kind: Kind) { (self.key, self.kind) = (key, kind) }

  /// What the row is about: its key up to the first slash.
  package var name: String {
    String(decoding: key.prefix { $0 != UInt8(ascii: "/") }, as: UTF8.self)
  }

  /// The key, as far as it is shown, and what is wrong.
  package var description: String {
    let row = SQLiteStateStore.text(ofKey: key)
    return switch kind {
    case .missing: "\(row) is missing"
    case .unexpected: "\(row) should not be there"
    case .otherValue: "\(row) has another value"
    }
  }
}

extension SQLiteStateStore {
  /// A key as text: its parts as they are where they are printable ASCII, and in hexadecimal digits what
  /// follows the last of these; the beginning of what is long.
  static func text(ofKey key: [UInt8]) -> String {
    let printable = key.prefix { (0x21...0x7e).contains($0) }
    let shown =
      printable.count == key.count
      ? printable.prefix(80)
      : printable.prefix((printable.lastIndex(of: UInt8(ascii: "/")) ?? -1) + 1)
    let rest = key.dropFirst(shown.count)
    let hex = printable.count == key.count ? [] : rest.prefix(8)
    return String(decoding: shown, as: UTF8.self)
      + hex.map { String(format: "%02x", $0) }.joined() + (rest.count > hex.count ? "…" : "")
  }

  /// Gives every row in which this state is not as `expected`, in the order of keys. Both are read
  /// once and side by side, so memory does not grow with them.
  ///
  /// - Parameter isCompared: whether a key is one of those that both should have.
  package func differences(
    from expected: SQLiteStateStore, where isCompared: @escaping ([UInt8]) -> Bool,
    _ report: (StateDifference) -> Void
  ) throws(StoreError) {
    try file.read { own in
      try expected.file.read { other in
        var found = try SortedRows(own, isCompared)
        var made = try SortedRows(other, isCompared)
        while true {
          switch (found.row, made.row) {
          case (nil, nil): return
          case (let row?, let right?) where row.key == right.key:
            if row.value != right.value {
              report(StateDifference(key: row.key, kind: .otherValue))
            }
            try found.advance()
            try made.advance()
          case (let row?, let right) where right.map({ row.precedes($0) }) ?? true:
            report(StateDifference(key: row.key, kind: .unexpected))
            try found.advance()
          case (_, let right):
            if let right { report(StateDifference(key: right.key, kind: .missing)) }
            try made.advance()
          }
        }
      }
    }
  }

  /// The keys that begin so, in their order, without the beginning.
  package func keys(after prefix: String) throws(StoreError) -> [[UInt8]] {
    try file.read { database in
      let keys = try Row.fetchCursor(
        database, sql: "SELECT key FROM state WHERE key >= ? ORDER BY key",
        arguments: [Data(prefix.utf8)])
      var found: [[UInt8]] = []
      while let row = try keys.next() {
        let key = try row.blob("key")
        guard key.starts(with: prefix.utf8) else { break }
        found.append(Array(key.dropFirst(prefix.utf8.count)))
      }
      return found
    }
  }
}

/// The rows of a state that are compared, in the order of keys.
private struct SortedRows {
  struct Pair {
    let key: [UInt8]
    let value: [UInt8]

    func precedes(_ other: Pair) -> Bool { key.lexicographicallyPrecedes(other.key) }
  }

  private(set) var row: Pair?
  private let cursor: RowCursor
  private let isCompared: ([UInt8]) -> Bool

  init(_ database: Database, _ isCompared: @escaping ([UInt8]) -> Bool) throws {
    cursor = try Row.fetchCursor(database, sql: "SELECT key, value FROM state ORDER BY key")
    self.isCompared = isCompared
    try advance()
  }

  mutating func advance() throws {
    row = nil
    while row == nil, let next = try cursor.next() {
      let key = try next.blob("key")
      if isCompared(key) { row = Pair(key: key, value: try next.blob("value")) }
    }
  }
}
