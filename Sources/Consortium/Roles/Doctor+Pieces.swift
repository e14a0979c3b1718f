package import CanonicalEncoding
package import EMRScheme
import Ledger

/// c_k, or a sealed record, as a doctor keeps it.
package struct Kept<Head: CanonicalValue>: CanonicalValue {
  package var head: Head
  package var pieces: KeptPieces

  package init(head: Head, pieces: KeptPieces) { (self.head, self.pieces) = (head, pieces) }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("head", head)
    fields.value("pieces", pieces)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    head = try fields.value("head")
    pieces = try fields.value("pieces")
  }
}

package typealias KeptFindings = Kept<FindingsHead>
/// Of the last doctor.
package typealias KeptRecord = Kept<RecordHead>

/// c_{k−1} as far as it has come.
struct ReceivedFindings: NamedValue {
  static let name = "received-findings"

  var findings: KeptFindings
  /// How many pieces are here.
  var held: Int

  init(findings: KeptFindings, held: Int) { (self.findings, self.held) = (findings, held) }

  var isWhole: Bool { held == findings.pieces.count }

  func encode(into fields: inout some FieldEncoder) {
    fields.value("findings", findings)
    fields.integer("held", UInt64(held))
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    findings = try fields.value("findings")
    held = Int(try fields.integer("held", in: 0...Piece.indices.upperBound + 1))
  }
}

/// Sealed findings and records are as long as a visit needs; they are kept and sent in pieces.
extension Doctor {
  private var receivedPrefix: String { "received/\(hospital)/" }
  func receivedKey(_ visit: Digest32) -> String { "\(receivedPrefix)\(visit)" }

  func pieceRows(_ visit: Digest32) -> PieceRows {
    PieceRows(store: store, prefix: "piece/\(hospital)/\(visit)/")
  }

  /// Keeps c_k while it is sealed.
  ///
  /// - Returns: and the row of its last piece, to be written with what names it.
  func keep(
    _ sealing: consuming FindingsSealing, ofVisit visit: Digest32
  ) throws -> (findings: KeptFindings, last: [String: [UInt8]?]) {
    var sealing = sealing
    let kept = try pieceRows(visit).keep(as: Digest32(sha256: randomness.bytes(32))) {
      try sealing.next()
    }
    return (KeptFindings(head: sealing.head, pieces: kept.pieces), kept.last)
  }

  /// Removes what nothing of the visit names any more.
  func dropPieces(ofVisit visitID: Digest32) throws {
    let visit = try visit(visitID)
    let received: ReceivedFindings? = try store.load(receivedKey(visitID))
    let kept =
      [visit.handedOver?.pieces, visit.sealed?.pieces, received?.findings.pieces]
      + (try formerFindings(ofVisit: visitID).map(\.pieces))
    let changes = try pieceRows(visitID).removal(allBut: Set(kept.compactMap { $0?.name }))
    if !changes.isEmpty { try store.write(changes) }
  }

  /// - Throws: ``ConsortiumError`` `too-large` for findings that no record has room for.
  func requireRoom(for content: [UInt8], behind findings: [Finding]) throws {
    try Finding.requireRoom(
      byteCount: findings.reduce(content.count) { $0 + $1.content.count })
  }

  // MARK: Handing on (4.4)

  /// Gives c_k to D_{k+1}, from where the last attempt ended.
  func handOver(_ visitID: Digest32, to doctor: String) async throws {
    let kept = try await standingHandover(visitID)
    var progress = PieceProgress()
    while true {
      let request = try handOver(visitID, piece: progress.next, of: kept)
      let held: Int
      do {
        held = try await ask(request, of: doctor).count
      } catch let error as ConsortiumError where error.code == .notNeeded {
        // c_k stays here, and is asked for if D_{k+1} signs again.
        return
      }
      if held >= Piece.count(of: request.piece.byteCount) { return }
      try progress.go(on: held, with: doctor)
    }
  }

  /// Gives a piece of c_k again, to D_{k+1}.
  func resend(
    _ request: ResendFindings, by author: Principal?
  ) async throws -> HandOverFindings {
    let visit = try visit(request.visit)
    guard visit.position < visit.context.signers.count else {
      throw ConsortiumError(.notEntitled, "nobody signs after \(id)")
    }
    try require(author, visit.context.signers[visit.position].doctor)
    return try handOver(
      request.visit, piece: request.index, of: try await standingHandover(request.visit))
  }

