import Consortium
import HTTPTypes
import Hummingbird
import Ledger
import NIOCore
import ServiceLifecycle
import Synchronization
import TransparencyLog

/// The logs of this machine's roles for whoever asks (specification 8.9): checkpoint, tiles, and a stream of the
/// checkpoints that come. Nothing in them is believed for who shows it.
final class LogPages: Sendable {
  private let publishers = Mutex<[any LogPublisher]>([])
  private let traffic: Traffic
  private let followers = Mutex(FollowerPlaces())

  init(_ traffic: Traffic) { self.traffic = traffic }

  func add(_ publisher: any LogPublisher) { publishers.withLock { $0.append(publisher) } }

  /// What stands at `v1/chains/CHAIN/checkpoint`.
  func checkpoint(_ context: ConnectionContext) async throws -> Response {
    let log = try await log(context)
    guard !log.note.isEmpty else { throw Problem.noCheckpoint }
    return try response(
      Array(log.note.utf8), type: "text/plain; charset=utf-8", caching: "no-cache", context)
  }

  /// What stands at `v1/chains/CHAIN/tile/…`.
  func tile(_ context: ConnectionContext) async throws -> Response {
    let log = try await log(context)
    let text = "tile/" + context.parameters.getCatchAll().joined(separator: "/")
    guard let path = try? TilePath(path: text) else { throw Problem.noTile }
    do {
      return try response(
        log.tile(path), type: "application/octet-stream",
        // What a tile of one width holds never changes.
        caching: "public, max-age=31536000, immutable", context)
    } catch PublishedLog.Absence.unknown {
      throw Problem.noTile
    } catch PublishedLog.Absence.withheld {
      throw Problem.privateLeaves
    }
  }

  private func log(_ context: ConnectionContext) async throws -> PublishedLog {
    let chain = try context.parameters.require("chain")
    for publisher in publishers.withLock({ $0 }) {
      do {
        if let log = try await publisher.publishedLog(of: chain) { return log }
      } catch {
        throw Problem.unreadable
      }
    }
    throw Problem.noChain
  }

  /// Counts an answer among what its address has under way, until it has left.
  private func response(
    _ bytes: [UInt8], type: String, caching: String, _ context: ConnectionContext
  ) throws -> Response {
    let held = try HeldBytes(bytes.count, of: traffic, for: context.address)
    return Response(
      status: .ok, headers: [.contentType: type, .cacheControl: caching],
      body: ResponseBody(contentLength: bytes.count) { writer in
        defer { withExtendedLifetime(held) {} }
        try await writer.write(ByteBuffer(bytes: bytes))
        try await writer.finish(nil)
      })
  }

  // MARK: Following

  /// Between two looks at a log.
  private static let pause = Duration.seconds(1)
  /// After so many looks without news a line is sent all the same: what is silent may be closed on the way.
  private static let silentLooks = 15

  /// What stands at `v1/chains/CHAIN/follow`: server-sent events, each a checkpoint that is named by its size.
  /// The stream ends before its connection would be closed; who goes on says which came last.
  func follow(_ request: Request, _ context: ConnectionContext) async throws -> Response {
    _ = try await log(context)
    let last =
      request.headers.first { $0.name.canonicalName == "last-event-id" }
      .flatMap { UInt64($0.value) } ?? 0
    let place = try FollowerPlace(at: self, for: context.address)
    let end = ContinuousClock.now + .seconds(max(traffic.limits.exchangeSeconds - 20, 1))
    return Response(
      status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
      body: ResponseBody { writer in
        defer { withExtendedLifetime(place) {} }
        var (size, looks) = (last, Self.silentLooks)
        while ContinuousClock.now < end, !Task.isShuttingDownGracefully {
          if let log = try? await self.log(context), log.size > size {
            try await writer.write(ByteBuffer(string: Self.event(log)))
            (size, looks) = (log.size, 0)
          } else if looks >= Self.silentLooks {
            try await writer.write(ByteBuffer(string: ":\n\n"))
            looks = 0
          }
          looks += 1
          try await Task.sleep(for: Self.pause)
        }
        try await writer.finish(nil)
      })
  }

  private static func event(_ log: PublishedLog) -> String {
    let lines = log.note.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    return "id: \(log.size)\nevent: checkpoint\n"
      + lines.map { "data: \($0)\n" }.joined() + "\n"
  }

  fileprivate func take(for address: String) throws(Problem) {
    switch followers.withLock({ $0.take(address) }) {
    case .addressBusy: throw .addressBusy
    case .busy: throw .busy
    case nil: break
    }
  }

  fileprivate func leave(_ address: String) { followers.withLock { $0.leave(address) } }
}

/// What an answer counts for as long as somebody holds it, however its connection ends.
private final class HeldBytes: Sendable {
  private let count: Int
  private let traffic: Traffic
  private let address: String

  /// - Throws: ``Problem`` `address-busy`, `busy`.
  init(_ count: Int, of traffic: Traffic, for address: String) throws(Problem) {
    // First: nothing is given back of what was not taken.
    try traffic.take(count, address)
    (self.count, self.traffic, self.address) = (count, traffic, address)
  }

  deinit { traffic.give(back: count, address) }
}

/// One of those who follow, however the connection ends.
private final class FollowerPlace: Sendable {
  private let pages: LogPages
  private let address: String

  /// - Throws: ``Problem`` `address-busy`, `busy`.
  init(at pages: LogPages, for address: String) throws(Problem) {
    try pages.take(for: address)
    (self.pages, self.address) = (pages, address)
  }

  deinit { pages.leave(address) }
}
