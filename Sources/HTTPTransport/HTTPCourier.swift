import AsyncHTTPClient
import CanonicalEncoding
public import Consortium
public import Ledger
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Carries requests to roles on other machines, by HTTPS (specification 8.7).
///
/// Where a role is, and by which TLS keys its server is known, says the ledger. A server with another key is
/// sent nothing, whoever has certified it.
public final class HTTPCourier: Courier {
  /// How long things may take, in seconds.
  public struct Timeouts: Sendable {
    /// Until a connection stands.
    public var connection: Int64 = 5
    /// From the request to the last byte of the answer.
    public var exchange: Int64 = 120

    /// Those for servers that are not overloaded.
    public init() {}
  }

  private struct Peer {
    let location: Members.Location
    let client: HTTPClient
    /// Under which name it is counted.
    let counted: String
  }

  private let locate: @Sendable (String) async -> Members.Location?
  private let timeouts: Timeouts
  private let statistics: MessageStatistics
  private let isMember: @Sendable (String) async -> Bool
  private let peers = Mutex<[String: Peer]>([:])

  /// - Parameters:
  ///   - statistics: where exchanges are counted.
  ///   - isMember: who is counted under its name; all others have mailboxes, and are counted together.
  ///   - locate: where somebody is, by the name that a courier is given, as
  ///     ``Consortium/Doctor/location(of:)`` says it; nil for who is not known.
  public init(
    timeouts: Timeouts = Timeouts(), statistics: MessageStatistics = MessageStatistics(),
    isMember: @escaping @Sendable (String) async -> Bool = { _ in true },
    locate: @escaping @Sendable (String) async -> Members.Location?
  ) {
    (self.timeouts, self.statistics, self.locate) = (timeouts, statistics, locate)
    self.isMember = isMember
  }

  /// Closes all connections. Nothing can be sent afterwards but on new ones.
  public func shutDown() async {
    let clients = peers.withLock { peers in
      defer { peers = [:] }
      return Dictionary(
        peers.values.map { (ObjectIdentifier($0.client), $0.client) }, uniquingKeysWith: { $1 })
    }
    for client in clients.values { try? await client.shutdown() }
  }

  public func send(
    _ request: [UInt8], from sender: String, to recipient: String
  ) async throws(ConsortiumError) -> [UInt8] {
    guard ValidGenesis.isIdentifier(recipient), let location = await locate(recipient) else {
      throw ConsortiumError(.unreachable, "nobody knows where \(recipient.prefix(64)) is")
    }
    let counted = await counted(recipient)
    var failure = "\(recipient) has no https address on the ledger"
    for address in location.addresses where address.hasPrefix("https://") {
      do {
        return try await send(request, to: recipient, at: address, location, counted)
      } catch {
        statistics.failed(counted)
        failure = "\(recipient) at \(address): \(error.reason)"
        // What may have arrived is not sent again: its sender decides.
        guard error.isUnsent else { break }
      }
    }
    throw ConsortiumError(.unreachable, failure)
  }

  /// Under which name somebody is counted, which is looked up once for each location.
  private func counted(_ recipient: String) async -> String {
    if let known = peers.withLock({ $0[recipient]?.counted }) { return known }
    return await isMember(recipient) ? recipient : MessageStatistics.mailboxes
  }

  /// Why there is no answer.
  private struct Failure: Error {
    let reason: String
    /// Whether nothing of the request has left.
    let isUnsent: Bool
  }

