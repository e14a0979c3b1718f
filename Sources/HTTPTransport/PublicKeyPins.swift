import CanonicalEncoding
import NIOCore
import NIOSSL

/// By which keys a server is known: the ledger names them, and no authority has a say.
///
/// A certificate is a wrapping of its key: who issued it, for which name and until when says nothing, so that
/// one that is renewed for the same key, or for the second pinned one, changes nothing on the ledger.
struct PublicKeyPins: Sendable {
  /// SHA-256 of a SubjectPublicKeyInfo each (RFC 7469, section 2.4).
  let pins: [Digest32]

  /// Why a connection is not used.
  enum Failure: Error, CustomStringConvertible {
    case noCertificate
    /// What the server has shown.
    case otherKey(Digest32)

    var description: String {
      switch self {
      case .noCertificate: "the server has shown no certificate"
      case .otherKey(let key): "the server has shown the key \(key), which is not pinned"
      }
    }
  }

  /// SHA-256 of the SubjectPublicKeyInfo of a certificate.
  static func digest(of certificate: NIOSSLCertificate) throws -> Digest32 {
    Digest32(sha256: try certificate.extractPublicKey().toSPKIBytes())
  }

  /// Looks at the certificate of a connection on which the handshake is done, and nothing else: with TLS 1.3
  /// the server has signed the handshake with the key in it.
  func check(_ channel: any Channel) -> EventLoopFuture<Void> {
    let pins = pins
    return channel.nioSSL_peerCertificate().flatMapThrowing { certificate in
      guard let certificate else { throw Failure.noCertificate }
      let digest = try Self.digest(of: certificate)
      guard pins.contains(digest) else { throw Failure.otherKey(digest) }
    }
  }
}
