public import CanonicalEncoding
public import Pairings

/// B_I with the whole record beside it, from the proxy to the doctor.
public struct ReencryptedRecord: CanonicalObject, Equatable {
  public static let kind = ObjectKind.reencryptedRecord
  public static let maximumByteCount = SealedRecord.maximumByteCount + 1 << 12

  /// B_I = rk·B in G2.
  public var bI: [UInt8]
  public var record: SealedRecord

  package init(bI: [UInt8], record: SealedRecord) { (self.bI, self.record) = (bI, record) }

  public func encode(into fields: inout some FieldEncoder) {
    fields.octets("bI", bI)
    fields.value("record", record)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    bI = try fields.octets("bI", Limits.pointByteCounts)
    record = try fields.value("record")
  }

  /// Checks the record against the ledger, S, e(H2(A), B_I) = e(D, A') and e(ḡ, B_I) = e(E, A')
  /// (4.6 (4)).
  ///
  /// - Parameter recordDigest: as it stands on the ledger, signed by the team's last doctor.
  /// - Throws: ``SchemeError`` naming the check that fails.
  public func check<Suite: PairingSuite>(
    for key: RequestKey<Suite>, context: VisitContext, recordDigest: Digest32
  ) throws(SchemeError) -> VerifiedReencryptedRecord<Suite> {
    VerifiedReencryptedRecord(
      record: record,
      head: try record.head.check(
        reencrypted: bI, for: key, context: context, recordDigest: recordDigest))
  }
}

/// A re-encrypted record that passed the receiver's checks.
public struct VerifiedReencryptedRecord<Suite: PairingSuite>: Sendable {
  let record: SealedRecord
  let head: VerifiedReencryptedHead<Suite>

  public var context: VisitContext { head.context }
  /// What the ledger has of the record.
  public var recordDigest: Digest32 { head.points.recordDigest }

  /// Opens the record as the doctor whom the patient consented to: Y = B_I/d'.
  ///
  /// - Parameter signed: the visit's signature after Eq. (3).
  public func open(signed: VerifiedSignature<Suite>) throws(SchemeError) -> AcceptedRecord {
    try head.points.open(
      record.c, isDigested: true, y: head.key.secret.inverted() * head.bI, context: context,
      signed: signed)
  }
}
