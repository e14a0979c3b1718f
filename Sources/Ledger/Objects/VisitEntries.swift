public import CanonicalEncoding
public import EMRScheme

/// Opens a visit: signed by the hospital, with the patient's consent to exactly this context.
public struct VisitOpening: CanonicalObject, Equatable {
  public static let kind = ObjectKind.visitOpening

  public var context: VisitContext
  /// π = p_v·H_vk(context) in G1: the patient holds p_v (specification, item 4).
  public var visitKeyProof: [UInt8]
  /// S_v's Ed25519 signature over the DER of the context.
  public var patientSignature: [UInt8]

  public init(context: VisitContext, visitKeyProof: [UInt8], patientSignature: [UInt8]) {
    self.context = context
    self.visitKeyProof = visitKeyProof
    self.patientSignature = patientSignature
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.object("context", encoded: context.encoded())
    fields.octets("visitKeyProof", visitKeyProof)
    fields.octets("patientSignature", patientSignature)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    context = try VisitContext(
      encoded: try fields.object("context", maximum: VisitContext.maximumByteCount))
    visitKeyProof = try fields.octets("visitKeyProof", Limits.pointByteCounts)
    patientSignature = try fields.octets("patientSignature", count: 64)
  }
}

/// D_k's partial signature (4.4), signed by D_k's identity key; only these count as attempts.
public struct PartialSignature: CanonicalObject, Equatable {
  public static let kind = ObjectKind.partialSignature

  public var visit: Digest32
  /// (com_1, a_1) … (com_k, a_k); k is their number.
  public var commitments: [FindingCommitment]
  /// (R, Q): two compressed points of G1.
  public var signature: [UInt8]

  public init(visit: Digest32, commitments: [FindingCommitment], signature: [UInt8]) {
    self.visit = visit
    self.commitments = commitments
    self.signature = signature
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("visit", visit)
    fields.list("commitments", commitments)
    fields.octets("signature", signature)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    visit = try fields.digest("visit")
    commitments = try fields.list("commitments", maximum: Limits.teamSize)
    signature = try fields.octets("signature", 1...2 * Limits.pointByteCounts.upperBound)
    guard !commitments.isEmpty else {
      throw DecodingFailure(.invalidField, "commitments is empty")
    }
  }
}

/// The block of a visit (figure 4): everything that Eq. 3 needs, and the digest of the record.
///
/// Signed by the last doctor, who sealed the record.
public struct VisitCompletion: CanonicalObject, Equatable {
  public static let kind = ObjectKind.visitCompletion

  public var context: VisitContext
  public var commitments: [FindingCommitment]
  /// (R, Q): two compressed points of G1.
  public var signature: [UInt8]
  /// The digest of the sealed record (specification, item 12).
  public var recordDigest: Digest32
  /// The cloud's Ed25519 signature over the ``StorageReceipt``: without it a last doctor could
  /// complete a visit whose record nobody holds, and the cloud could never confirm the chain again.
  public var storageSignature: [UInt8]

  public init(
    context: VisitContext, commitments: [FindingCommitment], signature: [UInt8],
    recordDigest: Digest32, storageSignature: [UInt8]
  ) {
    self.context = context
    self.commitments = commitments
    self.signature = signature
    self.recordDigest = recordDigest
    self.storageSignature = storageSignature
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.object("context", encoded: context.encoded())
    fields.list("commitments", commitments)
    fields.octets("signature", signature)
    fields.digest("recordDigest", recordDigest)
    fields.octets("storageSignature", storageSignature)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    context = try VisitContext(
      encoded: try fields.object("context", maximum: VisitContext.maximumByteCount))
    commitments = try fields.list("commitments", maximum: Limits.teamSize)
    signature = try fields.octets("signature", 1...2 * Limits.pointByteCounts.upperBound)
    recordDigest = try fields.digest("recordDigest")
    storageSignature = try fields.octets("storageSignature", count: 64)
  }
}

/// What the cloud signs with its identity key once it holds the record of a visit durably and has
/// checked S and both equations of it.
public struct StorageReceipt: CanonicalObject, Equatable {
  public static let kind = ObjectKind.storageReceipt

  public var genesis: Digest32
  public var visit: Digest32
  public var recordDigest: Digest32

  public init(genesis: Digest32, visit: Digest32, recordDigest: Digest32) {
    (self.genesis, self.visit, self.recordDigest) = (genesis, visit, recordDigest)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.digest("visit", visit)
    fields.digest("recordDigest", recordDigest)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    visit = try fields.digest("visit")
    recordDigest = try fields.digest("recordDigest")
  }
}

/// Ends a visit without a record.
public struct VisitAbandonment: CanonicalObject, Equatable {
  public static let kind = ObjectKind.visitAbandonment

  /// Why there is no record. The rules look at none of it.
  public enum Reason: UInt64, Sendable {
    case interrupted = 1
    case deadlinePassed = 2
    case doctorWithdrew = 3
    case patientLeft = 4
  }

  public var visit: Digest32
  public var reason: Reason

  public init(visit: Digest32, reason: Reason) {
    self.visit = visit
    self.reason = reason
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("visit", visit)
    fields.integer("reason", reason.rawValue)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    visit = try fields.digest("visit")
    guard let reason = Reason(rawValue: try fields.integer("reason")) else {
      throw DecodingFailure(.invalidField, "reason is not one of 1 to 4")
    }
    self.reason = reason
  }
}

/// The patient opened the sealed record and says what was found; signed with S_v.
public struct VisitReceipt: CanonicalObject, Equatable {
  public static let kind = ObjectKind.visitReceipt

  /// What the patient found.
  public enum Verdict: UInt64, Sendable {
    /// The record opens and is what the team signed.
    case acknowledged = 1
    /// It does not.
    case disputed = 2
  }

  public var visit: Digest32
  public var recordDigest: Digest32
  public var verdict: Verdict

  public init(visit: Digest32, recordDigest: Digest32, verdict: Verdict) {
    self.visit = visit
    self.recordDigest = recordDigest
    self.verdict = verdict
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("visit", visit)
    fields.digest("recordDigest", recordDigest)
    fields.integer("verdict", verdict.rawValue)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    visit = try fields.digest("visit")
    recordDigest = try fields.digest("recordDigest")
    guard let verdict = Verdict(rawValue: try fields.integer("verdict")) else {
      throw DecodingFailure(.invalidField, "verdict is neither acknowledged nor disputed")
    }
    self.verdict = verdict
  }
}
