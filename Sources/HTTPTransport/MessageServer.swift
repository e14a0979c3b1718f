import CanonicalEncoding
public import Consortium
import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
public import Logging
import NIOCore
public import NIOSSL
import Synchronization

/// Takes requests to the roles of this machine, and to who has a mailbox at one of them, by HTTPS (specification
/// 8.7): each is handed to the role, or the mailbox, as it came, with the address from which it came, and
/// answered with what that says.
public final class MessageServer: Sendable {
  private struct Registration {
    let endpoint: any Endpoint
    let limit: Int
    /// Under which name its requests are counted.
    let counted: String
  }

  private let host: String
  private let port: Int
  private let tls: TLSConfiguration
  private let logger: Logger
  private let statistics: MessageStatistics
  package let traffic: Traffic
  private let registrations = Mutex<[String: Registration]>([:])
  private let keepers = Mutex<[any MailboxKeeper]>([])
  private let pages: LogPages

  /// - Parameters:
  ///   - port: 0 for any that is free.
  ///   - tls: with certificate and key; TLS 1.3 is required.
  ///   - statistics: where requests are counted.
  public init(
    host: String, port: Int, tls: TLSConfiguration, limits: TrafficLimits = TrafficLimits(),
    statistics: MessageStatistics = MessageStatistics(), logger: Logger
  ) {
    (self.host, self.port, self.logger) = (host, port, logger)
    self.statistics = statistics
    var tls = tls
    tls.minimumTLSVersion = .tlsv13
    tls.applicationProtocols = ["http/1.1"]
    self.tls = tls
    traffic = Traffic(limits)
    pages = LogPages(traffic)
  }

  /// Hands requests to `id` to this role from now on.
  public func register(_ endpoint: any Endpoint, _ kind: RoleKind, id: String) {
    registrations.withLock {
      $0[id] = Registration(
        endpoint: endpoint, limit: RequestTable.limit(of: kind), counted: id)
    }
  }

  /// Hands requests to others to the mailboxes that they have at this role, from now on.
  public func register(_ keeper: any MailboxKeeper) { keepers.withLock { $0.append(keeper) } }

  /// Shows the logs of a role to everybody, from now on.
  package func publish(_ publisher: any LogPublisher) { pages.add(publisher) }

  /// Who takes what comes for somebody; nil for who is neither here nor has a mailbox here.
  private func recipient(_ name: String) async -> Registration? {
    if let role = registrations.withLock({ $0[name] }) { return role }
    for keeper in keepers.withLock({ $0 }) {
      if let mailbox = await keeper.mailbox(of: name, keeping: true) {
        return Registration(
          endpoint: mailbox, limit: RequestTable.limit(of: .doctor),
          counted: MessageStatistics.mailboxes)
      }
    }
    return nil
  }

  /// Nobody is called `id` any more.
  public func unregister(_ id: String) { registrations.withLock { $0[id] = nil } }

  /// Serves until the task is cancelled, or its service group shuts down.
  ///
  /// - Parameter listening: told of the port, once connections are taken.
  public func run(listening: @escaping @Sendable (Int) async -> Void = { _ in }) async throws {
    let router = Router(context: ConnectionContext.self)
    router.post("v1/messages/:recipient") { [self] request, context in
      try await counted { try await answer(request, context) }
    }
    router.get("v1/chains/:chain/checkpoint") { [self] _, context in
      try await counted { try await pages.checkpoint(context) }
    }
    router.get("v1/chains/:chain/tile/**") { [self] _, context in
      try await counted { try await pages.tile(context) }
    }
    router.get("v1/chains/:chain/follow") { [self] request, context in
      try await counted { try await pages.follow(request, context) }
    }
    router.add(middleware: Unrouted())
    let (traffic, limits) = (traffic, traffic.limits)
    let application = Application(
      router: router,
      server: try .tls(
        .http1(
          configuration: .init(
            additionalChannelHandlers: [ConnectionGuard(traffic)],
            idleTimeout: .seconds(limits.idleSeconds),
            httpDecoderConfiguration: .init(
              maxHeaderFieldSize: 4096, maxHeaderListSize: 8192, maxHeaderFieldCount: 64))),
        tlsConfiguration: tls),
      configuration: .init(address: .hostname(host, port: port), serverName: nil),
      onServerRunning: { await listening($0.localAddress?.port ?? 0) },
      logger: logger)
    try await application.run()
  }

  /// Counts the problems among the answers.
  private func counted(_ answer: () async throws -> Response) async throws -> Response {
    do {
      return try await answer()
    } catch let problem as Problem {
      statistics.refused(problem)
      throw problem
    }
  }

  private func answer(_ request: Request, _ context: ConnectionContext) async throws -> Response {
    guard let name = context.parameters.get("recipient"), let recipient = await recipient(name)
    else { throw Problem.nobody }
    guard request.headers[.contentType] == MessagePath.contentType else {
      throw Problem.wrongType
    }
    if let length = request.headers[.contentLength].flatMap(Int.init), length > recipient.limit {
      throw Problem.tooLarge
    }
    var bytes: [UInt8] = []
    var taken = 0
    defer { traffic.give(back: taken, context.address) }
    for try await part in request.body {
      guard bytes.count + part.readableBytes <= recipient.limit else { throw Problem.tooLarge }
      try traffic.take(part.readableBytes, context.address)
      taken += part.readableBytes
      bytes += part.readableBytesView
    }
    let begun = ContinuousClock.now
    let reply = await recipient.endpoint.receive(bytes, from: context.address)
    statistics.served(recipient.counted, ContinuousClock.now - begun)
    return Response(
      status: .ok, headers: [.contentType: MessagePath.contentType],
      body: .init(byteBuffer: ByteBuffer(bytes: reply)))
  }
}

/// A request with the address from which it came.
struct ConnectionContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  let address: String

  init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    address = Traffic.name(of: source.channel.remoteAddress)
  }
}

/// Says in the form of all others that there is nothing at a path.
private struct Unrouted: RouterMiddleware {
  func handle(
    _ request: Request, context: ConnectionContext,
    next: (Request, ConnectionContext) async throws -> Response
  ) async throws -> Response {
    do {
      return try await next(request, context)
    } catch let problem as Problem {
      throw problem
    } catch let error as HTTPError where error.status == .notFound {
      throw Problem.noPath
    }
  }
}
