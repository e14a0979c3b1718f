public import CanonicalEncoding
import EMRScheme
import TransparencyLog

/// A block with its place in its chain's tree: RFC 6962 inclusion of the header's hash.
public struct BlockProof: CanonicalValue, Equatable {
  public var block: Block
  /// The hashes from the leaf to the root.
  public var inclusion: [[UInt8]]

  public init(block: Block, inclusion: [[UInt8]]) {
    (self.block, self.inclusion) = (block, inclusion)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.object("block", encoded: block.encoded())
    fields.octetsList("inclusion", inclusion)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    block = try Block(encoded: try fields.object("block", maximum: Block.maximumByteCount))
    inclusion = try fields.octetsList("inclusion", maximum: 64, 32...32)
  }

  /// Shows that the block is one of `chain` and stands under this checkpoint.
  ///
  /// - Throws: ``LedgerError`` `invalid-proof`.
  func verify(
    chain: String, genesis: ValidGenesis, under checkpoint: Checkpoint
  ) throws(LedgerError) {
    let header = block.header
    guard header.genesis == genesis.digest, header.chain == chain,
      header.bodyDigest == block.body.digest
    else { throw LedgerError(.invalidProof, "the block is not one of \(chain)") }
    do {
      try InclusionProof(hashes: inclusion).verify(
        leafHash: MerkleHash.leaf(header.digest.bytes), index: header.height,
        size: checkpoint.size, root: checkpoint.root)
    } catch {
      throw LedgerError(
        .invalidProof, "block \(header.height) of \(chain) is not under its checkpoint")
    }
  }
}
