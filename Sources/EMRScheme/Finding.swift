public import CanonicalEncoding

/// m_k as the team and the sealed record carry it: with the salt that opens com_k.
public struct Finding: CanonicalValue, Equatable {
  /// m_k: FHIR JSON, byte for byte.
  public var content: [UInt8]
  /// 32 bytes, secret: they keep a guessed diagnosis from being tested against com_k (item 7).
  public var salt: [UInt8]
  /// a_k.
  public var attempt: UInt64

  public init(content: [UInt8], salt: [UInt8], attempt: UInt64) {
    (self.content, self.salt, self.attempt) = (content, salt, attempt)
  }

  /// A finding with a fresh salt.
  public init(
    content: [UInt8], attempt: UInt64, using generator: inout some RandomNumberGenerator
  ) {
    self.init(content: content, salt: generator.bytes(32), attempt: attempt)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.octets("content", content)
    fields.octets("salt", salt)
    fields.integer("attempt", attempt)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    content = try fields.octets("content", 0...Limits.findingsByteCount)
    salt = try fields.octets("salt", count: 32)
    attempt = try fields.integer("attempt", in: 1...65)
  }
}

/// Several findings in the order s, as c_k carries them.
struct FindingList: CanonicalObject {
  static let kind = ObjectKind.findingList
  static let maximumByteCount = Limits.findingsByteCount + 1 << 12

  var findings: [Finding]

  init(_ findings: [Finding]) { self.findings = findings }

  func encode(into fields: inout some FieldEncoder) { fields.list("findings", findings) }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    findings = try fields.list("findings", maximum: Limits.teamSize)
  }
}

extension [FindingCommitment] {
  /// (com_1, a_1) … (com_k, a_k) to a visit's findings in the order s.
  public init(to findings: [Finding], contextDigest: Digest32) {
    self = findings.enumerated().map { index, finding in
      FindingCommitment(to: finding, contextDigest: contextDigest, position: index + 1)
    }
  }

  /// Checks that every com_i opens to the finding at its place.
  func checkOpenings(_ findings: [Finding], contextDigest: Digest32) throws(SchemeError) {
    guard count == findings.count else {
      throw SchemeError(.commitment, "\(findings.count) findings for \(count) commitments")
    }
    for (index, finding) in findings.enumerated()
    where !self[index].opens(to: finding, contextDigest: contextDigest, position: index + 1) {
      throw SchemeError(.commitment, "com_\(index + 1) does not open to its finding")
    }
  }
}
