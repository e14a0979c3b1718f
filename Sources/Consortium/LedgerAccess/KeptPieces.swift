package import CanonicalEncoding
import EMRScheme
import Ledger

/// A ciphertext that a role keeps, one row for each piece, under a name of its own.
package struct KeptPieces: CanonicalValue, Equatable {
  /// 32 random bytes.
  package let name: Digest32
  /// Of all pieces.
  package let byteCount: Int

  package init(name: Digest32, byteCount: Int) { (self.name, self.byteCount) = (name, byteCount) }

  package var count: Int { Piece.count(of: byteCount) }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("name", name)
    fields.integer("byteCount", UInt64(byteCount))
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    name = try fields.digest("name")
    byteCount = Int(try fields.integer("byteCount", in: 1...UInt64(Limits.ciphertextByteCount)))
  }
}

/// The rows with pieces of what a role keeps about one thing, as a visit.
struct PieceRows {
  let store: any RoleStore
  /// Ends in a slash.
  let prefix: String

  func key(_ name: Digest32, _ index: Int) -> String { "\(prefix)\(name)/\(index)" }

  /// Keeps pieces as they are made, all but the last: nothing names them yet.
  ///
  /// - Parameter name: of 32 random bytes.
  /// - Returns: and the row of the last, to be written with what names them.
  func keep(
    as name: Digest32, _ next: () throws -> [UInt8]?
  ) throws -> (pieces: KeptPieces, last: [String: [UInt8]?]) {
    var (index, byteCount) = (0, 0)
    var last: [String: [UInt8]?] = [:]
    while let piece = try next() {
      if !last.isEmpty { try store.write(last) }
      last = [key(name, index): piece]
      (index, byteCount) = (index + 1, byteCount + piece.count)
    }
    return (KeptPieces(name: name, byteCount: byteCount), last)
  }

  /// - Throws: ``StoreError`` `corrupted` if a row is gone that was kept.
  func piece(_ index: Int, of kept: KeptPieces) throws -> Piece {
    guard let bytes = try store.value(forKey: key(kept.name, index)),
      let piece = try? Piece(byteCount: kept.byteCount, index: index, bytes: bytes)
    else { throw StoreError(.corrupted, "a piece that was kept is gone") }
    return piece
  }

  /// All of it.
  func bytes(_ kept: KeptPieces) throws -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(kept.byteCount)
    for index in 0..<kept.count { bytes += try piece(index, of: kept).bytes }
    return bytes
  }

  /// What removes all rows but those of the names that are in use, for ``RoleStore/write(_:)``.
  func removal(allBut names: Set<Digest32>) throws -> [String: [UInt8]?] {
    var changes: [String: [UInt8]?] = [:]
    for key in try store.keys(withPrefix: prefix) {
      let name = key.dropFirst(prefix.count).prefix { $0 != "/" }
      if Digest32(hex: String(name)).map({ !names.contains($0) }) ?? true {
        changes[key] = .some(nil)
      }
    }
    return changes
  }
}
