public import CanonicalEncoding
import EMRScheme
import TransparencyLog

/// A leaf with its place in its chain's tree.
public struct LeafProof: CanonicalValue, Equatable {
  /// The bytes of the ``Leaf``.
  public var leaf: [UInt8]
  public var index: UInt64
  /// RFC 6962: the hashes from the leaf to the root.
  public var inclusion: [[UInt8]]

  public init(leaf: [UInt8], index: UInt64, inclusion: [[UInt8]]) {
    (self.leaf, self.index, self.inclusion) = (leaf, index, inclusion)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.octets("leaf", leaf)
    fields.integer("index", index)
    fields.octetsList("inclusion", inclusion)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    leaf = try fields.octets("leaf", 1...Leaf.maximumByteCount)
    index = try fields.integer("index", in: 0...LedgerLimits.size)
    inclusion = try fields.proof("inclusion")
  }

  /// Shows that the leaf stands in the tree of this size and root.
  ///
  /// - Returns: the leaf, decoded.
  /// - Throws: ``LedgerError`` `invalid-proof`.
  public func verify(size: UInt64, root: [UInt8]) throws(LedgerError) -> Leaf {
    do {
      try InclusionProof(hashes: inclusion).verify(
        leafHash: MerkleHash.leaf(leaf), index: index, size: size, root: root)
      return try Leaf(encoded: leaf)
    } catch {
      throw LedgerError(.invalidProof, "leaf \(index) is not shown to stand there: \(error)")
    }
  }
}
