public import CanonicalEncoding

/// What a record seals: the visit's context, α and all findings with their salts, so that a patient
/// restored from a root key has everything again (item 14).
public struct RecordPlaintext: CanonicalObject, Equatable {
  public static let kind = ObjectKind.recordPlaintext
  public static let maximumByteCount = Limits.findingsByteCount + 1 << 17

  public var context: VisitContext
  /// α, 32 bytes.
  public var alpha: [UInt8]
  /// m_1 … m_n with their salts and attempts.
  public var findings: [Finding]

  /// All that the last doctor seals.
  public init(context: VisitContext, evidence: Evidence, findings: [Finding]) {
    (self.context, self.alpha, self.findings) = (context, evidence.bytes, findings)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.value("context", context)
    fields.octets("alpha", alpha)
    fields.list("findings", findings)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    context = try fields.value("context")
    alpha = try fields.octets("alpha", count: 32)
    findings = try fields.list("findings", maximum: Limits.teamSize)
  }

  /// Whether the parts belong together and the findings stay within their limit.
  func checkForm() throws(SchemeError) {
    let evidence = try Evidence(alpha)
    guard evidence.digest == context.evidenceDigest else {
      throw SchemeError(.evidence, "the record holds another visit's evidence")
    }
    guard findings.count == context.signers.count else {
      throw SchemeError(.team, "\(findings.count) findings of \(context.signers.count) doctors")
    }
    guard findings.reduce(0, { $0 + $1.content.count }) <= Limits.findingsByteCount else {
      throw SchemeError(.invalidObject, "findings above \(Limits.findingsByteCount) bytes")
    }
  }
}
