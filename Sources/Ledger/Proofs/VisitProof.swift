public import CanonicalEncoding
import EMRScheme

/// Shows one visit to who has the genesis and nothing else of the ledger: `visit.der` of a proof
/// (specification 7.5).
public struct VisitProof: CanonicalObject, Equatable {
  public static let kind = ObjectKind.visitProof
  public static let maximumByteCount = 1 << 26
  public static let maximumNodeCount = 1 << 20

  /// Whose chain the visit stands on.
  public var hospital: String
  /// The ends of all epochs before that of the checkpoint, from the first on.
  public var ends: [EpochEnd]
  /// The members by which something in this proof is judged, other than the genesis', by ascending epochs:
  /// each the DER of ``Members``.
  public var members: [[UInt8]]
  /// A consortium checkpoint with its cosignatures, a C2SP signed note.
  public var note: String
  /// Leaves of the consortium chain under that checkpoint, ascending: registrations of the team, headers
  /// of the blocks that the visit names, the anchor and its block's header.
  public var consortium: [LeafProof]
  /// Leaves of the hospital's chain under the anchored checkpoint, ascending: the items of the visit, and
  /// the header of the block of each.
  public var leaves: [LeafProof]

  init(
    hospital: String, ends: [EpochEnd], members: [[UInt8]], note: String,
    consortium: [LeafProof], leaves: [LeafProof]
  ) {
    self.hospital = hospital
    self.ends = ends
    self.members = members
    self.note = note
    self.consortium = consortium
    self.leaves = leaves
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("hospital", hospital)
    fields.list("ends", ends)
    fields.octetsList("members", members)
    fields.text("note", note)
    fields.list("consortium", consortium)
    fields.list("leaves", leaves)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    hospital = try fields.identifier("hospital")
    ends = try fields.list("ends", maximum: 1 << 16)
    members = try fields.octetsList("members", maximum: 256, 1...Members.maximumByteCount)
    note = try fields.text("note", maximum: LedgerLimits.finalNoteByteCount)
    consortium = try fields.list("consortium", maximum: 256)
    leaves = try fields.list("leaves", maximum: 16)
  }
}

extension ExportPath {
  /// In the place of the logs, where a file shows one visit: the DER of ``VisitProof``.
  public static let visit = "visit.der"
}
