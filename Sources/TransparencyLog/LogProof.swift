/// Everything that shows a leaf to stand in a log, in one text: index, inclusion proof and signed
/// checkpoint (C2SP tlog-proof). Nothing in it has been verified.
public struct LogProof: Sendable, Equatable {
  static let header = "c2sp.org/tlog-proof@v1"
  /// In UTF-8 bytes: a note, and room for index and path.
  public static let maximumByteCount = SignedNote.maximumByteCount + (1 << 16)

  /// Bytes without a signature, whose meaning is their writer's; nothing here relies on them.
  public let extra: [UInt8]?
  /// Of the leaf, from 0.
  public let index: UInt64
  /// From the leaf to the root of the checkpoint in ``note``.
  public let inclusion: InclusionProof
  public let note: SignedNote

  public init(index: UInt64, inclusion: InclusionProof, note: SignedNote) {
    (extra, self.index, self.inclusion, self.note) = (nil, index, inclusion, note)
  }

  /// - Throws: `encoding` if this is not exactly what ``encoded`` writes, `too-large`.
  public init(encoded text: String) throws(TransparencyLogError) {
    guard text.utf8.count <= Self.maximumByteCount else {
      throw TransparencyLogError(.tooLarge, "the proof is too long")
    }
    let lines = try text.printableLines()
    guard let end = lines.firstIndex(of: ""), lines[0].isSameUTF8(as: Self.header) else {
      throw TransparencyLogError(.encoding, "this is not a proof of \(Self.header)")
    }
    var head = lines[1..<end]
    if let extra = head.first?.argument(of: "extra") {
      self.extra = try [UInt8](canonicalBase64: extra)
      head.removeFirst()
    } else {
      extra = nil
    }
    guard let index = head.popFirst()?.argument(of: "index") else {
      throw TransparencyLogError(.encoding, "the line of the index is missing")
    }
    self.index = try UInt64(canonicalDecimal: index)
    guard head.count <= MerkleHash.maximumProofHashCount else {
      throw TransparencyLogError(.tooLarge, "the proof has too many hashes")
    }
    var hashes: [[UInt8]] = []
    for line in head { hashes.append(try [UInt8](canonicalBase64: line)) }
    inclusion = try InclusionProof(hashes: hashes)
    note = try SignedNote(encoded: lines[(end + 1)...].map { $0 + "\n" }.joined())
  }

  /// The text form, which is the only one of this proof; stored as `.tlog-proof`.
  public var encoded: String {
    let head =
      [Self.header] + (extra.map { ["extra " + $0.base64] } ?? []) + ["index \(index)"]
      + inclusion.hashes.map(\.base64) + [""]
    return head.map { $0 + "\n" }.joined() + note.encoded
  }

  /// Shows that the leaf of this hash stands in the log, under a checkpoint that the log has signed
  /// and all of these have cosigned.
  ///
  /// - Throws: what ``ConfirmedCheckpoint`` and ``InclusionProof`` throw.
  public func verify(
    leafHash: [UInt8], log: LogVerifier, cosigners: [CosignerVerifier],
    allowsExtensionLines: Bool = true
  ) throws(TransparencyLogError) -> ConfirmedCheckpoint {
    let confirmed = try ConfirmedCheckpoint(
      verifying: note, log: log, cosigners: cosigners, allowsExtensionLines: allowsExtensionLines)
    try inclusion.verify(
      leafHash: leafHash, index: index, size: confirmed.checkpoint.size,
      root: confirmed.checkpoint.root)
    return confirmed
  }

  /// Shows that the leaf of this hash stands in the log.
  ///
  /// - Returns: the checkpoint it stands under; the caller says if those who cosigned are enough.
  /// - Throws: what ``CosignedCheckpoint`` and ``InclusionProof`` throw.
  public func verify(
    leafHash: [UInt8], origin: String, cosigners: [CosignerVerifier],
    allowsExtensionLines: Bool = true
  ) throws(TransparencyLogError) -> CosignedCheckpoint {
    let cosigned = try CosignedCheckpoint(
      verifying: note, origin: origin, cosigners: cosigners,
      allowsExtensionLines: allowsExtensionLines)
    try inclusion.verify(
      leafHash: leafHash, index: index, size: cosigned.checkpoint.size,
      root: cosigned.checkpoint.root)
    return cosigned
  }
}
