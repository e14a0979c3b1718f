package import CanonicalEncoding
package import EMRScheme
package import Ledger
import Synchronization

/// Row 0 of a stored record.
package struct RecordHeader: NamedValue {
  package static let name = "record-header"

  package var head: RecordHead
  /// Of C.
  package var byteCount: Int
  /// Whether C is here and has the digest in the head.
  package var isWhole = false
  /// SHA-256 of the team's signature that it was stored under; zeros where its visit was complete.
  package var signature: Digest32

  package init(head: RecordHead, byteCount: Int, signature: Digest32) {
    (self.head, self.byteCount, self.signature) = (head, byteCount, signature)
  }

  package var pieceCount: Int { Piece.count(of: byteCount) }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("head", head)
    fields.integer("byteCount", UInt64(byteCount))
    fields.integer("isWhole", isWhole ? 1 : 0)
    fields.digest("signature", signature)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    head = try fields.value("head")
    byteCount = Int(try fields.integer("byteCount", in: 1...UInt64(Limits.ciphertextByteCount)))
    isWhole = try fields.integer("isWhole", in: 0...1) == 1
    signature = try fields.digest("signature")
  }
}

/// The records a cloud has taken into custody, a piece in each row; none is given out that was not checked.
///
/// What changes records of one visit is done one after another: each step is many of the store's, and nobody
/// is to drop what has become whole meanwhile, and has a receipt.
package struct RecordCustody: Sendable {
  let records: any RecordStore
  private let gates = SerialGates<VisitName>()
  private let doubts = Doubts()

  private struct VisitName: Hashable {
    let hospital: String
    let visit: Digest32

    init(hospital: String, visit: Digest32) { (self.hospital, self.visit) = (hospital, visit) }
    init(_ record: RecordName) { self.init(hospital: record.hospital, visit: record.visit) }
  }

  /// The records that were whole when they were stored, and were not when they were last read.
  private final class Doubts: Sendable {
    private let records = Mutex<Set<RecordName>>([])

    func contains(_ record: RecordName) -> Bool { records.withLock { $0.contains(record) } }

    func note(_ record: RecordName, isIntact: Bool) {
      records.withLock { records in
        if isIntact { records.remove(record) } else { records.insert(record) }
      }
    }
  }

  package init(records: any RecordStore) { self.records = records }

  /// How many records of one visit, stored under one signature of its team, are kept before one of them is
  /// named by a completion.
  package static let limit = 4

  /// Takes the next piece of a record; with the first one all of the record but C is checked, with the last
  /// one C. Returns when it is durable.
  ///
  /// - Parameters:
  ///   - context: of the visit, as it was opened on the ledger.
  ///   - recordDigest: what the visit's completion names, or will.
  ///   - signature: gives the digest of the team's last signature; throws if the visit is not open any more.
  ///     Zeros for a visit that is complete.
  /// - Returns: how many pieces are here, and whether that is all of it.
  /// - Throws: ``ConsortiumError`` `record-tampered` if this is not the record; of C nothing is kept then.
  ///   `too-large` if the visit has its records.
  func take(
    _ part: RecordPiece, context: VisitContext, recordDigest: Digest32,
    under signature: @Sendable () async throws -> Digest32 = { .zero }
  ) async throws -> (held: Int, isWhole: Bool) {
    guard part.head.recordDigest(visitKey: context.visitKey) == recordDigest else {
      throw ConsortiumError(.recordTampered, "the completion names another record")
    }
    let name = Self.name(context, recordDigest)
    return try await gates.pass(VisitName(name)) {
      try await take(part, of: name, context, under: signature())
    }
  }

  private func take(
    _ part: RecordPiece, of name: RecordName, _ context: VisitContext, under signature: Digest32
  ) async throws -> (held: Int, isWhole: Bool) {
    let piece = part.piece
    var rows: [Int: [UInt8]] = [:]
    var header: RecordHeader
    let held: Int
    let known = try await readableHeader(of: name)
    // For what is whole there may be a receipt: nobody has it dropped, but that a disk has lost some of it. Whether
    // it has is looked at where a completion is to be confirmed: else a few bytes would have all of it read.
    if let known, known.isWhole {
      if piece.index > 0 || !doubts.contains(name) { return (known.pieceCount, true) }
      if try await isIntact(name, known) {
        doubts.note(name, isIntact: true)
        return (known.pieceCount, true)
      }
    }
    if let known, !known.isWhole, known.byteCount == piece.byteCount {
      header = known
      held = max(0, try await records.rowCount(of: name) - 1)
    } else {
      guard piece.index == 0 else { return (0, false) }
      _ = try part.head.check(for: VerifiedVisitKey<Suite>(alreadyVerified: context))
      // With another length, which is in no digest; or damaged.
      if try await records.rowCount(of: name) > 0 { try await records.remove(name) }
      if signature != .zero { try await makeRoom(for: name, under: signature) }
      header = RecordHeader(head: part.head, byteCount: piece.byteCount, signature: signature)
      rows[0] = Message(header).encoded()
      held = 0
    }
    guard piece.index == held else { return (held, false) }
    rows[held + 1] = piece.bytes
    if piece.isLast {
      guard try await ciphertextDigest(of: name, held, piece.bytes) == header.head.ciphertextDigest
      else {
        try await records.remove(name)
        throw ConsortiumError(.recordTampered, "the pieces are not those of the record")
      }
      header.isWhole = true
      rows[0] = Message(header).encoded()
    }
    try await records.put(rows, of: name)
    if header.isWhole { doubts.note(name, isIntact: true) }
    return (held + 1, header.isWhole)
  }

  /// Of a visit that is open, drops what is half here: its doctor has begun another one. What is whole has a
  /// receipt, which a completion may bring also when the team has signed again, as often as it may.
  private func makeRoom(for name: RecordName, under signature: Digest32) async throws {
    var count = 0
    for other in try await records.records(ofVisit: name.visit, at: name.hospital)
    where other != name {
      let header = try await readableHeader(of: other)
      if header?.isWhole != true {
        try await records.remove(other)
      } else if header?.signature == signature {
        count += 1
      }
    }
    guard count < Self.limit else {
      throw ConsortiumError(.tooLarge, "the visit has \(count) records under this signature")
    }
  }

  /// Drops a record that is not all here.
  func dropUnfinished(_ name: RecordName) async throws {
    try await gates.pass(VisitName(name)) {
      if try await header(of: name)?.isWhole == false { try await records.remove(name) }
    }
  }

  /// Drops all records of a complete visit but the one that its completion names.
  func dropOthers(than completion: VisitCompletion) async throws {
    let name = Self.name(completion.context, completion.recordDigest)
    try await gates.pass(VisitName(name)) {
      for other in try await records.records(ofVisit: name.visit, at: name.hospital)
      where other != name {
        try await records.remove(other)
      }
    }
  }

  /// Drops all records of a visit that will never be complete.
  func drop(visit: Digest32, at hospital: String) async throws {
    try await gates.pass(VisitName(hospital: hospital, visit: visit)) {
      for record in try await records.records(ofVisit: visit, at: hospital) {
        try await records.remove(record)
      }
    }
  }

  /// Whether the record that a completion names has been taken and is still here, unchanged. One that is not is
  /// taken again.
  package func holds(_ completion: VisitCompletion) async -> Bool {
    let name = Self.name(completion.context, completion.recordDigest)
    guard let header = try? await header(of: name), header.isWhole,
      header.head.recordDigest(visitKey: completion.context.visitKey) == completion.recordDigest
    else { return false }
    let isHeld = (try? await isIntact(name, header)) == true
    doubts.note(name, isIntact: isHeld)
    return isHeld
  }

  /// Whether anything of the record that a completion names is here.
  package func hasBegun(_ completion: VisitCompletion) async throws -> Bool {
    try await records.rowCount(of: Self.name(completion.context, completion.recordDigest)) > 0
  }

  /// A piece of a record that is all here.
  func piece(
    _ index: Int, of context: VisitContext, recordDigest: Digest32
  ) async throws -> RecordPiece {
    let name = Self.name(context, recordDigest)
    guard let header = try await header(of: name), header.isWhole else {
      throw ConsortiumError(.recordMissing, "the cloud has no such record of this visit")
    }
    guard header.head.recordDigest(visitKey: context.visitKey) == recordDigest else {
      throw ConsortiumError(.recordTampered, "the stored record is not what was stored")
    }
    guard index < header.pieceCount else {
      throw ConsortiumError(.recordMissing, "the record has \(header.pieceCount) pieces")
    }
    guard let bytes = try await records.row(index + 1, of: name),
      let piece = try? Piece(byteCount: header.byteCount, index: index, bytes: bytes)
    else { throw ConsortiumError(.recordTampered, "the stored record is not what was stored") }
    return RecordPiece(head: header.head, piece: piece)
  }

  /// How many pieces of a record are here.
  func held(of name: RecordName) async throws -> Int {
    max(0, try await records.rowCount(of: name) - 1)
  }

  private func header(of name: RecordName) async throws -> RecordHeader? {
    guard let bytes = try await records.row(0, of: name) else { return nil }
    return try? Message<RecordHeader>(encoded: bytes).payload
  }

  /// The same; nil too for one that a disk has damaged.
  private func readableHeader(of name: RecordName) async throws -> RecordHeader? {
    do {
      return try await header(of: name)
    } catch let error as StoreError where error.code == .corrupted {
      return nil
    }
  }

  /// Whether all pieces of a record are as they were taken.
  private func isIntact(_ name: RecordName, _ header: RecordHeader) async throws -> Bool {
    do {
      return try await ciphertextDigest(of: name, header.pieceCount)
        == header.head.ciphertextDigest
    } catch let error as StoreError where error.code == .corrupted {
      return false
    }
  }

  /// SHA-256 of the pieces that are here, and of one that is not yet.
  private func ciphertextDigest(
    of name: RecordName, _ count: Int, _ last: [UInt8] = []
  ) async throws -> Digest32 {
    var digest = RunningDigest()
    for index in 0..<count { digest.update(try await records.row(index + 1, of: name) ?? []) }
    digest.update(last)
    return digest.digest
  }

  static func name(_ context: VisitContext, _ recordDigest: Digest32) -> RecordName {
    RecordName(hospital: context.hospital, visit: context.visitID, recordDigest: recordDigest)
  }
}