  private func send(
    _ body: [UInt8], to recipient: String, at address: String, _ location: Members.Location,
    _ counted: String
  ) async throws(Failure) -> [UInt8] {
    let client = client(for: recipient, location, counted)
    let base = address.hasSuffix("/") ? String(address.dropLast()) : address
    var request = HTTPClientRequest(url: base + MessagePath.prefix + recipient)
    request.method = .POST
    request.headers.add(name: "content-type", value: MessagePath.contentType)
    request.body = .bytes(ByteBuffer(bytes: body))
    let begun = ContinuousClock.now
    do {
      let response = try await client.execute(
        request, deadline: .now() + .seconds(timeouts.exchange))
      let answer = try await response.body.collect(upTo: MessageLimits.message)
      guard response.status == .ok else {
        throw Failure(reason: "HTTP status \(response.status.code)", isUnsent: false)
      }
      statistics.answered(
        counted, ContinuousClock.now - begun, date: response.headers.first(name: "date"),
        at: Self.now)
      return Array(answer.readableBytesView)
    } catch let failure as Failure {
      throw failure
    } catch let error as PublicKeyPins.Failure {
      throw Failure(reason: "\(error)", isUnsent: true)
    } catch let error as NIOConnectionError {
      throw Failure(reason: "no connection to \(error.host):\(error.port)", isUnsent: true)
    } catch let error as IOError where error.isOfConnecting {
      throw Failure(reason: "no connection: \(error.words)", isUnsent: true)
    } catch let error as HTTPClientError {
      throw Failure(
        reason: error.shortDescription, isUnsent: error == .connectTimeout)
    } catch is NIOTooManyBytesError {
      throw Failure(reason: "the answer is too long", isUnsent: false)
    } catch is CancellationError {
      throw Failure(reason: "given up", isUnsent: false)
    } catch {
      throw Failure(reason: "\(type(of: error))", isUnsent: false)
    }
  }

  /// Seconds since 1970.
  private static var now: Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// Connections to one location, all of them to one of its keys: a hospital's doctors are reached where it is.
  private func client(
    for recipient: String, _ location: Members.Location, _ counted: String
  ) -> HTTPClient {
    peers.withLock { peers in
      if let peer = peers[recipient] {
        if peer.location == location { return peer.client }
        peers[recipient] = nil
        // What is under way ends; connections to a former key are not used again.
        if !peers.values.contains(where: { $0.location == peer.location }) {
          let former = peer.client
          Task { try? await former.shutdown() }
        }
      }
      if let known = peers.values.first(where: { $0.location == location }) {
        peers[recipient] = Peer(location: location, client: known.client, counted: counted)
        return known.client
      }
      let client = HTTPClient(
        eventLoopGroupProvider: .singleton, configuration: configuration(location.pins))
      peers[recipient] = Peer(location: location, client: client, counted: counted)
      return client
    }
  }

  private func configuration(_ digests: [Digest32]) -> HTTPClient.Configuration {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.minimumTLSVersion = .tlsv13
    // Keys are compared, and nothing else: below.
    tls.certificateVerification = .none
    var configuration = HTTPClient.Configuration(
      tlsConfiguration: tls, redirectConfiguration: .disallow,
      timeout: .init(connect: .seconds(timeouts.connection)))
    configuration.httpVersion = .http1Only
    configuration.decompression = .disabled
    configuration.proxy = nil
    configuration.connectionPool.retryConnectionEstablishment = false
    // Before the server closes them: what is sent at that moment is lost, and nobody knows whether it has come.
    configuration.connectionPool.idleTimeout = .seconds(TrafficLimits().idleSeconds / 2)
    let pins = PublicKeyPins(pins: digests)
    // It runs when the handshake is done, before any request is written.
    configuration.http1_1ConnectionDebugInitializer = { pins.check($0) }
    return configuration
  }
}

extension IOError {
  /// What the system says, without the call that failed.
  fileprivate var words: String {
    switch errnoCode {
    case ECONNREFUSED: "it is refused"
    case ETIMEDOUT: "nobody answers in time"
    default: "there is no way to this host"
    }
  }

  /// Whether no connection stood. Only then is one refused; one that stood can end as unreachable too, so of
  /// that it is looked which call failed.
  fileprivate var isOfConnecting: Bool {
    errnoCode == ECONNREFUSED
      || [EHOSTUNREACH, ENETUNREACH, ETIMEDOUT].contains(errnoCode)
        && ["connect", "finishing a non-blocking connect"].contains { "\(self)".hasPrefix($0) }
  }
}
