public import CanonicalEncoding
public import Pairings

/// (R_k, Q_k) of the sequential multisignature (4.4): two points of G1, whatever k.
///
/// Anybody can re-randomize a signature, so it never serves as an identifier (item 9).
public struct SequentialSignature<Suite: PairingSuite>: Sendable, Equatable {
  /// R_k.
  public let r: Suite.G1
  /// Q_k.
  public let q: Suite.G1

  package init(r: Suite.G1, q: Suite.G1) { (self.r, self.q) = (r, q) }

  /// Decodes R ‖ Q: 96 bytes on BLS12-381.
  ///
  /// - Throws: ``SchemeError`` `invalidPoint` for a point off the curve or outside the subgroup,
  ///   or R = 0, which would leave (d2, d3) out of the signature.
  public init(encoded bytes: [UInt8]) throws(SchemeError) {
    let size = Suite.G1.encodedByteCount
    guard bytes.count == 2 * size else {
      throw SchemeError(.invalidPoint, "a signature has \(2 * size) bytes, not \(bytes.count)")
    }
    r = try Suite.G1("R", Array(bytes[..<size]))
    q = try Suite.G1("Q", Array(bytes[size...]))
  }

  /// R ‖ Q, compressed.
  public func encoded() -> [UInt8] { Suite.G1.encoded([r, q]).flatMap(\.self) }
}

/// A signature that satisfies Eq. (2), or (3) if all have signed.
public struct VerifiedSignature<Suite: PairingSuite>: Sendable {
  /// Of the visit that was signed.
  public let contextDigest: Digest32
  public let signature: SequentialSignature<Suite>
  /// (com_1, a_1) … (com_k, a_k), as the signature covers them.
  public let commitments: [FindingCommitment]

  /// k: how many have signed.
  public var position: Int { commitments.count }

  /// For a signature from a ledger state that verified it before.
  package init(
    alreadyVerified signature: SequentialSignature<Suite>, contextDigest: Digest32,
    commitments: [FindingCommitment]
  ) {
    self.signature = signature
    self.contextDigest = contextDigest
    self.commitments = commitments
  }
}
