package import CanonicalEncoding
package import Consortium

/// The object under a record's name. Replacing it is the one step that changes what there is of the record.
///
/// Big-endian: the eight bytes `BCEMRS3` and 1 ‖ generation (8) ‖ length of row 0 (4) ‖ row 0 ‖ for each piece, by
/// ascending row: row (4), length (4), generation in which it was put (8), digest (32) ‖ digest of all before (32).
/// Where there are no rows, the generation is followed by the digest, or by one zero byte and the digest while
/// there may be pieces. Digests are SHA-256(length of the name in 8 bytes ‖ name ‖ bytes); the name is that of the
/// record, a piece's with a slash and the number of the row.
package struct RecordManifest: Equatable, Sendable {
  package struct Piece: Equatable, Sendable {
    package let row: UInt32
    package let byteCount: UInt32
    /// Of the manifest that named it first.
    package let generation: UInt64
    package let digest: Digest32

    package init(row: UInt32, byteCount: UInt32, generation: UInt64, digest: Digest32) {
      (self.row, self.byteCount) = (row, byteCount)
      (self.generation, self.digest) = (generation, digest)
    }
  }

  package enum Rows: Equatable, Sendable {
    /// None. While there may be objects of pieces, the record is in the listings, so that it can be removed.
    case none(mayHavePieces: Bool)
    /// Row 0, and the others in ascending order.
    case kept(first: [UInt8], pieces: [Piece])
  }

  /// Above that of every manifest of this record before.
  package var generation: UInt64
  package var rows: Rows

  package static let rowLimit = 1 << 20
  package static let pieceLimit = 4096
  package static let byteLimit = 8 + 8 + 4 + rowLimit + pieceLimit * pieceByteCount + 32
  /// Of the manifest of a record that is gone: no other one has this length.
  package static let removedByteCount = 8 + 8 + 32

  private static let pieceByteCount = 48
  private static let magic = Array("BCEMRS3\u{1}".utf8)

  /// What is checked when a piece is read.
  package static func digest(_ bytes: [UInt8], row: UInt32, of record: RecordName) -> Digest32 {
    digest(bytes, under: "\(record)/\(row)")
  }

  private static func digest(_ bytes: [UInt8], under name: String) -> Digest32 {
    Digest32(sha256: UInt64(name.utf8.count).bytes + Array(name.utf8) + bytes)
  }

  package func encoded(for record: RecordName) -> [UInt8] {
    var bytes = Self.magic + generation.bytes
    switch rows {
    case .none(let mayHavePieces): if mayHavePieces { bytes.append(0) }
    case .kept(let first, let pieces):
      bytes += UInt32(first.count).bytes + first
      for piece in pieces {
        bytes += piece.row.bytes + piece.byteCount.bytes + piece.generation.bytes
        bytes += piece.digest.bytes
      }
    }
    return bytes + Self.digest(bytes, under: "\(record)").bytes
  }

  /// - Returns: nil if this is no manifest of the record, or is not what was written.
  package init?(_ bytes: [UInt8], of record: RecordName) {
    guard bytes.count >= Self.removedByteCount, bytes.count <= Self.byteLimit,
      bytes.starts(with: Self.magic),
      Self.digest(Array(bytes.dropLast(32)), under: "\(record)").bytes == Array(bytes.suffix(32))
    else { return nil }
    var rest = bytes.dropLast(32).dropFirst(8)
    generation = rest.take()
    switch rest.count {
    case 0: rows = .none(mayHavePieces: false)
    case 1 where rest.first == 0: rows = .none(mayHavePieces: true)
    case 4...:
      let count = Int(rest.take() as UInt32)
      guard count <= Self.rowLimit, count <= rest.count,
        (rest.count - count).isMultiple(of: Self.pieceByteCount)
      else { return nil }
      let first = Array(rest.prefix(count))
      rest = rest.dropFirst(count)
      var pieces: [Piece] = []
      while !rest.isEmpty {
        let (row, length) = (rest.take() as UInt32, rest.take() as UInt32)
        let piece = Piece(
          row: row, byteCount: length, generation: rest.take(),
          digest: Digest32(rest.prefix(32)) ?? .zero)
        rest = rest.dropFirst(32)
        guard piece.row > pieces.last?.row ?? 0, piece.byteCount <= Self.rowLimit else {
          return nil
        }
        pieces.append(piece)
      }
      rows = .kept(first: first, pieces: pieces)
    default: return nil
    }
  }

  package init(generation: UInt64, rows: Rows) { (self.generation, self.rows) = (generation, rows) }
}

extension FixedWidthInteger {
  fileprivate var bytes: [UInt8] {
    (0..<Self.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) }
  }
}

extension ArraySlice<UInt8> {
  /// Takes an integer away from the front, where there are as many bytes.
  fileprivate mutating func take<Number: FixedWidthInteger>() -> Number {
    defer { self = dropFirst(Number.bitWidth / 8) }
    return prefix(Number.bitWidth / 8).reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
  }
}
