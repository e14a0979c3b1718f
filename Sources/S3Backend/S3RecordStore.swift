public import CanonicalEncoding
public import Consortium
public import Foundation
public import Ledger
import Synchronization

/// Sealed records as objects of an S3 bucket: what there is of a record says one object under its name
/// (``RecordManifest``), which is replaced on condition that nobody else has replaced it, so that rows are put all
/// or none and no writer overwrites another. Pieces are objects of their own, whose keys have their digest; they
/// are put before a manifest names them, and are never replaced.
///
/// Nothing that a request of ours left on its way can do harm later: whatever changes a manifest is conditional,
/// and generations only grow, so a removed record leaves 48 bytes. A row that is older than what this process has
/// seen is not given out.
public final class S3RecordStore: RecordStore {
  let client: S3Client
  let names: ObjectNames
  private let seen = Mutex(SeenGenerations())
  private let isTried = Mutex(false)

  /// Opens nothing: the first change asks whether the server honours conditions.
  public init(
    _ configuration: S3Configuration, credentials: S3Credentials,
    clock: @escaping @Sendable () -> Date = { Date() }
  ) {
    client = S3Client(configuration, credentials, clock: clock)
    names = ObjectNames(prefix: configuration.prefix)
  }

  public func put(_ rows: [Int: [UInt8]], of record: RecordName) async throws(StoreError) {
    for (row, bytes) in rows {
      guard bytes.count <= RecordManifest.rowLimit, UInt32(exactly: row) != nil else {
        throw StoreError(.tooLarge, "row \(row) of \(record): \(bytes.count) bytes")
      }
    }
    let deadline = deadline
    try await makeSure(until: deadline)
    var attempts = ChangeAttempts(client, deadline: deadline)
    do throws(StoreError) {
      try await put(rows, of: record, until: deadline, &attempts)
    } catch {
      throw attempts.judge(error)
    }
  }

  private func put(
    _ rows: [Int: [UInt8]], of record: RecordName, until deadline: ContinuousClock.Instant,
    _ attempts: inout ChangeAttempts
  ) async throws(StoreError) {
    while true {
      let current = try await current(of: record, until: deadline)
      guard let rows = try changed(rows, current, of: record) else { return }
      // What has pieces is in the listings before them.
      let isListed = current.manifest.map { $0.rows != .none(mayHavePieces: false) } ?? false
      let fresh = rows.manifest.freshPieces
      if !fresh.isEmpty, !isListed {
        let next = RecordManifest(
          generation: rows.manifest.generation, rows: .none(mayHavePieces: true))
        if try await !replace(current, by: next, of: record) { try await attempts.again(record) }
        continue
      }
      for piece in fresh {
        try await store(rows.bytes[piece.row] ?? [], piece, of: record, until: deadline)
      }
      if try await replace(current, by: rows.manifest, of: record) { return }
      try await attempts.again(record)
    }

    /// Replaces what was found; false if that has to be looked at again.
    func replace(
      _ current: Found, by manifest: RecordManifest, of record: RecordName
    ) async throws(StoreError) -> Bool {
      switch await self.replace(current, by: manifest, of: record, until: deadline) {
      case .done: return true
      case .refused: return false
      case .unknown(let reason):
        attempts.note(reason)
        return false
      case .rejected(let error): throw error
      }
    }
  }

  public func row(_ row: Int, of record: RecordName) async throws(StoreError) -> [UInt8]? {
    let deadline = deadline
    var former: UInt64?
    while true {
      let current = try await current(of: record, until: deadline)
      guard let manifest = current.manifest, case .kept(let first, let pieces) = manifest.rows
      else { return nil }
      if row == 0 { return first }
      guard let piece = pieces.first(where: { Int($0.row) == row }) else { return nil }
      let key = names.piece(piece, of: record)
      let answer: S3Client.Answer
      do throws(S3Client.Failure) {
        answer = try await client.send(
          .init(method: .get, key: key, limit: Int(piece.byteCount)), until: deadline)
      } catch {
        throw error.kind == .tooLong
          ? damaged(row, record, "longer than it was") : error.asStoreError
      }
      if answer.isDone {
        guard answer.body.count == Int(piece.byteCount) else {
          throw damaged(row, record, "\(answer.body.count) bytes of \(piece.byteCount)")
        }
        guard RecordManifest.digest(answer.body, row: piece.row, of: record) == piece.digest else {
          throw damaged(row, record, "changed")
        }
        return answer.body
      }
      // Removed between the two requests, or lost.
      if former == manifest.generation { throw damaged(row, record, "missing") }
      former = manifest.generation
    }
  }

