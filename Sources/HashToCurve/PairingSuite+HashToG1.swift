public import Pairings

extension PairingSuite {
  /// Hashes to ``Pairings/PairingSuite/G1`` as a random oracle (RFC 9380, `hash_to_curve`), by way of
  /// `expand_message_xmd` with SHA-256. On BLS12-381 this is the RFC's suite
  /// `BLS12381G1_XMD:SHA-256_SSWU_RO_` (section 8.8.1).
  ///
  /// Messages may be secret: the time depends on their length alone.
  ///
  /// - Parameter domain: the domain separation tag, at least one byte of ASCII; one longer than 255
  ///   bytes is hashed first (section 5.3.3).
  public static func hashToG1(_ message: [UInt8], domain: String) -> G1 {
    mapToG1(
      ExpandMessageXMD.expand(message, domain: Array(domain.utf8), count: uniformByteCount))
  }

  /// Σ sᵢ·``hashToG1(_:domain:)`` of mᵢ for public scalars and messages, cheaper than one by one.
  public static func multiScalarOfHashesVariableTime(
    _ scalars: [Scalar], _ messages: [[UInt8]], domain: String
  ) -> G1 {
    let tag = Array(domain.utf8)
    return multiScalarOfMappedVariableTime(
      scalars,
      messages.map { ExpandMessageXMD.expand($0, domain: tag, count: uniformByteCount) })
  }
}
