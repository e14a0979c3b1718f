package import CanonicalEncoding
package import EMRScheme
package import Ledger

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
package struct RecordCustody: Sendable {
  let records: any RecordStore

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
  ///   - signature: the digest of the team's last signature, while the visit is open.
  /// - Returns: how many pieces are here, and whether that is all of it.
  /// - Throws: ``ConsortiumError`` `record-tampered` if this is not the record; of C nothing is kept then.
  ///   `too-large` if the visit has its records.
  func take(
    _ part: RecordPiece, context: VisitContext, recordDigest: Digest32, signature: Digest32 = .zero
  ) async throws -> (held: Int, isWhole: Bool) {
    guard part.head.recordDigest(visitKey: context.visitKey) == recordDigest else {
      throw ConsortiumError(.recordTampered, "the completion names another record")
    }
    let (name, piece) = (Self.name(context, recordDigest), part.piece)
    var rows: [Int: [UInt8]] = [:]
    var header: RecordHeader
    let held: Int
    let known = try await self.header(of: name)
    // For what is whole there may be a receipt: nobody has it dropped.
    if let known, known.isWhole { return (known.pieceCount, true) }
    if let known, known.byteCount == piece.byteCount {
      header = known
      // Another request may have had it removed since.
      held = max(0, try await records.rowCount(of: name) - 1)
    } else {
      guard piece.index == 0 else { return (0, false) }
      _ = try part.head.check(for: VerifiedVisitKey<Suite>(alreadyVerified: context))
      // With another length: that of C is in no digest.
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
    return (held + 1, header.isWhole)
  }

  /// Of a visit that is open, drops what is half here: its doctor has begun another one. What is whole has a
  /// receipt, which a completion may bring also when the team has signed again, as often as it may.
  private func makeRoom(for name: RecordName, under signature: Digest32) async throws {
    var count = 0
    for other in try await records.records(ofVisit: name.visit, at: name.hospital)
    where other != name {
      let header = try await header(of: other)
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
    if try await header(of: name)?.isWhole == false { try await records.remove(name) }
  }

  /// Drops all records of a complete visit but the one that its completion names.
  func dropOthers(than completion: VisitCompletion) async throws {
    let name = Self.name(completion.context, completion.recordDigest)
    for other in try await records.records(ofVisit: name.visit, at: name.hospital)
    where other != name {
      try await records.remove(other)
    }
  }

  /// Drops all records of a visit that will never be complete.
  func drop(visit: Digest32, at hospital: String) async throws {
    for record in try await records.records(ofVisit: visit, at: hospital) {
      try await records.remove(record)
    }
  }

  /// Whether the record that a completion names has been taken and is still here, unchanged.
  package func holds(_ completion: VisitCompletion) async -> Bool {
    let name = Self.name(completion.context, completion.recordDigest)
    guard let header = try? await header(of: name), header.isWhole,
      header.head.recordDigest(visitKey: completion.context.visitKey) == completion.recordDigest
    else { return false }
    return (try? await ciphertextDigest(of: name, header.pieceCount))
      == header.head.ciphertextDigest
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
  func held(of context: VisitContext, recordDigest: Digest32) async throws -> Int {
    max(0, try await records.rowCount(of: Self.name(context, recordDigest)) - 1)
  }

  private func header(of name: RecordName) async throws -> RecordHeader? {
    guard let bytes = try await records.row(0, of: name) else { return nil }
    return try? Message<RecordHeader>(encoded: bytes).payload
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
