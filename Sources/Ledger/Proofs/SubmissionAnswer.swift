public import CanonicalEncoding
import EMRScheme
import TransparencyLog

/// A hospital's answer to a submitted entry, signed with its identity key (specification 6.5).
public struct SubmissionAnswer: CanonicalObject, Equatable {
  public static let kind = ObjectKind.submissionAnswer
  public static let maximumByteCount = 1 << 15

  /// What became of the entry.
  public enum Outcome: Sendable, Equatable {
    /// The rules accept the entry and the hospital's log has it. This may still be lost: who signed
    /// the entry keeps it until it is confirmed.
    case written
    /// It stands at an index under a checkpoint that the cloud has cosigned.
    case confirmed(Confirmation)
    /// The rules refuse it after the leaves up to `position`.
    case refused(code: String, position: UInt64)
  }

  /// The place of an item under a signed and cosigned checkpoint.
  public struct Confirmation: CanonicalValue, Equatable {
    public var index: UInt64
    /// A C2SP signed note.
    public var note: String
    public var inclusion: [[UInt8]]

    public init(index: UInt64, note: String, inclusion: [[UInt8]]) {
      (self.index, self.note, self.inclusion) = (index, note, inclusion)
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.integer("index", index)
      fields.text("note", note)
      fields.octetsList("inclusion", inclusion)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      index = try fields.integer("index", in: 0...LedgerLimits.size)
      note = try fields.text("note", maximum: LedgerLimits.noteByteCount)
      inclusion = try fields.proof("inclusion")
    }
  }

  public var genesis: Digest32
  public var chain: String
  public var generation: UInt64
  /// The digest of the entry.
  public var entry: Digest32
  public var outcome: Outcome

  public init(
    genesis: Digest32, chain: String, generation: UInt64, entry: Digest32, outcome: Outcome
  ) {
    self.genesis = genesis
    self.chain = chain
    self.generation = generation
    self.entry = entry
    self.outcome = outcome
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("chain", chain)
    fields.integer("generation", generation)
    fields.digest("entry", entry)
    switch outcome {
    case .written: fields.integer("outcome", 1)
    case .confirmed(let confirmation):
      fields.integer("outcome", 2)
      fields.value("confirmation", confirmation)
    case .refused(let code, let position):
      fields.integer("outcome", 3)
      fields.text("code", code)
      fields.integer("position", position)
    }
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    chain = try fields.identifier("chain")
    generation = try fields.integer("generation", in: 0...LedgerLimits.size)
    entry = try fields.digest("entry")
    switch try fields.integer("outcome", in: 1...3) {
    case 1: outcome = .written
    case 2: outcome = .confirmed(try fields.value("confirmation"))
    default:
      outcome = .refused(
        code: try fields.identifier("code"),
        position: try fields.integer("position", in: 0...LedgerLimits.size))
    }
  }

  /// Checks a confirmation of this entry: that its leaf stands under a checkpoint which the cloud,
  /// an organisation of its own, has cosigned.
  ///
  /// - Parameter members: of the epoch.
  /// - Throws: ``LedgerError`` `invalid-proof`.
  public static func check(
    _ confirmation: Confirmation, of entry: Entry, generation: UInt64, genesis: ValidGenesis,
    members: ValidMembers
  ) throws(LedgerError) {
    let chain = entry.content.chain
    do {
      let note = try SignedNote(encoded: confirmation.note)
      let cosigned = try CosignedCheckpoint(
        verifying: note, origin: genesis.origin(of: chain, generation: generation),
        cosigners: members.cosigners(ofHospital: chain), allowsExtensionLines: false)
      try InclusionProof(hashes: confirmation.inclusion).verify(
        leafHash: MerkleHash.leaf(Leaf.item(entry).encoded()), index: confirmation.index,
        size: cosigned.checkpoint.size, root: cosigned.checkpoint.root)
    } catch {
      throw LedgerError(.invalidProof, "the entry is not shown to be confirmed: \(error)")
    }
  }
}
