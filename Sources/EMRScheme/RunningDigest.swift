package import CanonicalEncoding
internal import Crypto

/// SHA-256 of what comes in pieces.
package struct RunningDigest: Sendable {
  private var hash = SHA256()

  package init() {}

  package mutating func update(_ piece: [UInt8]) { hash.update(data: piece) }

  /// Of everything so far.
  package var digest: Digest32 { Digest32(Array(hash.finalize())) ?? .zero }
}
