public import CanonicalEncoding
public import Consensus
import EMRScheme

/// Puts a checkpoint of a hospital's chain, signed by the hospital and cosigned by its cloud, on the
/// consortium chain, with the header that it ends behind.
public struct Anchor: CanonicalObject, Equatable {
  public static let kind = ObjectKind.anchor
  public static let version: UInt64 = 2

  public var hospital: String
  /// The checkpoint with signature and cosignature, a C2SP signed note.
  public var note: String
  /// The leaf before the checkpoint's end.
  public var header: BlockHeader
  /// RFC 6962 inclusion of the header's leaf.
  public var inclusion: [[UInt8]]
  /// RFC 6962 consistency with the checkpoint anchored before; empty for the first.
  public var consistency: [[UInt8]]

  public init(
    hospital: String, note: String, header: BlockHeader, inclusion: [[UInt8]],
    consistency: [[UInt8]]
  ) {
    self.hospital = hospital
    self.note = note
    self.header = header
    self.inclusion = inclusion
    self.consistency = consistency
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("hospital", hospital)
    fields.text("note", note)
    fields.object("header", encoded: header.encoded())
    fields.octetsList("inclusion", inclusion)
    fields.octetsList("consistency", consistency)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    hospital = try fields.identifier("hospital")
    note = try fields.text("note", maximum: LedgerLimits.noteByteCount)
    header = try BlockHeader(
      encoded: try fields.object("header", maximum: BlockHeader.maximumByteCount))
    inclusion = try fields.proof("inclusion")
    consistency = try fields.proof("consistency")
  }
}

/// An entry that a hospital has not taken, put before everybody: the hospital has to answer it, by
/// the entry or by ``Refused``. Signed by a supernode, for kinds that the hospital does not sign.
public struct Demand: CanonicalObject, Equatable {
  public static let kind = ObjectKind.demand

  /// The entry; it names the hospital's chain. At most 32,768 bytes.
  public var entry: Entry
  /// For an entry signed with S_v: the visit's completion, and its path to an anchored root.
  public var completion: CompletionProof?

  public init(entry: Entry, completion: CompletionProof?) {
    (self.entry, self.completion) = (entry, completion)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.object("entry", encoded: entry.encoded())
    fields.optional("completion", completion)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    // A demand inside a demand would nest as deep as its sender likes.
    entry = try fields.entry("entry", of: EntryBody.demandableKinds)
    completion = try fields.optional("completion")
  }

  /// The completion of a visit as an item of its chain, under a checkpoint that was anchored: any, for
  /// who had to take the last could be made to come too late for ever.
  public struct CompletionProof: CanonicalValue, Equatable {
    public var entry: Entry
    /// The number of the anchor on this chain, from 0.
    public var anchor: UInt64
    public var index: UInt64
    /// RFC 6962 inclusion at the size that is anchored.
    public var inclusion: [[UInt8]]

    public init(entry: Entry, anchor: UInt64, index: UInt64, inclusion: [[UInt8]]) {
      (self.entry, self.anchor, self.index) = (entry, anchor, index)
      self.inclusion = inclusion
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.object("entry", encoded: entry.encoded())
      fields.integer("anchor", anchor)
      fields.integer("index", index)
      fields.octetsList("inclusion", inclusion)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      entry = try fields.entry("entry", of: [.visitCompletion])
      anchor = try fields.integer("anchor", in: 0...LedgerLimits.size)
      index = try fields.integer("index", in: 0...LedgerLimits.size)
      inclusion = try fields.proof("inclusion")
    }
  }
}

/// Compact evidence: one party signed two trees. A supernode submits it, and the rules
/// convict by it (specification 6.8).
public struct EquivocationReport: CanonicalObject, Equatable {
  public static let kind = ObjectKind.equivocationReport

  /// The chain of both checkpoints, which may be of two generations.
  public var chain: String
  public var first: Claim
  public var second: Claim

  /// A checkpoint, and what stands under it; with no leaf, the checkpoint itself.
  public struct Claim: CanonicalValue, Equatable {
    /// A C2SP signed note.
    public var note: String
    /// The epoch whose members have the keys with which the note is signed.
    public var epoch: UInt64
    public var leaf: ProvenLeaf?

    public init(note: String, epoch: UInt64, leaf: ProvenLeaf? = nil) {
      (self.note, self.epoch, self.leaf) = (note, epoch, leaf)
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.text("note", note)
      fields.integer("epoch", epoch)
      fields.optional("leaf", leaf)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      note = try fields.text("note", maximum: LedgerLimits.noteByteCount)
      epoch = try fields.integer("epoch", in: 0...LedgerLimits.size)
      leaf = try fields.optional("leaf")
    }
  }

  /// The hash of a leaf, for all that a leaf holds need not be shown to convict.
  public struct ProvenLeaf: CanonicalValue, Equatable {
    public var index: UInt64
    /// RFC 6962: SHA-256 of a zero byte and the leaf.
    public var hash: Digest32
    public var inclusion: [[UInt8]]

    public init(index: UInt64, hash: Digest32, inclusion: [[UInt8]]) {
      (self.index, self.hash, self.inclusion) = (index, hash, inclusion)
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.integer("index", index)
      fields.digest("hash", hash)
      fields.octetsList("inclusion", inclusion)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      index = try fields.integer("index", in: 0...LedgerLimits.size)
      hash = try fields.digest("hash")
      inclusion = try fields.proof("inclusion")
    }
  }

  public init(chain: String, first: Claim, second: Claim) {
    (self.chain, self.first, self.second) = (chain, first, second)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("chain", chain)
    fields.value("first", first)
    fields.value("second", second)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    chain = try fields.identifier("chain")
    first = try fields.value("first")
    second = try fields.value("second")
  }
}

