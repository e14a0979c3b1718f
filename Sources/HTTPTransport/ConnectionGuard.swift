import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Takes a connection if its address may have one more, and closes it when a request and its answer take too
/// long: whoever sends or reads a byte now and then holds nothing.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private let traffic: Traffic
  private var address: String?
  private var deadline: Scheduled<Void>?
  /// Whether the answer says that it is the last.
  private var isLast = false

  init(_ traffic: Traffic) { self.traffic = traffic }

  func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { begin(context) }
  }

  func channelActive(context: ChannelHandlerContext) {
    begin(context)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    end()
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) { end() }

  private func begin(_ context: ChannelHandlerContext) {
    guard address == nil else { return }
    let name = Traffic.name(of: context.remoteAddress)
    guard traffic.connect(name) else { return context.close(promise: nil) }
    address = name
  }

  private func end() {
    deadline?.cancel()
    deadline = nil
    if let address { traffic.disconnect(address) }
    address = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if case .head = unwrapInboundIn(data), deadline == nil {
      let channel = context.channel
      deadline = context.eventLoop.scheduleTask(in: .seconds(traffic.limits.exchangeSeconds)) {
        channel.close(promise: nil)
      }
    }
    context.fireChannelRead(data)
  }

  func write(
    context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?
  ) {
    switch unwrapOutboundIn(data) {
    case .head(let response):
      isLast = response.headerFields[.connection] == "close"
      context.write(data, promise: promise)
    case .body:
      context.write(data, promise: promise)
    case .end:
      // Once it has left.
      let written = promise ?? context.eventLoop.makePromise()
      let (loopBound, channel) = (
        NIOLoopBound(self, eventLoop: context.eventLoop), context.channel
      )
      written.futureResult.whenComplete { _ in
        loopBound.value.deadline?.cancel()
        loopBound.value.deadline = nil
        if loopBound.value.isLast { channel.close(promise: nil) }
      }
      context.write(data, promise: written)
    }
  }
}
