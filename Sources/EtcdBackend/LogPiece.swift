import CanonicalEncoding

/// A run of a chain's leaves in one object of S3: the leaves themselves, or pieces that hold them.
struct LogPiece: Equatable, Sendable {
  /// Of what is to be joined with others of its level: 0 is one append; ``full`` is not joined again, but named
  /// in an index; what is above is an index of pieces one level below.
  var level: UInt8
  var first: UInt64
  var count: UInt64
  /// Of the object.
  var byteCount: UInt32
  /// In which it was put: no name is used twice.
  var term: UInt64
  var digest: Digest32
  /// SHA-256(chain before ‖ leaf) of all leaves up to its end, 32 zero bytes before the first.
  var chain: Digest32

  static let full: UInt8 = 15
  static let levelLimit: UInt8 = 31
  static let byteCount = 1 + 8 + 8 + 4 + 8 + 32 + 32

  var end: UInt64 { first &+ count }
  var isIndex: Bool { level > Self.full }

  /// Of its object, below `log/`.
  var name: String { "log/\(isIndex ? "index" : "leaves")/\(first)-\(end)-\(term)-\(digest)" }

  func write(to writer: inout ByteWriter) {
    writer.integer(level)
    writer.integer(first)
    writer.integer(count)
    writer.integer(byteCount)
    writer.integer(term)
    writer.raw(digest.bytes)
    writer.raw(chain.bytes)
  }

  /// - Returns: nil for what no piece is.
  init?(from reader: inout ByteReader) {
    guard let level: UInt8 = reader.integer(), level <= Self.levelLimit,
      let first: UInt64 = reader.integer(), let count: UInt64 = reader.integer(), count > 0,
      !first.addingReportingOverflow(count).overflow,
      let byteCount: UInt32 = reader.integer(), byteCount <= LogObject.byteLimit,
      let term: UInt64 = reader.integer(), let digest = reader.raw(32).flatMap({ Digest32($0) }),
      let chain = reader.raw(32).flatMap({ Digest32($0) })
    else { return nil }
    (self.level, self.first, self.count, self.byteCount) = (level, first, count, byteCount)
    (self.term, self.digest, self.chain) = (term, digest, chain)
  }

  init(
    level: UInt8, first: UInt64, count: UInt64, byteCount: UInt32, term: UInt64, digest: Digest32,
    chain: Digest32
  ) {
    (self.level, self.first, self.count, self.byteCount) = (level, first, count, byteCount)
    (self.term, self.digest, self.chain) = (term, digest, chain)
  }

  /// Pieces that follow each other without a gap from `first` on.
  ///
  /// - Returns: nil for others.
  static func sequence(
    _ count: Int, from first: UInt64, _ reader: inout ByteReader
  ) -> [LogPiece]? {
    var (pieces, next): ([LogPiece], UInt64) = ([], first)
    for _ in 0..<count {
      guard let piece = LogPiece(from: &reader), piece.first == next else { return nil }
      next = piece.end
      pieces.append(piece)
    }
    return pieces
  }
}

/// What stands in an object: `BCEMRL` and 1, or `BCEMRI` and 1, then each leaf behind its length in four bytes, or
/// the pieces.
enum LogObject {
  /// No object is longer: eight times what is joined.
  static let byteLimit = 1 << 24
  private static let leavesMagic = Array("BCEMRL\u{1}".utf8)
  private static let indexMagic = Array("BCEMRI\u{1}".utf8)

  static func encoded(_ leaves: [[UInt8]]) -> [UInt8] {
    var writer = ByteWriter(leavesMagic)
    for leaf in leaves { writer.counted(leaf) }
    return writer.bytes
  }

  static func leaves(_ bytes: [UInt8], of piece: LogPiece) -> [[UInt8]]? {
    var reader = ByteReader(bytes)
    guard reader.raw(leavesMagic.count) == leavesMagic else { return nil }
    var leaves: [[UInt8]] = []
    while !reader.isAtEnd {
      guard let leaf = reader.counted(), !leaf.isEmpty else { return nil }
      leaves.append(leaf)
    }
    return UInt64(leaves.count) == piece.count ? leaves : nil
  }

  static func encoded(_ pieces: [LogPiece]) -> [UInt8] {
    var writer = ByteWriter(indexMagic)
    for piece in pieces { piece.write(to: &writer) }
    return writer.bytes
  }

  static func pieces(_ bytes: [UInt8], of index: LogPiece) -> [LogPiece]? {
    var reader = ByteReader(bytes)
    guard reader.raw(indexMagic.count) == indexMagic else { return nil }
    let count = (bytes.count - indexMagic.count) / LogPiece.byteCount
    guard let pieces = LogPiece.sequence(count, from: index.first, &reader), reader.isAtEnd,
      pieces.last?.end == index.end, pieces.allSatisfy({ $0.level < index.level })
    else { return nil }
    return pieces
  }
}

