public import CanonicalEncoding
internal import Pairings

/// α: 32 secret bytes that the hospital, the team and the patient share (4.3); overwritten when
/// released.
public final class Evidence: @unchecked Sendable {
  // Written in init and deinit alone, hence safe to share.
  public private(set) var bytes: [UInt8]

  public init(using generator: inout some RandomNumberGenerator) { bytes = generator.bytes(32) }

  /// - Throws: ``SchemeError`` `invalidObject` unless there are 32 bytes.
  public init(_ bytes: [UInt8]) throws(SchemeError) {
    guard bytes.count == 32 else {
      throw SchemeError(.invalidObject, "evidence has 32 bytes, not \(bytes.count)")
    }
    self.bytes = bytes
  }

  deinit { zeroize(&bytes) }

  /// SHA-256(α), as the context holds it.
  public var digest: Digest32 { Digest32(sha256: bytes) }

  /// H0(α).
  func point<Suite: PairingSuite>(_ suite: Suite.Type) -> Suite.G1 { Suite.hash(bytes, .evidence) }
}

/// (PK_v, S_v): its digest is what the patient shows to each doctor beside α (item 4).
public struct EvidenceKeys: CanonicalObject, Equatable {
  public static let kind = ObjectKind.evidenceKeys

  /// PK_v in G2, compressed.
  public var visitKey: [UInt8]
  /// S_v: Ed25519, 32 bytes.
  public var visitSigningKey: [UInt8]

  public init(visitKey: [UInt8], visitSigningKey: [UInt8]) {
    (self.visitKey, self.visitSigningKey) = (visitKey, visitSigningKey)
  }

  /// The keys that a context names.
  public init(_ context: VisitContext) {
    self.init(visitKey: context.visitKey, visitSigningKey: context.visitSigningKey)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.octets("visitKey", visitKey)
    fields.octets("visitSigningKey", visitSigningKey)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    visitKey = try fields.octets("visitKey", Limits.pointByteCounts)
    visitSigningKey = try fields.octets("visitSigningKey", count: 32)
  }
}

/// What a patient shows to a doctor in person: α and the digest of the patient's own keys.
///
/// A hospital that put a key of its own into the context is found out here, before anything is
/// sealed (item 4).
public struct ShownEvidence: Sendable {
  public let evidence: Evidence
  public let keysDigest: Digest32

  public init(evidence: Evidence, keysDigest: Digest32) {
    (self.evidence, self.keysDigest) = (evidence, keysDigest)
  }

  /// - Throws: ``SchemeError`` `evidence` if the context holds another α or other keys.
  public func check(against context: VisitContext) throws(SchemeError) {
    guard evidence.digest == context.evidenceDigest else {
      throw SchemeError(.evidence, "the evidence shown is not that of the visit")
    }
    guard keysDigest == EvidenceKeys(context).digest else {
      throw SchemeError(.evidence, "the visit names keys that are not the patient's")
    }
  }
}