  private func handOver(
    _ visitID: Digest32, piece index: Int, of kept: KeptFindings
  ) throws -> HandOverFindings {
    // What was begun may have been another one, with more pieces.
    let index = index < kept.pieces.count ? index : 0
    return HandOverFindings(
      visit: visitID, head: kept.head, piece: try pieceRows(visitID).piece(index, of: kept.pieces))
  }

  /// Keeps a piece of c_{k−1} until D_k signs. Its sender has it too, and is asked again for what is gone.
  ///
  /// Who has signed, or can sign no more by what is proven of the ledger, needs none, and says so: nobody fills a
  /// store with the rest. Whoever signs again asks.
  ///
  /// - Throws: ``ConsortiumError`` `not-needed`.
  func keepFindings(
    _ request: HandOverFindings, by author: Principal?
  ) async throws -> PiecesHeld {
    try requireSender(of: request, author)
    let visit = try visit(request.visit)
    if try inbox.clock() > latest(visit.context, position: visit.position) {
      // By the own clock, which may be ahead, or while the consortium stood still.
      try await client.learnTime()
    }
    let time = await client.reached.countedTime
    // As it is now.
    try requireSender(of: request, author)
    let now = try self.visit(request.visit)
    guard now.mark == nil, time <= now.context.deadline(ofPosition: now.position) else {
      throw ConsortiumError(.notNeeded, "\(id) has signed, or can sign no more")
    }
    return PiecesHeld(count: try keep(request))
  }

  private func requireSender(of request: HandOverFindings, _ author: Principal?) throws {
    let visit = try visit(request.visit)
    guard request.head.position == UInt64(visit.position - 1), visit.position > 1,
      request.head.contextDigest == visit.context.digest,
      author == .party(visit.context.signers[visit.position - 2].doctor)
    else {
      throw ConsortiumError(.notEntitled, "the findings are not for \(id)")
    }
  }

  /// Of each visit one c_{k−1} is kept: another one takes its place.
  ///
  /// - Returns: how many pieces of this one are here.
  private func keep(_ request: HandOverFindings) throws -> Int {
    let (rows, key) = (pieceRows(request.visit), receivedKey(request.visit))
    let piece = request.piece
    var changes: [String: [UInt8]?] = [:]
    var received: ReceivedFindings
    if let known: ReceivedFindings = try store.load(key), known.findings.head == request.head,
      known.findings.pieces.byteCount == piece.byteCount
    {
      received = known
    } else {
      guard piece.index == 0 else { return 0 }
      changes = try removalOfReceived(request.visit)
      let name = Digest32(sha256: randomness.bytes(32))
      received = ReceivedFindings(
        findings: KeptFindings(
          head: request.head, pieces: KeptPieces(name: name, byteCount: piece.byteCount)),
        held: 0)
    }
    guard piece.index == received.held else { return received.held }
    received.held += 1
    changes[rows.key(received.findings.pieces.name, piece.index)] = piece.bytes
    changes[key] = Message(received).encoded()
    try store.write(changes)
    return received.held
  }

  /// Erases c_{k−1} of visits in which this doctor signs no more: T_k lies behind counted time as it is proven. By the
  /// own clock alone it stays, since D_{k−1}, who has it too, may be away.
  func eraseReceivedFindings() async throws {
    var steps = SeparateSteps()
    var late: [Digest32] = []
    for key in try store.keys(withPrefix: receivedPrefix) {
      guard let visitID = Digest32(hex: String(key.dropFirst(receivedPrefix.count))) else {
        continue
      }
      try steps.takeNow {
        guard let visit = try knownVisit(visitID) else {
          return try store.write(removalOfReceived(visitID))
        }
        if try inbox.clock() > latest(visit.context, position: visit.position) {
          late.append(visitID)
        }
      }
    }
    if !late.isEmpty {
      try await client.learnTime()
      let time = await client.reached.countedTime
      for visitID in late {
        try steps.takeNow {
          let visit = try knownVisit(visitID)
          guard visit.map({ time > $0.context.deadline(ofPosition: $0.position) }) ?? true else {
            return
          }
          try store.write(removalOfReceived(visitID))
        }
      }
    }
    try steps.finish()
  }

