import CanonicalEncoding
import Credentials
import Crypto
import Foundation
import NIOSSL
import SwiftASN1
import X509

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The TLS key of a server and the certificate that wraps it.
enum TLSFiles {
  /// Makes a P-256 key and a certificate for it that the key itself has signed: others know the key by the
  /// ledger, and no authority has a say.
  ///
  /// - Returns: the pin of the key.
  static func create(
    certificate certificatePath: String, key keyPath: String, host: String
  ) throws -> Digest32 {
    let key = P256.Signing.PrivateKey()
    let name = try DistinguishedName { CommonName("bcemrd") }
    let now = Date()
    let certificate = try Certificate(
      version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey),
      // Whose clock is a little behind is not refused.
      notValidBefore: now.addingTimeInterval(-300),
      notValidAfter: now.addingTimeInterval(825 * 86_400), issuer: name, subject: name,
      signatureAlgorithm: .ecdsaWithSHA256,
      extensions: Certificate.Extensions { SubjectAlternativeNames([generalName(of: host)]) },
      issuerPrivateKey: .init(key))
    try DurableFile.create(Array(key.pemRepresentation.utf8) + [0x0a], at: keyPath)
    try DurableFile.create(
      Array(try certificate.serializeAsPEM().pemString.utf8) + [0x0a], at: certificatePath)
    return Digest32(sha256: Array(key.publicKey.derRepresentation))
  }

  /// A host as a certificate names it: an IP address, 4 or 16 bytes, is no DNS name (RFC 5280, 4.2.1.6).
  private static func generalName(of host: String) -> GeneralName {
    // In an address, IPv6 stands in brackets.
    let text =
      host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
      var bytes = [UInt8](repeating: 0, count: count)
      let isAddress = unsafe bytes.withUnsafeMutableBytes {
        unsafe inet_pton(family, text, $0.baseAddress) == 1
      }
      if isAddress { return .ipAddress(ASN1OctetString(contentBytes: bytes[...])) }
    }
    return .dnsName(host)
  }

  struct Loaded {
    let configuration: TLSConfiguration
    let chain: [NIOSSLCertificateSource]
    let key: NIOSSLPrivateKeySource
    let certificate: Described

    /// Of the certificate's key.
    var pin: Digest32 { certificate.pin }
  }

  /// What there is to say of a certificate.
  struct Described {
    let subject: String
    /// Of its key.
    let pin: Digest32
    let notValidAfter: Date

    /// Whole days until its end; less than 0 behind it.
    var daysLeft: Int { Int((notValidAfter.timeIntervalSinceNow / 86_400).rounded(.down)) }

    fileprivate init(_ certificate: NIOSSLCertificate) throws {
      let parsed = try Certificate(derEncoded: try certificate.toDERBytes())
      (subject, notValidAfter) = ("\(parsed.subject)", parsed.notValidAfter)
      pin = Digest32(sha256: try certificate.extractPublicKey().toSPKIBytes())
    }
  }

  /// Of the certificates in a file, the one that ends first.
  ///
  /// - Throws: ``DaemonFailure`` that names the file.
  static func describe(_ path: String) throws -> Described {
    let all: [Described]
    do {
      all = try NIOSSLCertificate.fromPEMFile(path).map { try Described($0) }
    } catch {
      throw DaemonFailure(.badInput, "\(path): this cannot be read as PEM")
    }
    guard let first = all.min(by: { $0.notValidAfter < $1.notValidAfter }) else {
      throw DaemonFailure(.badInput, "\(path): there is no certificate")
    }
    return first
  }

  /// - Throws: ``DaemonFailure`` that names the file.
  static func load(certificate certificatePath: String, key keyPath: String) throws -> Loaded {
    guard try DurableFile.read(keyPath, limit: 1 << 16).isPrivate else {
      throw DaemonFailure(.badInput, "\(keyPath): others may read this key")
    }
    do {
      let chain = try NIOSSLCertificate.fromPEMFile(certificatePath)
      guard let first = chain.first else {
        throw DaemonFailure(.badInput, "\(certificatePath): there is no certificate")
      }
      let key = try NIOSSLPrivateKey(file: keyPath, format: .pem)
      let sources = chain.map { NIOSSLCertificateSource.certificate($0) }
      // A key that does not belong to its certificate is noticed here, and not at the first connection.
      _ = try NIOSSLContext(
        configuration: .makeServerConfiguration(
          certificateChain: sources, privateKey: .privateKey(key)))
      return Loaded(
        configuration: .makeServerConfiguration(
          certificateChain: sources, privateKey: .privateKey(key)),
        chain: sources, key: .privateKey(key), certificate: try Described(first))
    } catch let failure as DaemonFailure {
      throw failure
    } catch {
      throw DaemonFailure(
        .badInput, "\(certificatePath), \(keyPath): certificate and key cannot be read: \(error)")
    }
  }
}
