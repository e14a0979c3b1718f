public import CanonicalEncoding
import EMRScheme
public import TransparencyLog

/// That a leaf is final, for somebody who holds the genesis and no copy of the ledger.
///
/// A leaf of the consortium chain is final under a checkpoint that more than two thirds of the
/// delegates cosigned. One of a hospital's chain is final under a checkpoint whose anchor is final
/// (specification 6.5).
public struct FinalityProof: CanonicalValue, Equatable {
  /// In which the last block of the checkpoint stands: which set of delegates has cosigned it. That
  /// it is so, the set's keys show.
  public var epoch: UInt64
  /// A consortium checkpoint with its cosignatures, a C2SP signed note.
  public var note: String
  /// RFC 6962 consistency from the checkpoint that the client knew.
  public var consistency: [[UInt8]]
  /// The leaf itself, or the anchor of the hospital's chain.
  public var consortium: LeafProof
  /// For a leaf of a hospital's chain: its place under the anchored checkpoint.
  public var hospital: LeafProof?

  public init(
    epoch: UInt64, note: String, consistency: [[UInt8]], consortium: LeafProof,
    hospital: LeafProof?
  ) {
    self.epoch = epoch
    self.note = note
    self.consistency = consistency
    self.consortium = consortium
    self.hospital = hospital
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.integer("epoch", epoch)
    fields.text("note", note)
    fields.octetsList("consistency", consistency)
    fields.value("consortium", consortium)
    fields.optional("hospital", hospital)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    epoch = try fields.integer("epoch", in: 0...LedgerLimits.size)
    note = try fields.text("note", maximum: LedgerLimits.finalNoteByteCount)
    consistency = try fields.proof("consistency")
    consortium = try fields.value("consortium")
    hospital = try fields.optional("hospital")
  }

  /// Checks the whole proof.
  ///
  /// - Parameters:
  ///   - delegates: the set that the client has followed the chain to.
  ///   - known: the newest consortium checkpoint that the client has seen.
  ///   - confirmed: the checkpoint of another proof that was verified by the same set.
  /// - Throws: ``LedgerError`` `invalid-proof`; `stale-checkpoint` if the proof stands on an older
  ///   checkpoint than `known`, or is of an epoch before; `later-epoch` if the sets of delegates have
  ///   to be followed first.
  public func verify(
    genesis: ValidGenesis, delegates: KnownDelegates, known: Checkpoint?,
    confirmed: Checkpoint? = nil
  ) throws(LedgerError) -> ProvenLeaf {
    guard epoch <= delegates.epoch else {
      throw LedgerError(.laterEpoch, "the checkpoint is of delegates that are not known yet")
    }
    guard epoch == delegates.epoch else {
      throw LedgerError(.staleCheckpoint, "a newer epoch has begun")
    }
    let keys = delegates.keys(of: genesis)
    // What the client knows it has verified before.
    guard
      let checkpoint = keys.checkpoint(in: note).flatMap({
        $0 == known || $0 == confirmed ? $0 : keys.confirmedCheckpoint(note)
      }), checkpoint.size > delegates.start
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
    let leaf = try consortium.verify(size: checkpoint.size, root: checkpoint.root)
    guard let hospital else {
      return ProvenLeaf(
        chain: ChainName.consortium, index: consortium.index, leaf: leaf, checkpoint: checkpoint)
    }
    guard case .item(let entry) = leaf, case .anchor(let anchor) = entry.content.body,
      let anchored = genesis.anchoredCheckpoint(anchor)
    else { throw LedgerError(.invalidProof, "the consortium's leaf is no anchor") }
    return ProvenLeaf(
      chain: anchor.hospital, index: hospital.index,
      leaf: try hospital.verify(size: anchored.size, root: anchored.root), checkpoint: checkpoint,
      anchored: AnchoredLeaf(anchor: consortium.index, leaf: hospital))
  }
}

/// A leaf of a hospital's chain, and the anchor that covers it: who has the consortium chain can check it without
/// having the hospital's.
public struct AnchoredLeaf: CanonicalValue, Equatable {
  /// The index of the anchor on the consortium chain.
  public var anchor: UInt64
  /// Under the root that is anchored there.
  public var leaf: LeafProof

  public init(anchor: UInt64, leaf: LeafProof) { (self.anchor, self.leaf) = (anchor, leaf) }

  public func encode(into fields: inout some FieldEncoder) {
    fields.integer("anchor", anchor)
    fields.value("leaf", leaf)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    anchor = try fields.integer("anchor", in: 0...LedgerLimits.size)
    leaf = try fields.value("leaf")
  }
}

/// A leaf that is final by a ``FinalityProof``.
public struct ProvenLeaf: Sendable {
  /// The hospital's identifier, or `consortium`.
  public let chain: String
  /// Where it stands on this chain.
  public let index: UInt64
  public let leaf: Leaf
  /// The consortium checkpoint that it is final under.
  public let checkpoint: Checkpoint
  /// Of a leaf of a hospital's chain: under which anchor it stands.
  public var anchored: AnchoredLeaf?

  /// The entry, if the leaf is an item.
  public var entry: Entry? { if case .item(let entry) = leaf { entry } else { nil } }
}

extension ValidGenesis {
  /// The checkpoint in an anchor that the consortium has accepted, which is why nobody's signature
  /// on it is looked at again.
  func anchoredCheckpoint(_ anchor: Anchor) -> Checkpoint? {
    let prefix = origin(of: anchor.hospital, generation: 0).dropLast()
    guard let note = try? SignedNote(encoded: anchor.note),
      let checkpoint = try? Checkpoint(body: note.body), checkpoint.origin.hasPrefix(prefix)
    else { return nil }
    return checkpoint
  }
}

extension ErrorCode<LedgerError> {
  /// The checkpoint is of a later epoch than the client has followed the delegates to.
  public static var laterEpoch: Self { Self("later-epoch") }
  /// A newer checkpoint has been seen before.
  public static var staleCheckpoint: Self { Self("stale-checkpoint") }
}
