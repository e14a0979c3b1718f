import CanonicalEncoding
package import Consortium

/// The keys of objects, and what they say:
/// `records/HOSPITAL/VISIT/RECORD` is what there is of a record, `pieces/HOSPITAL/VISIT/RECORD/GENERATION-ROW-DIGEST`
/// one of its pieces.
///
/// A hospital's identifier stands there as it is if it is of a-z, 0-9 and '-'; every other byte as `_` and two
/// digits. The rest is hexadecimal, but generation and row, which are decimal.
package struct ObjectNames {
  /// What all keys begin with; empty, or ends with a slash.
  let prefix: String

  package init(prefix: String) { self.prefix = prefix.isEmpty ? "" : "\(prefix)/" }

  package var allRecords: String { "\(prefix)records/" }

  func records(ofVisit visit: Digest32, at hospital: String) -> String {
    "\(allRecords)\(Self.escape(hospital))/\(visit)/"
  }

  package func record(_ record: RecordName) -> String {
    "\(records(ofVisit: record.visit, at: record.hospital))\(record.recordDigest)"
  }

  /// - Returns: nil for a key that no record has.
  package func record(at key: String) -> RecordName? {
    let parts = key.dropFirst(allRecords.count).split(
      separator: "/", omittingEmptySubsequences: false)
    guard key.hasPrefix(allRecords), parts.count == 3, let hospital = Self.unescape(parts[0]),
      let visit = Digest32(hex: String(parts[1])), let digest = Digest32(hex: String(parts[2]))
    else { return nil }
    let name = RecordName(hospital: hospital, visit: visit, recordDigest: digest)
    return record(name) == key ? name : nil
  }

  func pieces(of record: RecordName) -> String {
    "\(prefix)pieces/\(Self.escape(record.hospital))/\(record.visit)/\(record.recordDigest)/"
  }

  package func piece(_ piece: RecordManifest.Piece, of record: RecordName) -> String {
    "\(pieces(of: record))\(piece.generation)-\(piece.row)-\(piece.digest)"
  }

  /// - Returns: nil for a key that no piece of this record has.
  func generation(ofPieceAt key: String, of record: RecordName) -> UInt64? {
    let folder = pieces(of: record)
    guard key.hasPrefix(folder) else { return nil }
    let parts = key.dropFirst(folder.count).split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, let generation = UInt64(parts[0]), UInt32(parts[1]) != nil,
      Digest32(hex: String(parts[2])) != nil
    else { return nil }
    return generation
  }

  /// Whether a byte is of a-z, 0-9 and '-'.
  package static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "-"):
      true
    default: false
    }
  }

  static func escape(_ text: String) -> String {
    // No segment of a key is empty.
    if text.isEmpty { return "_" }
    return text.utf8.map { isPlain($0) ? String(UnicodeScalar($0)) : "_\([$0].hex)" }.joined()
  }

  static func unescape(_ text: Substring) -> String? {
    if text == "_" { return "" }
    var (bytes, rest) = ([UInt8](), text.utf8[...])
    while let byte = rest.popFirst() {
      if isPlain(byte) {
        bytes.append(byte)
      } else {
        guard byte == UInt8(ascii: "_"),
          let code = [UInt8](hex: String(decoding: rest.prefix(2), as: UTF8.self)),
          code.count == 1
        else { return nil }
        bytes += code
        rest = rest.dropFirst(2)
      }
    }
    return String(validating: bytes, as: UTF8.self)
  }
}
