import NIOCore
import NIOPosix
import NIOSSL

/// A TLS connection on which a test writes what it likes.
struct RawConnection {
  private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private var bytes = ByteBuffer()
    private let closed: EventLoopPromise<String>

    init(_ closed: EventLoopPromise<String>) { self.closed = closed }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      var buffer = unwrapInboundIn(data)
      bytes.writeBuffer(&buffer)
    }

    func channelInactive(context: ChannelHandlerContext) {
      closed.succeed(String(buffer: bytes))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }
  }

  private let channel: any Channel
  private let closed: EventLoopFuture<String>

  init(_ port: Int, maximum: TLSVersion? = nil) async throws {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.certificateVerification = .none
    tls.maximumTLSVersion = maximum
    let context = try NIOSSLContext(configuration: tls)
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let promise = loop.makePromise(of: String.self)
    closed = promise.futureResult
    channel = try await ClientBootstrap(group: loop)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers(
            NIOSSLClientHandler(context: context, serverHostname: nil), Collector(promise))
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
  }

  /// - Throws: if the other side has closed.
  func write(_ text: String) async throws {
    try await channel.writeAndFlush(ByteBuffer(string: text))
  }

  /// All that came, once the other side has closed.
  func rest() async throws -> String { try await closed.get() }

  func close() async throws { try await channel.close() }
}
