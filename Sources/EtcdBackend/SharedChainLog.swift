import CanonicalEncoding
public import Ledger

/// The leaves of one chain, which one machine of several appends and all may read.
///
/// Leaves lie in objects of S3, and the newest in the head, one key of etcd, which names the objects with their
/// digests and is moved by compare-and-set: an append is done when the head has moved, and not before. When the
/// leaves of the head are too long for it, the append puts them into an object, with its own; from time to time it
/// takes the leaves of some small ones in too. So it costs the same whatever the age of the chain.
///
/// Who no longer holds the ``Tenure`` can put objects that nothing will ever name, and moves nothing.
public actor SharedChainLog: ChainLog {
  private let engine: SharedEngine
  private let tenure: Tenure?
  /// On the disk of this machine, for reading: never ahead of what is shared.
  private let copy: (any ChainLog)?
  private let tailByteLimit: Int
  private let key: [UInt8]
  private var known = Known()
  /// Whether the head may have been moved by a request of ours of which nobody knows the outcome.
  private var isUncertain = false
  private var cache = PieceCache()

  /// The head as it was read last.
  private struct Known {
    var head = LogHead.empty
    /// 0 before it was read, and where there is none.
    var revision: Int64 = 0
  }

  /// - Parameters:
  ///   - tenure: of who may append; nil to read.
  ///   - copy: where leaves are kept on this machine too.
  ///   - tailByteLimit: of the newest leaves, which stand in the head; it is written anew with each append, at all
  ///     members of etcd.
  public init(
    _ engine: SharedEngine, _ chain: String, tenure: Tenure?, copy: (any ChainLog)? = nil,
    tailByteLimit: Int = 1 << 14
  ) {
    (self.engine, self.tenure, self.copy) = (engine, tenure, copy)
    self.tailByteLimit = tailByteLimit
    key = engine.key("log/\(chain)")
  }

  // MARK: The head

  private func readHead() async throws(StoreError) {
    let entry = try await engine.etcd.range(key, until: engine.etcd.deadline).entries.first
    // Answers may arrive in another order.
    guard entry?.revision ?? 0 >= known.revision else { return }
    guard let head = try decoded(entry) else { return known = Known() }
    known = Known(head: head, revision: entry?.revision ?? 0)
  }

  private func decoded(_ entry: EtcdClient.Entry?) throws(StoreError) -> LogHead? {
    guard let entry else { return nil }
    guard let head = LogHead(entry.value, under: engine.secret, at: key) else {
      throw StoreError(
        .corrupted,
        "etcd: the head of the log, \(String(decoding: key, as: UTF8.self)), was changed, or the shared secret is another"
      )
    }
    return head
  }

  /// Reads the head, and where a move of it may still be under way, makes sure that it never comes.
  private func settle() async throws(StoreError) {
    try await readHead()
    guard isUncertain, let tenure else { return }
    var head = known.head
    head.nonce = .random(in: .min ... .max)
    do throws(StoreError) {
      known = Known(
        head: head,
        revision: try await tenure.move(
          key, from: known.revision, to: head.bytes(under: engine.secret, at: key)))
    } catch {
      // It came just now.
      guard error.code == .conflict else { throw error }
      try await readHead()
    }
    isUncertain = false
  }

  public func size() async throws(StoreError) -> UInt64 {
    try await settle()
    return known.head.size
  }

  // MARK: Appending

  public func append(_ leaves: [[UInt8]], at position: UInt64) async throws(StoreError) {
    for leaf in leaves where !(1...ChainLogLimits.leafByteCount).contains(leaf.count) {
      throw StoreError(
        .tooLarge,
        "a leaf of \(leaf.count) bytes; the log takes 1 to \(ChainLogLimits.leafByteCount)")
    }
    guard let tenure else { throw StoreError(.unavailable, "this log was opened to read it") }
    if known.head.size != position || known.revision == 0 || isUncertain { try await settle() }
    let before = known
    guard before.head.size == position else {
      throw StoreError(.conflict, "the log has \(before.head.size) leaves, not \(position)")
    }
    if leaves.isEmpty { return }
    var (head, replaced) = try await head(before.head, with: leaves, term: tenure.holder.term)
    head.nonce = .random(in: .min ... .max)
    do throws(StoreError) {
      let revision = try await tenure.move(
        key, from: before.revision, to: head.bytes(under: engine.secret, at: key))
      if revision > known.revision { known = Known(head: head, revision: revision) }
    } catch {
      if error.code == .outcomeUnknown { isUncertain = true }
      throw error
    }
    engine.discard(replaced.map(\.name))
    guard let copy else { return }
    do throws(StoreError) {
      try await copy.append(leaves, at: position)
    } catch {
      // What it lacks is read from where it is shared.
      if error.code == .conflict { _ = try? await follow() }
    }
  }

  /// The head that has these leaves too, with its objects put.
  ///
  /// - Returns: the head, and the pieces that it names no more.
  private func head(
    _ head: LogHead, with leaves: [[UInt8]], term: UInt64
  ) async throws(StoreError) -> (LogHead, replaced: [LogPiece]) {
    var (head, leaves) = (head, head.tail + leaves)
    if Self.byteCount(leaves) <= tailByteLimit {
      head.tail = leaves
      return (head, [])
    }
    head.tail = []
    var join = LogLayout.joining(head.pieces, with: Self.byteCount(leaves))
    if join.count > 0 {
      let joined = Array(head.pieces.suffix(join.count))
      do throws(StoreError) {
        leaves = try await self.leaves(of: joined) + leaves
      } catch {
        // One of them is damaged, or S3 is slow: the chain grows all the same, while there is room.
        guard head.pieces.count < LogHead.pieceLimit / 2 else { throw error }
        join = (0, 0)
      }
    }
    let replaced = Array(head.pieces.suffix(join.count))
    head.pieces.removeLast(join.count)
    for part in Self.parts(leaves) {
      let piece = try await put(
        LogObject.encoded(part), level: join.level, first: head.size, count: part.count,
        chain: part.reduce(head.chain) { Digest32(sha256: $0.bytes + $1) }, term: term)
      head.pieces.append(piece)
    }
    head.pieces = LogLayout.settled(head.pieces)
    while let run = LogLayout.run(toIndex: head.pieces) {
      let named = Array(head.pieces[run])
      guard let first = named.first, let last = named.last else { break }
      let index = try await put(
        LogObject.encoded(named), level: first.level + 1, first: first.first,
        count: Int(clamping: last.end - first.first), chain: last.chain, term: term)
      head.pieces.replaceSubrange(run, with: [index])
    }
    guard head.pieces.count <= LogHead.pieceLimit else {
      throw StoreError(.corrupted, "the log has too many damaged pieces to go on")
    }
    return (head, replaced)
  }

  private func put(
    _ bytes: [UInt8], level: UInt8, first: UInt64, count: Int, chain: Digest32, term: UInt64
  ) async throws(StoreError) -> LogPiece {
    let piece = LogPiece(
      level: level, first: first, count: UInt64(count), byteCount: UInt32(bytes.count),
      term: term, digest: Digest32(sha256: bytes), chain: chain)
    try await engine.put(bytes, piece.name)
    return piece
  }

  private static func byteCount(_ leaves: [[UInt8]]) -> Int {
    leaves.reduce(0) { $0 + $1.count + 4 }
  }

  /// Of which each fits into an object.
  private static func parts(_ leaves: [[UInt8]]) -> [[[UInt8]]] {
    var (parts, room): ([[[UInt8]]], Int) = ([], 0)
    for leaf in leaves {
      if room < leaf.count + 4 {
        parts.append([])
        room = LogObject.byteLimit / 4
      }
      parts[parts.count - 1].append(leaf)
      room -= leaf.count + 4
    }
    return parts
  }

  /// The leaves of pieces that are to be joined: from the copy, if it has just these.
  private func leaves(of pieces: [LogPiece]) async throws(StoreError) -> [[UInt8]] {
    var leaves: [[UInt8]] = []
    guard let first = pieces.first, let last = pieces.last else { return [] }
    if let copy {
      let count = Int(clamping: last.end - first.first)
      let own = try? await copy.leaves(from: first.first, limit: count, byteCount: .max)
      let before = known.head.pieces.last { $0.end == first.first }?.chain ?? .zero
      let isSame = first.first == 0 || before != .zero
      if let own, own.count == count, isSame,
        own.reduce(before, { Digest32(sha256: $0.bytes + $1) }) == last.chain
      {
        return own
      }
    }
    for piece in pieces { leaves += try await self.leaves(of: piece) }
    return leaves
  }

  // MARK: Reading

  public func leaves(
    from position: UInt64, limit: Int, byteCount: Int
  ) async throws(StoreError) -> [[UInt8]] {
    guard limit > 0 else { return [] }
    let wanted = position.addingReportingOverflow(UInt64(limit))
    if wanted.overflow || wanted.partialValue > known.head.size { try await settle() }
    var (leaves, next, room): ([[UInt8]], UInt64, Int) = ([], position, byteCount)
    var former: Int64?
    while leaves.count < limit, next < known.head.size {
      let found: [[UInt8]]
      do throws(StoreError) {
        found = try await run(from: next, limit: limit - leaves.count, byteCount: room)
        former = nil
      } catch {
        // It may have been joined with others since the head was read.
        guard error.code == .corrupted, former != known.revision else { throw error }
        former = known.revision
        try await readHead()
        continue
      }
      for leaf in found.prefix(limit - leaves.count) {
        guard leaves.isEmpty || leaf.count <= room else { return leaves }
        leaves.append(leaf)
        room -= min(max(room, 0), leaf.count)
        next += 1
      }
    }
    return leaves
  }

  /// Some leaves from a position on that is in the log, at least one; more than asked for, perhaps.
  private func run(
    from position: UInt64, limit: Int, byteCount: Int
  ) async throws(StoreError) -> [[UInt8]] {
    if position >= known.head.tailStart {
      return Array(known.head.tail.dropFirst(Int(clamping: position - known.head.tailStart)))
    }
    if let copy {
      let left = Int(clamping: known.head.size - position)
      let own = try? await copy.leaves(
        from: position, limit: min(limit, left), byteCount: byteCount)
      if let own, !own.isEmpty { return own }
    }
    let piece = try await piece(at: position)
    return Array(try await leaves(of: piece).dropFirst(Int(position - piece.first)))
  }

  /// The piece with the leaves at a position, below all indexes.
  private func piece(at position: UInt64) async throws(StoreError) -> LogPiece {
    var pieces = known.head.pieces
    while true {
      guard let piece = pieces.first(where: { $0.first <= position && position < $0.end }) else {
        throw StoreError(.corrupted, "no piece of the log has leaf \(position)")
      }
      guard piece.isIndex else { return piece }
      pieces = try await self.pieces(of: piece)
    }
  }

  private func pieces(of index: LogPiece) async throws(StoreError) -> [LogPiece] {
    if let known = cache.pieces[index.digest] { return known }
    guard let pieces = LogObject.pieces(try await bytes(of: index), of: index) else {
      throw damaged(index, "it is no index")
    }
    cache.keep(pieces, index.digest)
    return pieces
  }

  private func leaves(of piece: LogPiece) async throws(StoreError) -> [[UInt8]] {
    if let known = cache.leaves(piece.digest) { return known }
    guard let leaves = LogObject.leaves(try await bytes(of: piece), of: piece) else {
      throw damaged(piece, "it has other leaves")
    }
    cache.keep(leaves, piece)
    return leaves
  }

  private func bytes(of piece: LogPiece) async throws(StoreError) -> [UInt8] {
    guard let bytes = try await engine.object(piece.object) else {
      throw damaged(piece, "missing")
    }
    return bytes
  }

  private func damaged(_ piece: LogPiece, _ how: String) -> StoreError {
    let error = engine.damaged(piece.object, how)
    return StoreError(
      .corrupted, "leaves \(piece.first) to \(piece.end - 1) of the log: \(error.message)")
  }

  // MARK: The copy

  /// Takes what the copy of this machine lacks.
  ///
  /// - Returns: how many leaves it has.
  /// - Throws: ``StoreError``; `corrupted` if the copy has more than is shared: then what is shared was put back
  ///   from a copy that is older.
  @discardableResult
  public func follow() async throws(StoreError) -> UInt64 {
    guard let copy else { return 0 }
    try await settle()
    var size = try await copy.size()
    guard size <= known.head.size else {
      throw StoreError(
        .corrupted,
        "etcd: the log has \(known.head.size) leaves, this machine's copy \(size): etcd was put back from an older state"
      )
    }
    while size < known.head.size {
      let leaves = try await leaves(from: size, limit: .max, byteCount: 1 << 22)
      guard !leaves.isEmpty else { break }
      try await copy.append(leaves, at: size)
      size += UInt64(leaves.count)
    }
    return size
  }

  /// Reads every object of the log.
  ///
  /// - Returns: what is wrong with each that is missing or changed.
  /// - Throws: ``StoreError`` if etcd or S3 do not answer.
  public func findings() async throws(StoreError) -> [String] {
    try await readHead()
    var (findings, waiting) = ([String](), known.head.pieces)
    var chain = Digest32.zero
    while !waiting.isEmpty {
      let piece = waiting.removeFirst()
      do throws(StoreError) {
        if piece.isIndex {
          waiting.insert(contentsOf: try await pieces(of: piece), at: 0)
          continue
        }
        for leaf in try await leaves(of: piece) { chain = Digest32(sha256: chain.bytes + leaf) }
        if chain != piece.chain {
          findings.append(damaged(piece, "it continues another chain").message)
        }
      } catch {
        guard error.code == .corrupted else { throw error }
        findings.append(error.message)
      }
      chain = piece.chain
    }
    return findings
  }
}

/// What was read last of the objects of a log, within bounds.
private struct PieceCache {
  private static let leafByteLimit = 1 << 23
  private static let indexLimit = 64

  private(set) var pieces: [Digest32: [LogPiece]] = [:]
  private var leaves: [(piece: LogPiece, leaves: [[UInt8]])] = []

  func leaves(_ digest: Digest32) -> [[UInt8]]? {
    leaves.last { $0.piece.digest == digest }?.leaves
  }

  mutating func keep(_ pieces: [LogPiece], _ digest: Digest32) {
    if self.pieces.count >= Self.indexLimit { self.pieces.removeAll() }
    self.pieces[digest] = pieces
  }

  mutating func keep(_ leaves: [[UInt8]], _ piece: LogPiece) {
    self.leaves.append((piece, leaves))
    while self.leaves.count > 1,
      self.leaves.reduce(0, { $0 + Int($1.piece.byteCount) }) > Self.leafByteLimit
    {
      self.leaves.removeFirst()
    }
  }
}

extension LogPiece {
  fileprivate var object: SharedEngine.ObjectName {
    .init(name: name, byteCount: Int(byteCount), digest: digest)
  }
}