/// Compact evidence about consensus: one delegate signed two votes, or two proposals, of which an
/// honest one signs at most one. A supernode submits it, and the rules convict by it (specification
/// 6.8).
public struct VoteEquivocationReport: CanonicalObject, Equatable {
  public static let kind = ObjectKind.voteEquivocationReport

  public var first: Statement
  public var second: Statement

  /// A vote or a proposal as its seat has signed it.
  public typealias Statement = SeatEquivocation.Statement

  public init(first: Statement, second: Statement) { (self.first, self.second) = (first, second) }

  public func encode(into fields: inout some FieldEncoder) {
    fields.value("first", first)
    fields.value("second", second)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    first = try fields.value("first")
    second = try fields.value("second")
  }
}

/// Replay evidence: where, under a signed checkpoint, an item stands that the rules do not accept.
/// Whoever replays the chain can judge it; the entry convicts nobody.
public struct FaultReport: CanonicalObject, Equatable {
  public static let kind = ObjectKind.faultReport

  public var chain: String
  /// The checkpoint as the log, or more than two thirds of the delegates, signed it: a C2SP note.
  public var note: String
  /// Of the leaf at fault.
  public var index: UInt64

  public init(chain: String, note: String, index: UInt64) {
    (self.chain, self.note, self.index) = (chain, note, index)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("chain", chain)
    fields.text("note", note)
    fields.integer("index", index)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    chain = try fields.identifier("chain")
    note = try fields.text("note", maximum: LedgerLimits.noteByteCount)
    index = try fields.integer("index", in: 0...LedgerLimits.size)
  }
}

/// A hospital that lost leaves of its chain goes on from a size that it still has, in a new
/// generation under a new log key (specification 6.9); signed by its identity key.
public struct Continuation: CanonicalObject, Equatable {
  public static let kind = ObjectKind.continuation

  /// What the cloud states: how much of the generation before it holds.
  public var tail: TailStatement
  /// The cloud's Ed25519 signature over the DER of ``tail``.
  public var cloudSignature: [UInt8]
  /// The new log key, Ed25519, 32 bytes.
  public var logKey: [UInt8]

  public init(tail: TailStatement, cloudSignature: [UInt8], logKey: [UInt8]) {
    self.tail = tail
    self.cloudSignature = cloudSignature
    self.logKey = logKey
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.object("tail", encoded: tail.encoded())
    fields.octets("cloudSignature", cloudSignature)
    fields.octets("logKey", logKey)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    tail = try TailStatement(
      encoded: try fields.object("tail", maximum: TailStatement.maximumByteCount))
    cloudSignature = try fields.octets("cloudSignature", count: 64)
    logKey = try fields.octets("logKey", count: 32)
  }
}

/// A cloud's statement, signed with its identity key, that it has confirmed a generation up to this
/// size and root, and nothing above. A confirmation above it convicts the cloud, and nobody else can
/// make one; the next generation stands on this root.
public struct TailStatement: CanonicalObject, Equatable {
  public static let kind = ObjectKind.tailStatement

  public var genesis: Digest32
  public var hospital: String
  public var generation: UInt64
  /// The leaves that the next generation keeps; the last of them is a header.
  public var size: UInt64
  /// Of the tree over them.
  public var root: Digest32

  public init(
    genesis: Digest32, hospital: String, generation: UInt64, size: UInt64, root: Digest32
  ) {
    self.genesis = genesis
    self.hospital = hospital
    self.generation = generation
    self.size = size
    self.root = root
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("hospital", hospital)
    fields.integer("generation", generation)
    fields.integer("size", size)
    fields.digest("root", root)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    hospital = try fields.identifier("hospital")
    generation = try fields.integer("generation", in: 0...LedgerLimits.size)
    size = try fields.integer("size", in: 0...LedgerLimits.size)
    root = try fields.digest("root")
  }
}

/// A confirmation above what the cloud stated before a ``Continuation``: it withheld leaves.
public struct WithholdingReport: CanonicalObject, Equatable {
  public static let kind = ObjectKind.withholdingReport

  public var hospital: String
  /// The generation that was continued.
  public var generation: UInt64
  /// The cosigned checkpoint, a C2SP signed note.
  public var note: String
  /// The epoch whose members have the key with which it is cosigned.
  public var epoch: UInt64

  public init(hospital: String, generation: UInt64, note: String, epoch: UInt64) {
    self.hospital = hospital
    self.generation = generation
    self.note = note
    self.epoch = epoch
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("hospital", hospital)
    fields.integer("generation", generation)
    fields.text("note", note)
    fields.integer("epoch", epoch)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    hospital = try fields.identifier("hospital")
    generation = try fields.integer("generation", in: 0...LedgerLimits.size)
    note = try fields.text("note", maximum: LedgerLimits.noteByteCount)
    epoch = try fields.integer("epoch", in: 0...LedgerLimits.size)
  }
}

extension FieldDecoder {
  /// An entry of at most 32,768 bytes, whose body is of one of these kinds.
  fileprivate mutating func entry(
    _ name: String, of kinds: Set<ObjectKind>
  ) throws(DecodingFailure) -> Entry {
    let bytes = try object(name, maximum: LedgerLimits.demandedEntryByteCount)
    let outline = try EntryOutline(encoded: bytes)
    guard let kind = outline.bodyKind, kinds.contains(kind) else {
      throw DecodingFailure(.invalidField, "\(name) is of a kind that cannot stand here")
    }
    return try Entry(encoded: bytes)
  }

  /// The hashes of a Merkle proof.
  mutating func proof(_ name: String) throws(DecodingFailure) -> [[UInt8]] {
    try octetsList(name, maximum: LedgerLimits.proofHashCount, 32...32)
  }
}
