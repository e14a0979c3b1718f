public import Crypto

/// A cosigner's private key with its name; Ed25519, for nothing but cosignatures.
///
/// The key bytes lie in memory that swift-crypto overwrites when the key is released.
public final class CosignerKey: Sendable {
  private let key: Curve25519.Signing.PrivateKey
  public let verifier: CosignerVerifier

  /// A new key from the system's random number generator.
  /// - Throws: `key` if the name cannot be one.
  public convenience init(name: String) throws(TransparencyLogError) {
    try self.init(name: name, key: Curve25519.Signing.PrivateKey())
  }

  /// - Throws: `key` if the name cannot be one.
  public init(name: String, key: Curve25519.Signing.PrivateKey) throws(TransparencyLogError) {
    self.key = key
    verifier = try CosignerVerifier(name: name, publicKey: Array(key.publicKey.rawRepresentation))
  }

  /// States that at `time` this was the latest checkpoint of its log that this cosigner saw, and
  /// that it is consistent with all earlier ones.
  ///
  /// Whoever calls this has checked that, and has stored the checkpoint durably.
  /// - Parameter time: seconds since 1970.
  /// - Throws: `range` if the time is above 2⁶³ − 1.
  public func cosign(
    _ checkpoint: Checkpoint, at time: UInt64
  ) throws(TransparencyLogError) -> CosignedCheckpoint {
    guard time <= UInt64.largest else {
      throw TransparencyLogError(.range, "a time is above 2^63 - 1")
    }
    let message = CosignerVerifier.message(body: checkpoint.body, time: time)
    guard let signature = try? key.signature(for: message) else {
      throw TransparencyLogError(.signature, "the key cannot sign")
    }
    return CosignedCheckpoint(
      checkpoint,
      [VerifiedCosignature(cosigner: verifier, time: time, signature: Array(signature))])
  }
}

/// The public key of a cosigner under its name (C2SP tlog-cosignature, Ed25519).
public struct CosignerVerifier: Hashable, Sendable, CustomStringConvertible {
  public let key: NoteVerifierKey

  /// - Throws: `key` if the name cannot be one or the key is not 32 bytes.
  public init(name: String, publicKey: [UInt8]) throws(TransparencyLogError) {
    try self.init(NoteVerifierKey(name: name, type: .cosignature, publicKey: publicKey))
  }

  /// - Throws: `encoding` if this is not a vkey, `key` if it is not one of a cosigner.
  public init(vkey text: String) throws(TransparencyLogError) {
    try self.init(NoteVerifierKey(vkey: text))
  }

  private init(_ key: NoteVerifierKey) throws(TransparencyLogError) {
    guard key.type == .cosignature,
      (try? Curve25519.Signing.PublicKey(rawRepresentation: key.publicKey)) != nil
    else { throw TransparencyLogError(.key, "this is not the Ed25519 key of a cosigner") }
    self.key = key
  }

  /// Under which it cosigns.
  public var name: String { key.name }

  /// The vkey.
  public var description: String { key.description }

  /// - Returns: nil unless this key made the signature, for this text and the time in it.
  func verifiedCosignature(_ line: NoteSignature, body: String) -> VerifiedCosignature? {
    guard line.signature.count == 8 + 64,
      case let time = UInt64(bigEndianBytes: line.signature.prefix(8)), time <= UInt64.largest,
      let publicKey = try? Curve25519.Signing.PublicKey(rawRepresentation: key.publicKey),
      publicKey.isValidSignature(
        line.signature.dropFirst(8), for: Self.message(body: body, time: time))
    else { return nil }
    return VerifiedCosignature(
      cosigner: self, time: time, signature: Array(line.signature.dropFirst(8)))
  }

  static func message(body: String, time: UInt64) -> [UInt8] {
    Array("cosignature/v1\ntime \(time)\n\(body)".utf8)
  }
}
