import CanonicalEncoding
import GRDB
import Ledger

/// The place of a leaf in its table, and the hash of all that stands up to there: each row chains
/// SHA-256(chain of the row before ‖ leaf).
struct ChainedRow: Equatable {
  let position: Int64
  let chain: Digest32

  /// Before the first leaf.
  static let none = ChainedRow(position: -1, chain: .zero)

  init(position: Int64, chain: Digest32) { (self.position, self.chain) = (position, chain) }

  init(_ row: Row) throws {
    guard let chain = Digest32(try row.blob("chain")),
      let position = Int64.fromDatabaseValue(row["position"]),
      (0..<Int64.max).contains(position)
    else { throw StoreError(.corrupted, "a leaf has no place in the log") }
    self.init(position: position, chain: chain)
  }

  static func last(_ database: Database) throws -> ChainedRow {
    let row = try Row.fetchOne(
      database.cachedStatement(
        sql: "SELECT position, chain FROM leaf ORDER BY position DESC LIMIT 1"))
    return try row.map(ChainedRow.init) ?? .none
  }

  static func at(_ position: Int64, _ database: Database) throws -> ChainedRow? {
    if position == none.position { return none }
    let row = try Row.fetchOne(
      database.cachedStatement(sql: "SELECT position, chain FROM leaf WHERE position = ?"),
      arguments: [position])
    return try row.map(ChainedRow.init)
  }

  func next(_ leaf: [UInt8]) -> ChainedRow {
    ChainedRow(position: position + 1, chain: Digest32(sha256: chain.bytes + leaf))
  }
}
