package import CanonicalEncoding
package import EMRScheme

/// One piece of a ciphertext that is longer than a message: so many bytes at this place.
///
/// Whatever says otherwise is refused when it is decoded: a piece is 1 MiB, and shorter only at the end.
package struct Piece: CanonicalValue, Equatable {
  /// Of the whole ciphertext.
  package let byteCount: Int
  /// The number of this piece, from 0.
  package let index: Int
  package let bytes: [UInt8]

  /// - Throws: ``DecodingFailure`` `invalid-field` for what is not a piece of such a ciphertext.
  package init(byteCount: Int, index: Int, bytes: [UInt8]) throws(DecodingFailure) {
    guard (1...Limits.ciphertextByteCount).contains(byteCount),
      (0..<Self.count(of: byteCount)).contains(index),
      bytes.count == Self.length(of: index, byteCount)
    else { throw DecodingFailure(.invalidField, "this is no piece of \(byteCount) bytes") }
    (self.byteCount, self.index, self.bytes) = (byteCount, index, bytes)
  }

  /// How many pieces so many bytes are.
  package static func count(of byteCount: Int) -> Int {
    (byteCount + Limits.pieceByteCount - 1) / Limits.pieceByteCount
  }

  /// How long a piece is.
  package static func length(of index: Int, _ byteCount: Int) -> Int {
    min(Limits.pieceByteCount, byteCount - index * Limits.pieceByteCount)
  }

  /// Where a field says which piece is meant.
  package static let indices: ClosedRange<UInt64> =
    0...UInt64(count(of: Limits.ciphertextByteCount) - 1)

  package var isLast: Bool { index + 1 == Self.count(of: byteCount) }

  package func encode(into fields: inout some FieldEncoder) {
    fields.integer("byteCount", UInt64(byteCount))
    fields.integer("index", UInt64(index))
    fields.octets("bytes", bytes)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    try self.init(
      byteCount: Int(
        try fields.integer("byteCount", in: 1...UInt64(Limits.ciphertextByteCount))),
      index: Int(try fields.integer("index", in: Self.indices)),
      bytes: try fields.octets("bytes", 1...Limits.pieceByteCount))
  }
}

/// A piece of C, with all else of its record: the head proves of which record it claims to be a piece.
package struct RecordPiece: CanonicalValue, Equatable {
  package var head: RecordHead
  package var piece: Piece

  package init(head: RecordHead, piece: Piece) { (self.head, self.piece) = (head, piece) }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("head", head)
    fields.value("piece", piece)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    head = try fields.value("head")
    piece = try fields.value("piece")
  }
}

/// How far the recipient of pieces has come: the next one that it takes, or their number once it has all.
package struct PiecesHeld: CanonicalValue, Equatable {
  package var count: Int

  package init(count: Int) { self.count = count }

  package func encode(into fields: inout some FieldEncoder) {
    fields.integer("count", UInt64(count))
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    count = Int(try fields.integer("count", in: 0...Piece.indices.upperBound + 1))
  }
}
