public import CanonicalEncoding
import EMRScheme
public import TransparencyLog

/// That a block is final, for somebody who holds the genesis and no copy of the ledger.
///
/// A consortium block is final under a checkpoint that more than two thirds of the delegates
/// cosigned. A hospital's block is final under a checkpoint that stands in an anchor in a final
/// consortium block (specification, section 6.5).
public struct FinalityProof: CanonicalValue, Equatable {
  /// A consortium checkpoint with its cosignatures, a C2SP signed note.
  public var note: String
  /// RFC 6962 consistency from the checkpoint that the client knew.
  public var consistency: [[UInt8]]
  public var consortiumBlock: BlockProof
  /// For a hospital's block: its place under the checkpoint anchored in `consortiumBlock`.
  public var hospitalBlock: BlockProof?

  public init(
    note: String, consistency: [[UInt8]], consortiumBlock: BlockProof, hospitalBlock: BlockProof?
  ) {
    self.note = note
    self.consistency = consistency
    self.consortiumBlock = consortiumBlock
    self.hospitalBlock = hospitalBlock
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("note", note)
    fields.octetsList("consistency", consistency)
    fields.value("consortiumBlock", consortiumBlock)
    fields.list("hospitalBlock", hospitalBlock.map { [$0] } ?? [])
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    note = try fields.text("note", maximum: 1 << 16)
    consistency = try fields.octetsList("consistency", maximum: 64, 32...32)
    consortiumBlock = try fields.value("consortiumBlock")
    hospitalBlock = try fields.list("hospitalBlock", maximum: 1, of: BlockProof.self).first
  }

  /// Checks the whole proof.
  ///
  /// - Parameter known: the newest consortium checkpoint that the client has seen.
  /// - Throws: ``LedgerError`` `invalid-proof`; `stale-checkpoint` if the proof stands on an older
  ///   checkpoint than `known`.
  public func verify(
    genesis: ValidGenesis, known: Checkpoint?
  ) throws(LedgerError) -> ProvenBlock {
    let chain = ChainName.consortium
    // What the client knows it has verified before.
    guard
      let checkpoint = genesis.checkpoint(in: note, chain: chain).flatMap({
        $0 == known ? $0 : genesis.cosignedCheckpoint(note, chain: chain)?.checkpoint
      })
    else { throw LedgerError(.invalidProof, "the checkpoint has too few cosignatures") }
    if let known {
      guard checkpoint.size >= known.size else {
        throw LedgerError(.staleCheckpoint, "a newer checkpoint has been seen before")
      }
      do {
        try ConsistencyProof(hashes: consistency).verify(
          oldSize: known.size, oldRoot: known.root, newSize: checkpoint.size,
          newRoot: checkpoint.root)
      } catch {
        throw LedgerError(.invalidProof, "the checkpoint does not extend the one known before")
      }
    }
    try consortiumBlock.verify(chain: chain, genesis: genesis, under: checkpoint)
    guard let hospitalBlock else {
      return ProvenBlock(block: consortiumBlock.block, checkpoint: checkpoint)
    }
    let hospital = hospitalBlock.block.header.chain
    guard let anchored = consortiumBlock.block.anchoredCheckpoint(of: hospital, genesis: genesis)
    else { throw LedgerError(.invalidProof, "the consortium block anchors nothing of \(hospital)") }
    try hospitalBlock.verify(chain: hospital, genesis: genesis, under: anchored)
    return ProvenBlock(block: hospitalBlock.block, checkpoint: checkpoint)
  }
}

/// A block that is final by a ``FinalityProof``.
public struct ProvenBlock: Sendable {
  public let block: Block
  /// The consortium checkpoint that it is final under.
  public let checkpoint: Checkpoint

  /// The entries that the rules accepted.
  public var acceptedEntries: [Entry] { block.acceptedEntries }
}

extension Block {
  /// The entries that the rules accepted.
  public var acceptedEntries: [Entry] {
    body.items.filter(\.refusal.isEmpty).compactMap { try? Entry(encoded: $0.entry) }
  }

  /// The last checkpoint of a hospital's chain that this consortium block anchors.
  func anchoredCheckpoint(of hospital: String, genesis: ValidGenesis) -> Checkpoint? {
    acceptedEntries
      .compactMap { try? Anchor(encoded: $0.content.body) }
      .last { $0.hospital == hospital }
      .flatMap { genesis.cosignedCheckpoint($0.note, chain: hospital)?.checkpoint }
  }
}

extension LedgerError.Code {
  /// A newer checkpoint has been seen before.
  public static let staleCheckpoint = Self("stale-checkpoint")
}
