public import Crypto

/// A log's private key: Ed25519 under the log's origin, for nothing but its checkpoints.
///
/// The key bytes lie in memory that swift-crypto overwrites when the key is released.
public final class LogKey: Sendable {
  private let key: Curve25519.Signing.PrivateKey
  public let verifier: LogVerifier

  /// A new key from the system's random number generator.
  /// - Throws: `key` if the origin cannot be the name of a key.
  public convenience init(origin: String) throws(TransparencyLogError) {
    try self.init(origin: origin, key: Curve25519.Signing.PrivateKey())
  }

  /// - Throws: `key` if the origin cannot be the name of a key.
  public init(origin: String, key: Curve25519.Signing.PrivateKey) throws(TransparencyLogError) {
    self.key = key
    verifier = try LogVerifier(origin: origin, publicKey: Array(key.publicKey.rawRepresentation))
  }

  /// States that the log has this root at this size.
  ///
  /// Whoever calls this has stored the leaves durably, and has signed no other root for any size
  /// that this tree covers.
  /// - Throws: `origin` if the checkpoint is of another log.
  public func sign(_ checkpoint: Checkpoint) throws(TransparencyLogError) -> SignedCheckpoint {
    guard checkpoint.origin.isSameUTF8(as: verifier.origin) else {
      throw TransparencyLogError(.origin, "the checkpoint is of another log")
    }
    guard let signature = try? key.signature(for: Array(checkpoint.body.utf8)) else {
      throw TransparencyLogError(.signature, "the key cannot sign")
    }
    return SignedCheckpoint(checkpoint, verifier, Array(signature))
  }
}

/// A log's public key; its name is the log's origin (C2SP signed-note, Ed25519).
public struct LogVerifier: Hashable, Sendable, CustomStringConvertible {
  public let key: NoteVerifierKey

  /// - Throws: `key` if the origin cannot be the name of a key or the key is not 32 bytes.
  public init(origin: String, publicKey: [UInt8]) throws(TransparencyLogError) {
    try self.init(NoteVerifierKey(name: origin, type: .ed25519, publicKey: publicKey))
  }

  /// - Throws: `encoding` if this is not a vkey, `key` if it is not Ed25519's for notes.
  public init(vkey text: String) throws(TransparencyLogError) {
    try self.init(NoteVerifierKey(vkey: text))
  }

  private init(_ key: NoteVerifierKey) throws(TransparencyLogError) {
    guard key.type == .ed25519,
      (try? Curve25519.Signing.PublicKey(rawRepresentation: key.publicKey)) != nil
    else { throw TransparencyLogError(.key, "this is not the Ed25519 key of a log") }
    self.key = key
  }

  /// The log's name: the first line of its checkpoints.
  public var origin: String { key.name }

  /// The vkey.
  public var description: String { key.description }

  /// Whether this key made the signature for this text.
  func isSignature(_ signature: [UInt8], of body: String) -> Bool {
    guard signature.count == 64,
      let publicKey = try? Curve25519.Signing.PublicKey(rawRepresentation: key.publicKey)
    else { return false }
    return publicKey.isValidSignature(signature, for: Array(body.utf8))
  }
}
