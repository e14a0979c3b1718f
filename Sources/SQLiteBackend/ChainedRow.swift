import CanonicalEncoding
import GRDB
import Ledger

/// A table of rows, each of which chains SHA-256(chain of the row before ‖ bytes).
enum ChainedTable: String {
  case entries = "entry"
  case leaves = "leaf"
}

/// A place in such a table and the hash of all that stands up to there.
struct ChainedRow: Equatable {
  let position: Int64
  let chain: Digest32

  /// Before the first entry.
  static let none = ChainedRow(position: -1, chain: .zero)

  init(position: Int64, chain: Digest32) { (self.position, self.chain) = (position, chain) }

  init(_ row: Row) throws {
    guard let chain = Digest32(try row.blob("chain")),
      let position = Int64.fromDatabaseValue(row["position"]),
      (0..<Int64.max).contains(position)
    else { throw StoreError(.corrupted, "an entry has no place in the log") }
    self.init(position: position, chain: chain)
  }

  static func last(_ table: ChainedTable, _ database: Database) throws -> ChainedRow {
    let row = try Row.fetchOne(
      database.cachedStatement(
        sql: "SELECT position, chain FROM \(table.rawValue) ORDER BY position DESC LIMIT 1"))
    return try row.map(ChainedRow.init) ?? .none
  }

  static func at(
    _ position: Int64, _ table: ChainedTable, _ database: Database
  ) throws -> ChainedRow? {
    if position == none.position { return none }
    let row = try Row.fetchOne(
      database.cachedStatement(
        sql: "SELECT position, chain FROM \(table.rawValue) WHERE position = ?"),
      arguments: [position])
    return try row.map(ChainedRow.init)
  }

  func next(_ bytes: [UInt8]) -> ChainedRow {
    ChainedRow(position: position + 1, chain: Digest32(sha256: chain.bytes + bytes))
  }

  /// Gaps, rows that the chain does not lead to, and what `check` finds in a row.
  static func findings(
    _ table: ChainedTable, _ database: Database,
    check: (ChainedRow, [UInt8], Row) throws -> StoreFinding.Detail?
  ) throws -> [StoreFinding.Detail] {
    var findings: [StoreFinding.Detail] = []
    var last = none
    let rows = try Row.fetchCursor(
      database, sql: "SELECT * FROM \(table.rawValue) ORDER BY position")
    while let row = try rows.next() {
      let stored = try ChainedRow(row)
      let bytes = try row.blob("bytes")
      if stored.position != last.position + 1 {
        findings.append((.gap, "\(table.rawValue) \(last.position + 1) is missing"))
      }
      if let finding = try check(stored, bytes, row) { findings.append(finding) }
      if stored.chain != last.next(bytes).chain {
        findings.append(
          (.brokenChain, "\(table.rawValue) \(stored.position) does not continue the chain"))
      }
      last = stored
    }
    return findings
  }
}
