public import CanonicalEncoding
internal import Pairings

/// α: 32 secret bytes that the hospital, the team and the patient share (4.3); overwritten when
/// released.
public final class Evidence: @unchecked Sendable {
  // Written in init and deinit alone, hence safe to share.
  /// 32 of them; overwritten when this is released.
  public private(set) var bytes: [UInt8]

  /// Draws α.
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
