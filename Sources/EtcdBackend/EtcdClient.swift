import AsyncHTTPClient
import Foundation
import Ledger
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// Requests to an etcd cluster by its JSON gateway: to one member after the other, until one answers or the time
/// is over. All of them may arrive twice: whatever changes something is conditional.
///
/// A cluster without a leader, a member that is gone and one that does not answer are waited for.
package final class EtcdClient: Sendable {
  /// Why there is no answer, to one attempt.
  struct Failure: Error {
    enum Kind: Equatable {
      /// Nothing was changed, and the same request would not be carried out later either.
      case refused
      /// Nothing was changed; another attempt may succeed.
      case away
      /// Whether the request was carried out nobody knows.
      case unknown
      /// The space of the cluster is used up; what crosses its end is carried out and refused all the same.
      case full
      case absent
      case unauthenticated
    }

    let kind: Kind
    let message: String
  }

  /// An answer, and whether an attempt of unknown outcome went before the one that was answered.
  struct Answer<Body: Sendable>: Sendable {
    let body: Body
    let isRepeated: Bool
  }

  package let configuration: EtcdConfiguration
  private let state: Mutex<State>

  private struct State {
    var connections: Connections
    /// The member that answered last.
    var preferred = 0
    var token: String?
  }

  /// Those that were made with the same certificates: they end with the last request that uses them.
  private final class Connections: Sendable {
    let http: HTTPClient

    init(_ http: HTTPClient) { self.http = http }

    deinit {
      // A client that is not shut down ends the process.
      let http = http
      Task { try? await http.shutdown() }
    }
  }

  /// The longest answer that is taken, in bytes: pages are chosen to be far below.
  private static let answerLimit = 1 << 26

  /// - Throws: ``EtcdConfiguration/Malformed`` for files that are no certificates or keys.
  package init(_ configuration: EtcdConfiguration) throws(EtcdConfiguration.Malformed) {
    self.configuration = configuration
    state = Mutex(State(connections: try Self.connections(configuration)))
  }

  /// Reads the certificates and the key of the configuration again. What is under way ends with the former ones.
  ///
  /// - Throws: ``EtcdConfiguration/Malformed`` for files that are no certificates or keys, or do not belong
  ///   together; the former ones stay then.
  package func reloadCertificates() throws(EtcdConfiguration.Malformed) {
    let connections = try Self.connections(configuration)
    state.withLock { $0.connections = connections }
  }

  private static func connections(
    _ configuration: EtcdConfiguration
  ) throws(EtcdConfiguration.Malformed) -> Connections {
    var settings = HTTPClient.Configuration(
      tlsConfiguration: try tls(configuration.certificates), redirectConfiguration: .disallow,
      timeout: .init(connect: .milliseconds(Int64(configuration.attempt * 1000))))
    settings.httpVersion = .http1Only
    settings.decompression = .disabled
    settings.proxy = nil
    settings.connectionPool.retryConnectionEstablishment = false
    return Connections(
      HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings))
  }

  private static func tls(
    _ files: EtcdConfiguration.Certificates
  ) throws(EtcdConfiguration.Malformed) -> TLSConfiguration {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.minimumTLSVersion = .tlsv12
    func read<Value>(
      _ path: String, _ body: () throws -> Value
    ) throws(EtcdConfiguration.Malformed) -> Value {
      do {
        return try body()
      } catch {
        throw EtcdConfiguration.Malformed(description: "\(path): this cannot be read as PEM")
      }
    }
    if let path = files.authority {
      tls.trustRoots = .certificates(try read(path) { try NIOSSLCertificate.fromPEMFile(path) })
    }
    if let own = files.own {
      tls.certificateChain = try read(own.certificate) {
        try NIOSSLCertificate.fromPEMFile(own.certificate).map { .certificate($0) }
      }
      tls.privateKey = .privateKey(
        try read(own.key) { try NIOSSLPrivateKey(file: own.key, format: .pem) })
    }
    do {
      // A key of another certificate is noticed here, and not at the first connection.
      _ = try NIOSSLContext(configuration: tls)
    } catch {
      throw EtcdConfiguration.Malformed(
        description: "\(files.own?.certificate ?? files.authority ?? "TLS"): \(error)")
    }
    return tls
  }

  package var deadline: ContinuousClock.Instant {
    .now.advanced(by: .seconds(configuration.patience))
  }

  // MARK: Attempts

  /// Sends a request until it is answered.
  ///
  /// - Throws: ``StoreError``; `outcomeUnknown` if one of the attempts may have been carried out.
  func send<Body: Decodable & Sendable>(
    _ path: String, _ request: some Encodable & Sendable, _: Body.Type,
    until deadline: ContinuousClock.Instant, isReading: Bool = false
  ) async throws(StoreError) -> Answer<Body> {
    guard let bytes = try? GatewayMessages.encoder.encode(request) else {
      throw StoreError(.unavailable, "etcd: a request that cannot be written")
    }
    let count = configuration.endpoints.count
    var member = state.withLock { $0.preferred }
    var (attempts, isUnknown, first) = (0, false, String?.none)
    while true {
      attempts += 1
      let failure: Failure
      do throws(Failure) {
        let body: Body = try await attempt(path, bytes, member, until: deadline)
        state.withLock { [member] in $0.preferred = member }
        return Answer(body: body, isRepeated: isUnknown)
      } catch {
        failure = error
      }
      switch failure.kind {
      // An attempt before, of which nobody knows, may have been carried out all the same.
      case .refused:
        throw StoreError(isUnknown ? .outcomeUnknown : .unavailable, failure.message)
      case .absent:
        throw StoreError(isUnknown ? .outcomeUnknown : .conflict, failure.message)
      case .full:
        throw StoreError(
          isUnknown ? .outcomeUnknown : .full,
          "\(failure.message): its space is used up; make room and disarm the alarm (docs/operations.md)"
        )
      case .unauthenticated:
        guard attempts <= 2 * count, await authenticate(at: member, until: deadline) else {
          throw StoreError(isUnknown ? .outcomeUnknown : .unavailable, failure.message)
        }
        continue
      case .unknown: isUnknown = !isReading
      case .away: break
      }
      first = first ?? failure.message
      member = (member + 1) % count
      // Once all were asked, a leader is waited for.
      let pause = Double(attempts < count ? 0 : min(attempts - count + 1, 10)) * 0.05
      let next = ContinuousClock.now.advanced(by: .seconds(pause))
      guard next < deadline, !Task.isCancelled else {
        throw StoreError(
          isUnknown ? .outcomeUnknown : .unavailable,
          "\(first ?? ""), at first of \(attempts) attempts; then \(failure.message)")
      }
      if pause > 0 { try? await Task.sleep(until: next, clock: .continuous) }
    }
  }

  private func attempt<Body: Decodable>(
    _ path: String, _ bytes: Data, _ member: Int, until deadline: ContinuousClock.Instant
  ) async throws(Failure) -> Body {
    let place = "\(configuration.endpoints[member])\(path)"
    let left = (deadline - ContinuousClock.now) / .milliseconds(1)
    guard left > 0 else { throw Failure(kind: .away, message: "\(place): no time is left") }
    let milliseconds = Int64(min(left, configuration.attempt * 1000).rounded(.up))
    let response: HTTPClient.Response
    let connections = state.withLock { $0.connections }
    defer { withExtendedLifetime(connections) {} }
    do {
      var headers = HTTPHeaders([("content-type", "application/json")])
      if let token = state.withLock({ $0.token }) {
        headers.add(name: "authorization", value: token)
      }
      let request = try HTTPClient.Request(
        url: place, method: .POST, headers: headers, body: .byteBuffer(ByteBuffer(bytes: bytes)))
      response = try await connections.http.execute(
        request: request,
        delegate: ResponseAccumulator(request: request, maxBodySize: Self.answerLimit),
        deadline: .now() + .milliseconds(milliseconds)
      ).get()
    } catch {
      throw Self.failure(error, place)
    }
    let body = Data((response.body ?? ByteBuffer()).readableBytesView)
    guard response.status == .ok else {
      // Who shows no token may be told so, or that nobody may do that.
      let isUnknown = state.withLock { $0.token == nil } && configuration.user != nil
      throw Self.failure(Int(response.status.code), body, place, isUnknownUser: isUnknown)
    }
    do {
      return try GatewayMessages.decoder.decode(Body.self, from: body)
    } catch {
      throw Failure(kind: .unknown, message: "\(place): this is no answer of etcd")
    }
  }

  private static func failure(_ error: any Error, _ place: String) -> Failure {
    switch error {
    case is NIOConnectionError:
      Failure(kind: .away, message: "\(place): no connection")
    case let error as HTTPClientError
    where [.connectTimeout, .getConnectionFromPoolTimeout].contains(error):
      Failure(kind: .away, message: "\(place): \(error.shortDescription)")
    case let error as HTTPClientError:
      Failure(kind: .unknown, message: "\(place): \(error.shortDescription)")
    case is NIOSSLError, is BoringSSLError:
      // As of a certificate that is over: said as it is, since others may be tried.
      Failure(kind: .unknown, message: "\(place): TLS: \(error)")
    default: Failure(kind: .unknown, message: "\(place): \(type(of: error))")
    }
  }

  private static func failure(
    _ status: Int, _ body: Data, _ place: String, isUnknownUser: Bool
  ) -> Failure {
    let told = try? GatewayMessages.decoder.decode(GatewayMessages.Failure.self, from: body)
    // Some refusals are plain text.
    let said = told?.message ?? told?.error ?? String(decoding: body.prefix(200), as: UTF8.self)
    let text = String(said.prefix(200)).filter { $0.isASCII && !$0.isNewline }
    let message = "\(place): HTTP status \(status)\(text.isEmpty ? "" : ", \(text)")"
    let kind: Failure.Kind =
      switch told?.code {
      case 16: .unauthenticated
      case 7 where isUnknownUser: .unauthenticated
      case 3 where text.contains("user name is empty") || text.contains("auth store is old"):
        .unauthenticated
      case 8 where text.contains("space exceeded"): .full
      case 8: .away
      case 5: .absent
      case 3, 7, 9, 11, 12: .refused
      default: status >= 500 || [408, 429].contains(status) ? .unknown : .refused
      }
    return Failure(kind: kind, message: message)
  }

  /// Fetches a token, where there is a user.
  ///
  /// - Returns: whether it is worth another attempt.
  private func authenticate(at member: Int, until deadline: ContinuousClock.Instant) async -> Bool {
    guard let user = configuration.user,
      let bytes = try? GatewayMessages.encoder.encode(
        GatewayMessages.Authenticate(name: user.name, password: user.password))
    else { return false }
    state.withLock { $0.token = nil }
    do throws(Failure) {
      let reply: GatewayMessages.Token = try await attempt(
        "/v3/auth/authenticate", bytes, member, until: deadline)
      guard let token = reply.token, token.utf8.count <= 4096,
        token.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
      else { return false }
      state.withLock { $0.token = token }
      return true
    } catch {
      return error.kind == .away || error.kind == .unknown
    }
  }
}