/// What etcd knows of a chain: how long it is, the hash over all its leaves, which objects hold them, and the newest
/// leaves themselves. It stays small however long the chain is: some tens of pieces, and some KiB of leaves.
struct LogHead: Equatable, Sendable {
  /// The oldest first.
  var pieces: [LogPiece] = []
  /// The leaves behind those of the pieces, so that not each append has to put an object.
  var tail: [[UInt8]] = []
  /// That no two writes are equal.
  var nonce: UInt64 = 0

  static let empty = LogHead()
  /// Pieces that are named here at most.
  static let pieceLimit = 1024
  private static let magic = Array("BCEMRH\u{3}".utf8)

  /// Where the tail begins.
  var tailStart: UInt64 { pieces.last?.end ?? 0 }
  var size: UInt64 { tailStart &+ UInt64(tail.count) }
  /// Up to where the tail begins.
  var chain: Digest32 { pieces.last?.chain ?? .zero }

  /// With an authenticator of all before at the end: who may write to etcd and to S3 makes no leaf that is read.
  ///
  /// - Parameter key: under which it lies.
  func bytes(under secret: EngineSecret, at key: [UInt8]) -> [UInt8] {
    var writer = ByteWriter(Self.magic)
    writer.integer(nonce)
    writer.integer(UInt16(truncatingIfNeeded: pieces.count))
    for piece in pieces { piece.write(to: &writer) }
    for leaf in tail { writer.counted(leaf) }
    return writer.bytes + secret.authenticator(of: writer.bytes, .log, name: key)
  }

  /// - Returns: nil for what was not written so.
  init?(_ bytes: [UInt8], under secret: EngineSecret, at key: [UInt8]) {
    guard bytes.count >= 32,
      secret.isAuthentic(
        Array(bytes.suffix(32)), of: Array(bytes.dropLast(32)), .log, name: key)
    else { return nil }
    var reader = ByteReader(bytes.dropLast(32))
    guard reader.raw(Self.magic.count) == Self.magic, let nonce: UInt64 = reader.integer(),
      let count: UInt16 = reader.integer(), count <= Self.pieceLimit,
      let pieces = LogPiece.sequence(Int(count), from: 0, &reader)
    else { return nil }
    while !reader.isAtEnd {
      guard let leaf = reader.counted(), !leaf.isEmpty else { return nil }
      tail.append(leaf)
    }
    guard !(pieces.last?.end ?? 0).addingReportingOverflow(UInt64(tail.count)).overflow else {
      return nil
    }
    (self.nonce, self.pieces) = (nonce, pieces)
  }

  private init() {}
}

/// Which pieces are joined when one is added, so that a chain costs the same whatever its length.
enum LogLayout {
  /// So many of one level become one of the next.
  static let joined = 4
  /// From so many bytes on a piece is full.
  static let fullByteCount = 1 << 20
  /// So many full pieces, or indexes of one level, are named by one index.
  static let indexed = 16

  /// How many pieces at the end are joined with one more, which has so many bytes, and of which level that is then.
  static func joining(_ pieces: [LogPiece], with byteCount: Int) -> (count: Int, level: UInt8) {
    var (count, level, sum): (Int, UInt8, Int) = (0, 0, byteCount)
    while sum < fullByteCount, level < LogPiece.full {
      let rest = pieces.dropLast(count)
      let run = rest.suffix { $0.level == level }
      guard run.count >= joined - 1 else { return (count, level) }
      count += run.count
      sum += run.reduce(0) { $0 + Int($1.byteCount) }
      level += 1
    }
    return (count, sum < fullByteCount ? level : LogPiece.full)
  }

  /// Takes everything before a full piece for full too: what is small there stays so.
  static func settled(_ pieces: [LogPiece]) -> [LogPiece] {
    guard let last = pieces.lastIndex(where: { $0.level == LogPiece.full }) else { return pieces }
    return pieces.enumerated().map { offset, piece in
      var piece = piece
      if offset < last, piece.level < LogPiece.full { piece.level = LogPiece.full }
      return piece
    }
  }

  /// The first run of pieces that one index is to name.
  static func run(toIndex pieces: [LogPiece]) -> Range<Int>? {
    var start = 0
    while start < pieces.count, pieces[start].level >= LogPiece.full {
      let level = pieces[start].level
      let end = pieces[start...].firstIndex { $0.level != level } ?? pieces.count
      if end - start >= indexed, level < LogPiece.levelLimit { return start..<start + indexed }
      start = end
    }
    return nil
  }
}

extension ArraySlice {
  fileprivate func suffix(_ holds: (Element) -> Bool) -> ArraySlice<Element> {
    self[(lastIndex { !holds($0) }.map { $0 + 1 } ?? startIndex)...]
  }
}
