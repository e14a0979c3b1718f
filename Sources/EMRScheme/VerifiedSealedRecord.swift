public import CanonicalEncoding
public import Pairings

/// A sealed record with a valid S that satisfies both equations under its visit's key: the only
/// kind that is opened, stored or re-encrypted.
public struct VerifiedSealedRecord<Suite: PairingSuite>: Sendable {
  public let record: SealedRecord
  package let head: VerifiedRecordHead<Suite>

  public var context: VisitContext { head.context }
  /// What the ledger has of it, or is to have.
  public var recordDigest: Digest32 { head.recordDigest }

  /// Whether this is a record that a trapdoor looks for: G = H3(e(T_α, B)).
  public func matches(_ trapdoor: Trapdoor<Suite>) -> Bool { head.matches(trapdoor) }

  /// Opens the record as its patient: Y = B/p_v.
  ///
  /// - Parameter signed: the visit's signature after Eq. (3).
  /// - Throws: ``SchemeError`` naming the check that fails. Except for a wrong key, the team's last
  ///   doctor sealed something else than was signed, and ``openingEvidence(with:)`` shows it.
  public func open(
    with key: VisitKey<Suite>, signed: VerifiedSignature<Suite>
  ) throws(SchemeError) -> AcceptedRecord {
    let y = try head.y(key)
    return try head.points.open(
      record.c, isDigested: true, y: y, context: context, signed: signed)
  }

  /// Opens the record before a court.
  public func open(
    with evidence: OpeningEvidence, signed: VerifiedSignature<Suite>
  ) throws(SchemeError) -> AcceptedRecord {
    guard evidence.recordDigest == recordDigest else {
      throw SchemeError(.recordDigest, "the evidence opens another record")
    }
    return try head.points.open(
      record.c, claimed: Suite.G2("Y", evidence.y), context: context, signed: signed)
  }

  /// Y = r·g2: proves an opening, and reveals this one record and no key (item 12).
  public func openingEvidence(with key: VisitKey<Suite>) throws(SchemeError) -> OpeningEvidence {
    OpeningEvidence(recordDigest: recordDigest, y: try head.y(key).encoded())
  }
}

extension SealedRecord {
  /// Checks S, e(H2(A), B) = e(D, PK_v) and e(ḡ, B) = e(E, PK_v).
  public func check<Suite: PairingSuite>(
    for key: VerifiedVisitKey<Suite>
  ) throws(SchemeError) -> VerifiedSealedRecord<Suite> {
    VerifiedSealedRecord(record: self, head: try head.check(for: key))
  }
}

/// Y for a court: whoever has it and the record opens that record.
public struct OpeningEvidence: CanonicalObject, Equatable {
  public static let kind = ObjectKind.openingEvidence

  public var recordDigest: Digest32
  /// Y in G2, compressed.
  public var y: [UInt8]

  init(recordDigest: Digest32, y: [UInt8]) { (self.recordDigest, self.y) = (recordDigest, y) }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("recordDigest", recordDigest)
    fields.octets("y", y)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    recordDigest = try fields.digest("recordDigest")
    y = try fields.octets("y", Limits.pointByteCounts)
  }
}
