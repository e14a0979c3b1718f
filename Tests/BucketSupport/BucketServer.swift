import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
package import S3Backend
import Synchronization

/// Threads of the server's own: a store whose protocol has no `async` blocks those of Swift until it is answered.
private final class ServerThreads: TaskExecutor {
  static let shared = ServerThreads()

  private let threads = NIOThreadPool(numberOfThreads: 2)

  private init() { threads.start() }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    threads.submit { _ in unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

/// A server on loopback, between the store and a bucket, that does to some requests what networks do.
package final class BucketServer: Sendable {
  package typealias Question = MemoryBucket.Question
  package typealias Reply = MemoryBucket.Reply

  package enum Fault: Sendable, CaseIterable {
    /// Nothing is carried out, and the connection ends.
    case lostQuestion
    /// It is carried out, and the connection ends.
    case lostAnswer
    /// Nothing is carried out; 503 SlowDown.
    case busy
    /// It is carried out; 500.
    case failedAfter
    /// Half of the answer, then the connection ends.
    case cutAnswer
    /// After the time for an attempt.
    case slow
  }

  private let channel: any Channel
  package let port: Int

  /// - Parameters:
  ///   - fault: what happens to a request; asked once for each.
  ///   - bucket: carries it out.
  package init(
    fault: @escaping @Sendable (Question) -> Fault? = { _ in nil },
    bucket: @escaping @Sendable (Question) async -> Reply
  ) async throws {
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.backlog, value: 256)
      .childChannelInitializer { channel in
        channel.pipeline.configureHTTPServerPipeline().flatMapThrowing {
          try channel.pipeline.syncOperations.addHandler(Handler(fault, bucket))
        }
      }.bind(host: "127.0.0.1", port: 0).get()
    port = channel.localAddress?.port ?? 0
  }

  deinit { channel.close(promise: nil) }

  package var endpoint: String { "http://127.0.0.1:\(port)" }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let fault: @Sendable (Question) -> Fault?
    private let bucket: @Sendable (Question) async -> Reply
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(
      _ fault: @escaping @Sendable (Question) -> Fault?,
      _ bucket: @escaping @Sendable (Question) async -> Reply
    ) { (self.fault, self.bucket) = (fault, bucket) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch unwrapInboundIn(data) {
      case .head(let head): (self.head, body) = (head, [])
      case .body(let bytes): body += bytes.readableBytesView
      case .end:
        guard let head else { return }
        let question = Self.question(head, body)
        Self.serve(question, fault(question), bucket, on: context.channel)
      }
    }

    private static func serve(
      _ question: Question, _ fault: Fault?,
      _ bucket: @escaping @Sendable (Question) async -> Reply, on channel: any Channel
    ) {
      Task(executorPreference: ServerThreads.shared) {
        var reply = Reply.failed(503, "SlowDown")
        if fault != .busy, fault != .lostQuestion { reply = await bucket(question) }
        if fault == .failedAfter { reply = .failed(500, "InternalError") }
        if fault == .slow { try? await Task.sleep(for: .milliseconds(600)) }
        if fault == .lostQuestion || fault == .lostAnswer {
          try? await channel.close()
        } else {
          await write(reply, isCut: fault == .cutAnswer, to: channel)
        }
      }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }

    private static func question(_ head: HTTPRequestHead, _ body: [UInt8]) -> Question {
      let parts = head.uri.split(separator: "?", maxSplits: 1)
      let path = parts[0].split(separator: "/", maxSplits: 1)
      var query: [String: String] = [:]
      for pair in parts.dropFirst().joined().split(separator: "&") {
        let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        query[String(sides[0])] = sides.last?.removingPercentEncoding
      }
      return Question(
        method: head.method.rawValue, target: head.uri,
        key: path.count > 1 ? String(path[1]) : "", query: query,
        headers: Dictionary(
          head.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { $1 }),
        body: body)
    }

    private static func write(_ reply: Reply, isCut: Bool, to channel: any Channel) async {
      var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: reply.status))
      for (name, value) in reply.headers { head.headers.add(name: name, value: value) }
      if reply.status != 204 {
        head.headers.replaceOrAdd(name: "content-length", value: "\(reply.body.count)")
      }
      let body = isCut ? Array(reply.body.prefix(reply.body.count / 2)) : reply.body
      let whole = head
      try? await channel.eventLoop.submit {
        channel.write(HTTPServerResponsePart.head(whole), promise: nil)
        channel.write(
          HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
        if isCut {
          channel.flush()
          channel.close(promise: nil)
        } else {
          channel.writeAndFlush(HTTPServerResponsePart.end(nil), promise: nil)
        }
      }.get()
    }
  }
}

extension S3Configuration {
  /// Of a test's own prefix, with little patience.
  package static func test(_ endpoint: String, patience: Double = 30) throws -> Self {
    var configuration = try Self(
      endpoint: endpoint, bucket: "records", region: "us-east-1",
      prefix: "test/\(UInt64.random(in: .min ... .max))")
    (configuration.attempt, configuration.patience) = (0.5, patience)
    (configuration.firstPause, configuration.longestPause) = (0.01, 0.1)
    return configuration
  }
}

extension S3Credentials {
  package static var test: Self {
    get throws {
      guard let made = Self(accessKey: "AKIDEXAMPLE", secretKey: "wJalrXUtnFEMI/example") else {
        throw CocoaError(.featureUnsupported)
      }
      return made
    }
  }
}
