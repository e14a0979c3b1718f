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

  /// Commits to the finding of doctor `position` (k = 1…n).
  public init(to finding: Finding, contextDigest: Digest32, position: Int) {
    self.init(
      commitment: Self.commit(
        contextDigest: contextDigest, position: position, salt: finding.salt,
        finding: finding.content),
      attempt: finding.attempt)
  }

  /// com_k. Every input but the salt has a fixed length before it is joined, and the finding enters
  /// by its digest: no boundary between two findings can move (item 7).
  ///
  /// - Parameters:
  ///   - position: k = 1…n.
  ///   - salt: 32 bytes.
  public static func commit(
    contextDigest: Digest32, position: Int, salt: [UInt8], finding: [UInt8]
  ) -> Digest32 {
    precondition(salt.count == 32, "the salt of a commitment has 32 bytes")
    let place = FindingPosition(contextDigest: contextDigest, position: UInt64(position))
    return Digest32(
      sha256: tag.bytes + place.digest.bytes + salt + Digest32(sha256: finding).bytes)
  }

  /// Whether this commits to `finding` at this place.
  public func opens(to finding: Finding, contextDigest: Digest32, position: Int) -> Bool {
    finding.salt.count == 32
      && self == Self(to: finding, contextDigest: contextDigest, position: position)
  }

  /// SHA-256 of the tag's text. The suite is not in it: the context names it.
  private static let tag = Digest32(sha256: "BCEMR-V01-COMMITMENT".utf8)

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("commitment", commitment)
    fields.integer("attempt", attempt)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    commitment = try fields.digest("commitment")
    attempt = try fields.integer("attempt", in: 1...65)
  }
}

/// (context, k): the place a commitment belongs to.
struct FindingPosition: CanonicalObject {
  static let kind = ObjectKind.findingPosition

  var contextDigest: Digest32
  var position: UInt64

  init(contextDigest: Digest32, position: UInt64) {
    (self.contextDigest, self.position) = (contextDigest, position)
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.digest("contextDigest", contextDigest)
    fields.integer("position", position)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    contextDigest = try fields.digest("contextDigest")
    position = try fields.integer("position", in: 1...UInt64(Limits.teamSize))
  }
}
