import CanonicalEncoding
import Consortium
import EMRScheme

extension RecordStore {
  /// The visits that have a record, whole or not, in ascending order.
  func visits() async throws -> [Digest32] {
    try await Set(records().map(\.visit)).sorted()
  }

  /// All rows about a visit.
  func rows(ofVisit visit: Digest32) async throws -> [[UInt8]] {
    var rows: [[UInt8]] = []
    for record in try await records() where record.visit == visit {
      for row in 0..<(try await rowCount(of: record)) {
        rows.append(try await self.row(row, of: record) ?? [])
      }
    }
    return rows
  }

  /// The only record of a visit.
  func record(ofVisit visit: Digest32) async throws -> RecordName? {
    let records = try await records().filter { $0.visit == visit }
    return records.count == 1 ? records[0] : nil
  }
}

extension RecordPiece {
  /// All of a record that is one piece.
  init(_ record: SealedRecord) throws {
    self.init(
      head: record.head, piece: try Piece(byteCount: record.c.count, index: 0, bytes: record.c))
  }

  /// With another bit in the middle of it.
  func changed() -> RecordPiece {
    var bytes = piece.bytes
    bytes[bytes.count / 2] ^= 1
    guard
      let other = try? Piece(byteCount: piece.byteCount, index: piece.index, bytes: bytes)
    else { return self }
    return RecordPiece(head: head, piece: other)
  }
}