  func removalOfReceived(_ visitID: Digest32) throws -> [String: [UInt8]?] {
    let key = receivedKey(visitID)
    guard let received: ReceivedFindings = try store.load(key) else { return [:] }
    var changes: [String: [UInt8]?] = [key: nil]
    for index in 0..<received.held {
      changes[pieceRows(visitID).key(received.findings.pieces.name, index)] = .some(nil)
    }
    return changes
  }

  /// m_1 … m_{k−1}: from c_{k−1} as it was handed over, or else as D_{k−1} gives it again.
  func received(
    _ visit: DoctorVisit, _ groupKey: GroupKey, _ commitments: [FindingCommitment],
    from doctor: String
  ) async throws -> [Finding] {
    let visitID = visit.context.visitID
    if let findings = try? opened(visitID, groupKey, commitments) { return findings }
    var progress = PieceProgress()
    // What has come of one stays; what came and does not open is not gone on with.
    if let known: ReceivedFindings = try store.load(receivedKey(visitID)) {
      if known.isWhole {
        try store.write(removalOfReceived(visitID))
      } else {
        progress.next = known.held
      }
    }
    while true {
      let again = try await ask(
        ResendFindings(visit: visitID, index: progress.next), of: doctor)
      guard again.visit == visitID else {
        throw ConsortiumError(.malformed, "\(doctor) gives the findings of another visit")
      }
      let held = try keep(again)
      if held == Piece.count(of: again.piece.byteCount) { break }
      try progress.go(on: held, with: doctor)
    }
    return try opened(visitID, groupKey, commitments)
  }

  private func opened(
    _ visitID: Digest32, _ groupKey: GroupKey, _ commitments: [FindingCommitment]
  ) throws -> [Finding] {
    guard let received: ReceivedFindings = try store.load(receivedKey(visitID)),
      received.isWhole
    else { throw ConsortiumError(.noHandover, "the findings have not come") }
    return try groupKey.open(
      received.findings.head, pieceRows(visitID).bytes(received.findings.pieces),
      commitments: commitments)
  }

  // MARK: Storing (4.4, step 3)

  /// Gives a record to a cloud, from where the last attempt ended.
  ///
  /// - Parameters:
  ///   - rows: where its pieces are.
  ///   - ask: sends one of them.
  /// - Returns: the cloud's signature over the receipt.
  static func give(
    _ record: KeptRecord, in rows: PieceRows, to cloud: String,
    _ ask: (RecordPiece) async throws -> StoredPieces
  ) async throws -> [UInt8] {
    var progress = PieceProgress()
    while true {
      let piece = try rows.piece(progress.next, of: record.pieces)
      let stored = try await ask(RecordPiece(head: record.head, piece: piece))
      if !stored.receipt.isEmpty { return stored.receipt }
      guard stored.held.count < record.pieces.count else {
        throw ConsortiumError(.malformed, "\(cloud) has the record, and gives no receipt")
      }
      try progress.go(on: stored.held.count, with: cloud)
    }
  }
}

/// Which piece is sent next. It goes back where the recipient has lost some, or was given something else
/// meanwhile, but once, and not without end.
struct PieceProgress {
  var next = 0
  private var mayGoBack = true

  init() {}

  /// - Parameter held: what the recipient says that it has.
  /// - Throws: ``ConsortiumError`` `unreachable` if that leads nowhere.
  mutating func go(on held: Int, with recipient: String) throws(ConsortiumError) {
    if held <= next {
      guard mayGoBack else {
        throw ConsortiumError(.unreachable, "\(recipient) does not go on with the pieces")
      }
      mayGoBack = false
    }
    next = held
  }
}

extension Finding {
  /// - Parameter byteCount: of all findings of a visit.
  /// - Throws: ``ConsortiumError`` `too-large` for more than a record has room for.
  static func requireRoom(byteCount: Int) throws(ConsortiumError) {
    guard byteCount <= Limits.findingsByteCount else {
      throw ConsortiumError(
        .tooLarge,
        "the findings of the visit have \(byteCount) bytes, limit \(Limits.findingsByteCount)")
    }
  }
}
