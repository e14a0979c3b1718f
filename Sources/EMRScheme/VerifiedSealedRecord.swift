public import CanonicalEncoding
public import Pairings

/// A sealed record with a valid S that satisfies both equations under its visit's key: the only
/// kind that is opened, stored or re-encrypted.
public struct VerifiedSealedRecord<Suite: PairingSuite>: Sendable {
  public let context: VisitContext
  /// B.
  let b: Suite.G2
  let equations: RecordEquations<Suite>

  public var record: SealedRecord { equations.record }
  /// What the ledger has of it, or is to have.
  public var recordDigest: Digest32 { equations.recordDigest }

  /// Whether this is a record that a trapdoor looks for: G = H3(e(T_α, B)).
  public func matches(_ trapdoor: Trapdoor<Suite>) -> Bool {
    Suite.trapdoorDigest(Suite.pairingProduct([(trapdoor.point, equations.z)])) == record.g
  }

  /// Opens the record as its patient: Y = B/p_v.
  ///
  /// - Parameter signed: the visit's signature after Eq. (3).
  /// - Throws: ``SchemeError`` naming the check that fails. Except for a wrong key, the team's last
  ///   doctor sealed something else than was signed, and ``openingEvidence(with:)`` shows it.
  public func open(
    with key: VisitKey<Suite>, signed: VerifiedSignature<Suite>
  ) throws(SchemeError) -> AcceptedRecord {
    try equations.open(y: y(key), context: context, signed: signed)
  }

  /// Opens the record before a court.
  public func open(
    with evidence: OpeningEvidence, signed: VerifiedSignature<Suite>
  ) throws(SchemeError) -> AcceptedRecord {
    guard evidence.recordDigest == recordDigest else {
      throw SchemeError(.recordDigest, "the evidence opens another record")
    }
    return try equations.open(
      claimed: Suite.G2("Y", evidence.y), context: context, signed: signed)
  }

  /// Y = r·g2: proves an opening, and reveals this one record and no key (item 12).
  public func openingEvidence(with key: VisitKey<Suite>) throws(SchemeError) -> OpeningEvidence {
    OpeningEvidence(recordDigest: recordDigest, y: try y(key).encoded())
  }

  private func y(_ key: VisitKey<Suite>) throws(SchemeError) -> Suite.G2 {
    guard key.encodedPublicKey == context.visitKey else {
      throw SchemeError(.foreignContext, "the visit key is another visit's")
    }
    return key.secret.inverted() * b
  }
}

extension SealedRecord {
  /// Checks S, e(H2(A), B) = e(D, PK_v) and e(ḡ, B) = e(E, PK_v).
  public func check<Suite: PairingSuite>(
    for key: VerifiedVisitKey<Suite>
  ) throws(SchemeError) -> VerifiedSealedRecord<Suite> {
    guard contextDigest == key.contextDigest else {
      throw SchemeError(.foreignContext, "the record belongs to another visit")
    }
    // Decoding checks the subgroup: B outside it would leak rk modulo 13 to who sent it (item 1).
    let point = try Suite.G2("B", b)
    let equations = try RecordEquations<Suite>(
      self, digests: digests(visitKey: key.context.visitKey), z: (point, b),
      p: (key.prepared, key.context.visitKey))
    return VerifiedSealedRecord(context: key.context, b: point, equations: equations)
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
