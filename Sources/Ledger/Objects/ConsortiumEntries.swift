public import CanonicalEncoding
import EMRScheme

/// A delegate's statement of the time; the ledger's time is made of these alone.
public struct Tick: CanonicalObject, Equatable {
  public static let kind = ObjectKind.tick

  /// Seconds since 1970.
  public var time: UInt64

  public init(time: UInt64) { self.time = time }

  public func encode(into fields: inout some FieldEncoder) { fields.integer("time", time) }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    time = try fields.integer("time", in: 0...Limits.latestTime)
  }
}

/// Closes the block at this height with all entries before it.
public struct BlockCut: CanonicalObject, Equatable {
  public static let kind = ObjectKind.blockCut

  public var height: UInt64

  public init(height: UInt64) { self.height = height }

  public func encode(into fields: inout some FieldEncoder) { fields.integer("height", height) }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    height = try fields.integer("height")
  }
}

/// Puts a checkpoint of a hospital's chain, cosigned by hospital and cloud, on the consortium
/// chain.
public struct Anchor: CanonicalObject, Equatable {
  public static let kind = ObjectKind.anchor

  public var hospital: String
  /// The checkpoint with its cosignatures, a C2SP signed note.
  public var note: String
  /// RFC 6962 consistency proof from the checkpoint anchored before; empty for the first.
  public var consistency: [[UInt8]]

  public init(hospital: String, note: String, consistency: [[UInt8]]) {
    self.hospital = hospital
    self.note = note
    self.consistency = consistency
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("hospital", hospital)
    fields.text("note", note)
    fields.octetsList("consistency", consistency)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    note = try fields.text("note", maximum: 8192)
    consistency = try fields.octetsList("consistency", maximum: 128, 32...32)
  }
}

/// A supernode's cosignature on a checkpoint of the chain that the entry names.
///
/// It speaks about blocks and stands in the log, not in a block.
public struct Cosignature: CanonicalObject, Equatable {
  public static let kind = ObjectKind.cosignature

  /// The checkpoint with this one cosignature, a C2SP signed note.
  public var note: String

  public init(note: String) { self.note = note }

  public func encode(into fields: inout some FieldEncoder) { fields.text("note", note) }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    note = try fields.text("note", maximum: 8192)
  }
}
