public import CanonicalEncoding

/// C_j = (S, A, B, C, D, E, G) of 4.4(3), as bytes: a visit's findings, sealed to its patient.
///
/// Nothing in it is checked; see ``check(for:)``.
public struct SealedRecord: CanonicalObject, Equatable {
  public static let kind = ObjectKind.sealedRecord
  public static let maximumByteCount = Limits.ciphertextByteCount + 1 << 13

  /// The visit's context.
  public var contextDigest: Digest32
  /// A: a one-time Ed25519 key, 32 bytes.
  public var a: [UInt8]
  /// B = r·PK_v in G2.
  public var b: [UInt8]
  /// C: AES-256-GCM of the padded plaintext, with its tag.
  public var c: [UInt8]
  /// D = r·H2(A) in G1.
  public var d: [UInt8]
  /// E = r·ḡ in G1.
  public var e: [UInt8]
  /// G = H3(e(H0(α), Y)).
  public var g: Digest32
  /// S: A's signature over (context, SHA-256(C), D, E, G), 64 bytes.
  public var s: [UInt8]

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("contextDigest", contextDigest)
    fields.octets("a", a)
    fields.octets("b", b)
    fields.octets("c", c)
    fields.octets("d", d)
    fields.octets("e", e)
    fields.digest("g", g)
    fields.octets("s", s)
  }

  init(
    contextDigest: Digest32, a: [UInt8], b: [UInt8], c: [UInt8], d: [UInt8], e: [UInt8],
    g: Digest32, s: [UInt8]
  ) {
    self.contextDigest = contextDigest
    (self.a, self.b, self.c, self.d, self.e, self.g, self.s) = (a, b, c, d, e, g, s)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    contextDigest = try fields.digest("contextDigest")
    a = try fields.octets("a", count: 32)
    b = try fields.octets("b", Limits.pointByteCounts)
    c = try fields.octets("c", 0...Limits.ciphertextByteCount)
    d = try fields.octets("d", Limits.pointByteCounts)
    e = try fields.octets("e", Limits.pointByteCounts)
    g = try fields.digest("g")
    s = try fields.octets("s", count: 64)
  }

  /// What stands on the ledger for this record, signed by the last doctor (item 12).
  ///
  /// - Parameter visitKey: PK_v of the visit's context, compressed.
  public func recordDigest(visitKey: [UInt8]) -> Digest32 { head.recordDigest(visitKey: visitKey) }

  /// Everything but C.
  package var head: RecordHead {
    RecordHead(
      contextDigest: contextDigest, a: a, b: b, ciphertextDigest: Digest32(sha256: c), d: d, e: e,
      g: g, s: s)
  }
}

/// (context, PK_v, A, B, SHA-256(C), D, E, G, S).
struct RecordDigestInput: CanonicalObject {
  static let kind = ObjectKind.recordDigestInput

  var contextDigest: Digest32
  var visitKey, a, b: [UInt8]
  var ciphertextDigest: Digest32
  var d, e: [UInt8]
  var g: Digest32
  var s: [UInt8]

  init(
    contextDigest: Digest32, visitKey: [UInt8], a: [UInt8], b: [UInt8],
    ciphertextDigest: Digest32, d: [UInt8], e: [UInt8], g: Digest32, s: [UInt8]
  ) {
    self.contextDigest = contextDigest
    self.ciphertextDigest = ciphertextDigest
    (self.visitKey, self.a, self.b, self.d, self.e, self.g, self.s) = (visitKey, a, b, d, e, g, s)
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.digest("contextDigest", contextDigest)
    fields.octets("visitKey", visitKey)
    fields.octets("a", a)
    fields.octets("b", b)
    fields.digest("ciphertextDigest", ciphertextDigest)
    fields.octets("d", d)
    fields.octets("e", e)
    fields.digest("g", g)
    fields.octets("s", s)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    contextDigest = try fields.digest("contextDigest")
    visitKey = try fields.octets("visitKey", Limits.pointByteCounts)
    a = try fields.octets("a", count: 32)
    b = try fields.octets("b", Limits.pointByteCounts)
    ciphertextDigest = try fields.digest("ciphertextDigest")
    d = try fields.octets("d", Limits.pointByteCounts)
    e = try fields.octets("e", Limits.pointByteCounts)
    g = try fields.digest("g")
    s = try fields.octets("s", count: 64)
  }
}

/// What S signs: (context, SHA-256(C), D, E, G).
package struct SealedRecordSignedPart: CanonicalObject {
  package static let kind = ObjectKind.sealedRecordSignedPart

  var contextDigest, ciphertextDigest: Digest32
  var d, e: [UInt8]
  var g: Digest32

  package init(
    contextDigest: Digest32, ciphertextDigest: Digest32, d: [UInt8], e: [UInt8], g: Digest32
  ) {
    (self.contextDigest, self.ciphertextDigest) = (contextDigest, ciphertextDigest)
    (self.d, self.e, self.g) = (d, e, g)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("contextDigest", contextDigest)
    fields.digest("ciphertextDigest", ciphertextDigest)
    fields.octets("d", d)
    fields.octets("e", e)
    fields.digest("g", g)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    contextDigest = try fields.digest("contextDigest")
    ciphertextDigest = try fields.digest("ciphertextDigest")
    d = try fields.octets("d", Limits.pointByteCounts)
    e = try fields.octets("e", Limits.pointByteCounts)
    g = try fields.digest("g")
  }
}

/// What the key of a record is derived for and its ciphertext authenticates:
/// (context, PK_v, A, all (com_i, a_i), B, D) (item 13).
package struct SealingInfo: CanonicalObject {
  package static let kind = ObjectKind.sealingInfo

  var contextDigest: Digest32
  var visitKey, a: [UInt8]
  var commitments: [FindingCommitment]
  var b, d: [UInt8]

  package init(
    contextDigest: Digest32, visitKey: [UInt8], a: [UInt8], commitments: [FindingCommitment],
    b: [UInt8], d: [UInt8]
  ) {
    (self.contextDigest, self.commitments) = (contextDigest, commitments)
    (self.visitKey, self.a, self.b, self.d) = (visitKey, a, b, d)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("contextDigest", contextDigest)
    fields.octets("visitKey", visitKey)
    fields.octets("a", a)
    fields.list("commitments", commitments)
    fields.octets("b", b)
    fields.octets("d", d)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    contextDigest = try fields.digest("contextDigest")
    visitKey = try fields.octets("visitKey", Limits.pointByteCounts)
    a = try fields.octets("a", count: 32)
    commitments = try fields.list("commitments", maximum: Limits.teamSize)
    b = try fields.octets("b", Limits.pointByteCounts)
    d = try fields.octets("d", Limits.pointByteCounts)
  }
}
