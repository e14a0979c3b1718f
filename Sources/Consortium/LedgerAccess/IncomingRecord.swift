import CanonicalEncoding
import EMRScheme
import Synchronization

/// A record on its way to who reads it, piece by piece from one source; it is believed when all of it has
/// the digest that stands on the ledger, so a source that lies wastes its length and no more.
struct IncomingRecord: Sendable {
  let recordDigest: Digest32
  /// PK_v.
  let visitKey: [UInt8]
  /// Who gives it.
  let source: String
  private var head: RecordHead?
  private var byteCount = 0
  private var c: [UInt8] = []
  /// The piece that comes next.
  private(set) var next = 0

  init(recordDigest: Digest32, visitKey: [UInt8], source: String) {
    (self.recordDigest, self.visitKey, self.source) = (recordDigest, visitKey, source)
  }

  var isWhole: Bool { head != nil && c.count == byteCount }

  /// Appends the next piece.
  ///
  /// - Throws: ``ConsortiumError`` `record-tampered` for another record, or another piece.
  mutating func append(_ part: RecordPiece) throws(ConsortiumError) {
    let piece = part.piece
    guard part.head.recordDigest(visitKey: visitKey) == recordDigest, piece.index == next,
      head == nil || (head == part.head && piece.byteCount == byteCount)
    else { throw Self.tampered }
    if head == nil { c.reserveCapacity(piece.byteCount) }
    (head, byteCount, next) = (part.head, piece.byteCount, next + 1)
    c += piece.bytes
  }

  /// The head, and C, which is this record's no longer: there is one copy of it.
  ///
  /// - Throws: ``ConsortiumError`` `record-tampered` if C is not that of the head.
  mutating func finish() throws(ConsortiumError) -> (head: RecordHead, c: [UInt8]) {
    guard let head, isWhole, Digest32(sha256: c) == head.ciphertextDigest else {
      throw Self.tampered
    }
    var whole: [UInt8] = []
    swap(&whole, &c)
    return (head, whole)
  }

  private static var tampered: ConsortiumError {
    ConsortiumError(.recordTampered, "the record is not the one on the ledger")
  }
}

/// The record that a role was about to read when a piece did not come: one at most.
final class UnfinishedRecord: Sendable {
  private let record = Mutex<IncomingRecord?>(nil)

  /// Reads a record from one source, from where the last attempt at that has ended.
  ///
  /// - Parameter piece: asks for the piece with this number.
  /// - Returns: the head, and the only copy of C.
  /// - Throws: ``ConsortiumError`` `record-tampered` for another record; what `piece` throws.
  func read(
    _ recordDigest: Digest32, visitKey: [UInt8], from source: String,
    isolation: isolated (any Actor)? = #isolation,
    _ piece: (_ index: Int) async throws -> RecordPiece
  ) async throws -> (head: RecordHead, c: [UInt8]) {
    var incoming = begin(recordDigest, visitKey: visitKey, from: source)
    do {
      while !incoming.isWhole { try incoming.append(try await piece(incoming.next)) }
    } catch let error as ConsortiumError where error.code == .unreachable {
      record.withLock { [incoming] in $0 = incoming }
      throw error
    }
    return try incoming.finish()
  }

  /// What has come of a record from this source, to go on with, or nothing yet.
  private func begin(
    _ recordDigest: Digest32, visitKey: [UInt8], from source: String
  ) -> IncomingRecord {
    let known = record.withLock { record in
      defer { record = nil }
      return record
    }
    if let known, known.recordDigest == recordDigest, known.source == source { return known }
    return IncomingRecord(recordDigest: recordDigest, visitKey: visitKey, source: source)
  }
}
