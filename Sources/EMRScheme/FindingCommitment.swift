public import CanonicalEncoding

/// com_k with the attempt a_k it belongs to: what doctors sign instead of the finding itself.
public struct FindingCommitment: CanonicalValue, Equatable {
  /// com_k = SHA-256(tag ‖ SHA-256(context, k) ‖ salt_k ‖ SHA-256(m_k)).
  public var commitment: Digest32
  /// a_k: 1 for the first signature of this doctor in this visit, then counting up.
  public var attempt: UInt64

  public init(commitment: Digest32, attempt: UInt64) {
    self.commitment = commitment
    self.attempt = attempt
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("commitment", commitment)
    fields.integer("attempt", attempt)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    commitment = try fields.digest("commitment")
    attempt = try fields.integer("attempt", in: 1...65)
  }
}
