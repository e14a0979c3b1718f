import CanonicalEncoding
import Consortium
import Crypto
import Foundation
import HTTPTransport
import Ledger
import Logging
import NIOCore
import NIOSSL
import SwiftASN1
import Synchronization
import X509

/// A TLS key with a certificate for it.
struct TestIdentity {
  let key: P256.Signing.PrivateKey
  let certificate: NIOSSLCertificate
  let pin: Digest32

  /// - Parameters:
  ///   - name: for whom it says to be.
  ///   - days: from when to when it holds, from now.
  init(
    _ key: P256.Signing.PrivateKey = .init(), name: String = "localhost",
    days: (Int, Int) = (-1, 1)
  ) throws {
    self.key = key
    let subject = try DistinguishedName { CommonName(name) }
    func day(_ count: Int) -> Date { Date(timeIntervalSinceNow: Double(count) * 86_400) }
    let certificate = try Certificate(
      version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey),
      notValidBefore: day(days.0), notValidAfter: day(days.1), issuer: subject, subject: subject,
      signatureAlgorithm: .ecdsaWithSHA256,
      extensions: Certificate.Extensions { SubjectAlternativeNames([.dnsName(name)]) },
      issuerPrivateKey: .init(key))
    var serializer = DER.Serializer()
    try serializer.serialize(certificate)
    self.certificate = try NIOSSLCertificate(bytes: serializer.serializedBytes, format: .der)
    pin = Digest32(sha256: key.publicKey.derRepresentation)
  }

  var tls: TLSConfiguration {
    get throws {
      .makeServerConfiguration(
        certificateChain: [.certificate(certificate)],
        privateKey: .privateKey(
          try NIOSSLPrivateKey(bytes: Array(key.derRepresentation), format: .der)))
    }
  }
}

/// A role that keeps what comes, and answers as a test says.
final class TestRole: Endpoint {
  private let requests = Mutex<[(bytes: [UInt8], sender: String)]>([])
  private let answer: @Sendable ([UInt8]) async -> [UInt8]

  init(_ answer: @escaping @Sendable ([UInt8]) async -> [UInt8] = { $0.reversed() }) {
    self.answer = answer
  }

  var received: [(bytes: [UInt8], sender: String)] { requests.withLock { $0 } }

  func receive(_ bytes: [UInt8], from sender: String) async -> [UInt8] {
    requests.withLock { $0.append((bytes, sender)) }
    return await answer(bytes)
  }
}

/// A server on a port of its own, as long as a test runs.
struct TestServer {
  let server: MessageServer
  let port: Int

  var address: String { "https://127.0.0.1:\(port)" }

  func location(_ pins: Digest32...) -> Members.Location {
    Members.Location(addresses: [address], pins: pins)
  }

  static func run<Result: Sendable>(
    _ identity: TestIdentity, _ role: any Endpoint, limits: TrafficLimits = TrafficLimits(),
    kind: RoleKind = .doctor, _ body: @escaping @Sendable (TestServer) async throws -> Result
  ) async throws -> Result {
    let server = MessageServer(
      host: "127.0.0.1", port: 0, tls: try identity.tls, limits: limits,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    server.register(role, kind, id: "a")
    let (ports, port) = AsyncStream<Int>.makeStream()
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try await server.run { port.yield($0) }
        port.finish()
      }
      defer { group.cancelAll() }
      for await number in ports {
        return try await body(TestServer(server: server, port: number))
      }
      throw CancellationError()
    }
  }
}

extension HTTPCourier {
  /// To a party that is where a test says.
  static func to(
    _ location: Members.Location?, timeouts: Timeouts = Timeouts()
  ) -> HTTPCourier {
    HTTPCourier(timeouts: timeouts) { _ in location }
  }

  /// What comes back, or why nothing does.
  func outcome(_ request: [UInt8], to recipient: String = "a") async -> (
    reply: [UInt8]?, code: String?, message: String
  ) {
    do throws(ConsortiumError) {
      return (try await send(request, from: "test", to: recipient), nil, "")
    } catch {
      return (nil, "\(error.code)", error.message)
    }
  }
}