  public func rowCount(of record: RecordName) async throws(StoreError) -> Int {
    let deadline = deadline
    let found = try await find(record, until: deadline)
    if found.damage != nil {
      // What is damaged is here: it is to be removed.
      return 1 + (try await list(names.pieces(of: record), until: deadline).count)
    }
    guard case .kept(_, let pieces)? = found.manifest?.rows else { return 0 }
    return 1 + pieces.count
  }

  public func records(
    ofVisit visit: Digest32, at hospital: String
  ) async throws(StoreError) -> [RecordName] {
    try await records(under: names.records(ofVisit: visit, at: hospital))
  }

  public func records() async throws(StoreError) -> [RecordName] {
    try await records(under: names.allRecords)
  }

  private func records(under prefix: String) async throws(StoreError) -> [RecordName] {
    // A thousand records a page: they take longer, the more there are.
    let deadline = ContinuousClock.now.advanced(by: .seconds(client.configuration.patience * 10))
    return Set(
      try await list(prefix, until: deadline)
        .filter { $0.byteCount != RecordManifest.removedByteCount }
        .compactMap { names.record(at: $0.key) }.filter { names.record($0).hasPrefix(prefix) }
    ).sorted()
  }

  // MARK: Pieces and manifests

  var deadline: ContinuousClock.Instant {
    .now.advanced(by: .seconds(client.configuration.patience))
  }

  /// Makes sure once that the server honours conditions; else one writer would overwrite another.
  func makeSure(until deadline: ContinuousClock.Instant) async throws(StoreError) {
    if isTried.withLock({ $0 }) { return }
    try await tryConditions(until: deadline)
    isTried.withLock { $0 = true }
  }

  private func damaged(_ row: Int, _ record: RecordName, _ how: String) -> StoreError {
    StoreError(
      .corrupted,
      "\(client.configuration.endpoint)/\(client.configuration.bucket): row \(row) of \(record) is damaged: \(how)"
    )
  }

  private func store(
    _ bytes: [UInt8], _ piece: RecordManifest.Piece, of record: RecordName,
    until deadline: ContinuousClock.Instant
  ) async throws(StoreError) {
    let key = names.piece(piece, of: record)
    // The key has the digest: whoever puts it again puts the same.
    let answer = try await client.ask(.init(method: .put, key: key, body: bytes), until: deadline)
    guard answer.isDone else {
      throw StoreError(.unavailable, "PUT \(key): HTTP status \(answer.status)")
    }
  }

  /// What the rows of a record are with these among them, and the bytes of those that are new.
  ///
  /// - Returns: nil if that is how they are.
  private func changed(
    _ rows: [Int: [UInt8]], _ current: Found, of record: RecordName
  ) throws(StoreError) -> (manifest: RecordManifest, bytes: [UInt32: [UInt8]])? {
    var (first, pieces): ([UInt8]?, [UInt32: RecordManifest.Piece]) = (nil, [:])
    if case .kept(let bytes, let known)? = current.manifest?.rows {
      first = bytes
      for piece in known { pieces[piece.row] = piece }
    }
    let generation = (current.manifest?.generation ?? 0).addingReportingOverflow(1)
    guard !generation.overflow else {
      throw StoreError(.corrupted, "\(record): there is no generation after this one")
    }
    var (isChanged, fresh) = (false, [UInt32: [UInt8]]())
    for (row, bytes) in rows.sorted(by: { $0.key < $1.key }) {
      if row == 0 {
        isChanged = isChanged || first != bytes
        first = bytes
        continue
      }
      let row = UInt32(row)
      let digest = RecordManifest.digest(bytes, row: row, of: record)
      guard first != nil, pieces[row].map({ $0.digest == digest }) ?? true else {
        throw StoreError(.conflict, "there is another row \(row) of \(record)")
      }
      if pieces[row] == nil {
        fresh[row] = bytes
        pieces[row] = .init(
          row: row, byteCount: UInt32(bytes.count), generation: generation.partialValue,
          digest: digest)
      }
    }
    guard pieces.count <= RecordManifest.pieceLimit else {
      throw StoreError(.tooLarge, "\(record): more than \(RecordManifest.pieceLimit) pieces")
    }
    guard let first, isChanged || !fresh.isEmpty else { return nil }
    return (
      RecordManifest(
        generation: generation.partialValue,
        rows: .kept(first: first, pieces: pieces.values.sorted { $0.row < $1.row })), fresh
    )
  }

