/// What a log commits to: its origin, a size, and the root at that size.
///
/// Source: C2SP tlog-checkpoint. A checkpoint by itself is a claim; only a ``SignedCheckpoint``,
/// a ``CosignedCheckpoint`` or a ``ConfirmedCheckpoint`` says who made it.
public struct Checkpoint: Hashable, Sendable {
  /// In UTF-8 bytes, far above what is needed.
  static let maximumByteCount = 1 << 16

  /// Which log this is.
  public let origin: String
  /// Leaves in the tree; at most 2⁶³ − 1.
  public let size: UInt64
  /// The hash over these leaves, 32 bytes.
  public let root: [UInt8]
  /// Read because others may have written and signed them; nothing relies on them.
  public let extensionLines: [String]

  /// - Throws: `encoding` if a line or the root cannot stand in a checkpoint, `range` if the size
  ///   is above 2⁶³ − 1 or the root is not the one of size 0, `too-large`.
  public init(origin: String, size: UInt64, root: [UInt8]) throws(TransparencyLogError) {
    try self.init(origin, size, root, extensionLines: [])
  }

  private init(
    _ origin: String, _ size: UInt64, _ root: [UInt8], extensionLines: [String]
  ) throws(TransparencyLogError) {
    self.origin = origin
    self.size = size
    self.root = root
    self.extensionLines = extensionLines
    try MerkleHash.check(root)
    guard size <= UInt64.largest, size > 0 || root == MerkleHash.empty else {
      throw TransparencyLogError(.range, "no tree of size \(size) has this root")
    }
    guard ([origin] + extensionLines).allSatisfy({ !$0.isEmpty && $0.isPrintable }) else {
      throw TransparencyLogError(.encoding, "a line is empty or has a control character")
    }
    guard body.utf8.count <= Self.maximumByteCount else {
      throw TransparencyLogError(.tooLarge, "the checkpoint is too long")
    }
  }

  /// Reads the text of a signed note.
  /// - Throws: `encoding` if it is not exactly what ``body`` writes, `range`, `too-large`.
  public init(body: String) throws(TransparencyLogError) {
    guard body.utf8.count <= Self.maximumByteCount else {
      throw TransparencyLogError(.tooLarge, "the checkpoint is too long")
    }
    let lines = try body.printableLines()
    guard lines.count >= 3 else {
      throw TransparencyLogError(.encoding, "a checkpoint has at least three lines")
    }
    try self.init(
      lines[0], UInt64(canonicalDecimal: lines[1]), [UInt8](canonicalBase64: lines[2]),
      extensionLines: Array(lines[3...]))
  }

  /// Reads what a note is about.
  ///
  /// - Parameter allowsExtensionLines: false refuses them, as formats do that have none.
  /// - Throws: what ``init(body:)`` throws, `origin` if it is of another log, `extension-line`.
  init(
    of note: SignedNote, origin: String, allowsExtensionLines: Bool
  ) throws(TransparencyLogError) {
    try self.init(body: note.body)
    guard self.origin.isSameUTF8(as: origin) else {
      throw TransparencyLogError(.origin, "the checkpoint is of another log")
    }
    guard allowsExtensionLines || extensionLines.isEmpty else {
      throw TransparencyLogError(.extensionLine, "the checkpoint has an extension line")
    }
  }

  /// The text that is signed, with its final newline.
  public var body: String {
    ([origin, String(size), root.base64] + extensionLines).map { $0 + "\n" }.joined()
  }

  public static func == (a: Self, b: Self) -> Bool { a.body.isSameUTF8(as: b.body) }
}