  /// What is under a record's name.
  struct Found {
    /// Nil if there is none, or none that can be read.
    var manifest: RecordManifest?
    /// With which it is replaced.
    var tag: String?
    /// What is wrong with it.
    var damage: String?
  }

  enum Replacement {
    case done
    /// Somebody else was faster, or it was done by an attempt before.
    case refused
    case unknown(String)
    case rejected(StoreError)
  }

  /// - Throws: ``StoreError``; `corrupted` too.
  private func current(
    of record: RecordName, until deadline: ContinuousClock.Instant
  ) async throws(StoreError) -> Found {
    let found = try await find(record, until: deadline)
    if let damage = found.damage { throw damaged(0, record, damage) }
    return found
  }

  func find(
    _ record: RecordName, until deadline: ContinuousClock.Instant
  ) async throws(StoreError) -> Found {
    // As it is before the question: meanwhile somebody may see a newer one.
    let known = seen.withLock { $0.latest(of: record) }
    let answer: S3Client.Answer
    do throws(S3Client.Failure) {
      answer = try await client.send(
        .init(method: .get, key: names.record(record), limit: RecordManifest.byteLimit),
        until: deadline)
    } catch {
      guard error.kind == .tooLong else { throw error.asStoreError }
      throw damaged(0, record, "longer than any")
    }
    guard answer.isDone else {
      let isLost = known.map { !$0.isRemoved } ?? false
      return Found(damage: isLost ? "missing" : nil)
    }
    guard let tag = answer.tag else {
      throw StoreError(.unavailable, "the server gives no ETag, so nothing can be replaced")
    }
    guard let manifest = RecordManifest(answer.body, of: record) else {
      return Found(tag: tag, damage: "\(answer.body.count) bytes that were not written so")
    }
    if let known, manifest.generation < known.generation {
      return Found(tag: tag, damage: "older than what this process has seen")
    }
    seen.withLock { $0.note(manifest, of: record) }
    return Found(manifest: manifest, tag: tag)
  }

  func replace(
    _ found: Found, by manifest: RecordManifest, of record: RecordName,
    until deadline: ContinuousClock.Instant
  ) async -> Replacement {
    let condition = found.tag.map { ("if-match", $0) } ?? ("if-none-match", "*")
    do throws(S3Client.Failure) {
      let answer = try await client.send(
        .init(
          method: .put, key: names.record(record), headers: [condition],
          body: manifest.encoded(for: record), isRepeatable: false), until: deadline)
      guard answer.isDone else { return .refused }
      seen.withLock { $0.note(manifest, of: record) }
      return .done
    } catch {
      return error.kind == .rejected ? .rejected(error.asStoreError) : .unknown(error.message)
    }
  }

  /// Above all that was seen of a record.
  func latestGeneration(of record: RecordName) -> UInt64 {
    seen.withLock { $0.latest(of: record)?.generation ?? 0 }
  }
}

extension RecordManifest {
  /// Those that no manifest has named before this one.
  fileprivate var freshPieces: [Piece] {
    guard case .kept(_, let pieces) = rows else { return [] }
    return pieces.filter { $0.generation == generation }
  }
}

extension S3Client {
  /// The same, for who takes any failure for one of the storage.
  func ask(
    _ request: Request, until deadline: ContinuousClock.Instant
  ) async throws(StoreError) -> Answer {
    do throws(Failure) {
      return try await send(request, until: deadline)
    } catch {
      throw error.asStoreError
    }
  }
}

extension S3Client.Failure {
  var asStoreError: StoreError { StoreError(.unavailable, message) }
}
