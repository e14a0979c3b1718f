import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Takes a connection if its address may have one more, else closes it before the handshake of TLS, and closes it when a request and its answer take too
/// long: whoever sends or reads a byte now and then holds nothing.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private let traffic: Traffic
  private var address: String?
  private var deadline: Scheduled<Void>?
  /// Requests that have begun and whose answers have not left: one may send several before the first is answered.
  private var outstanding = 0
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
    if case .head = unwrapInboundIn(data) {
      outstanding += 1
      if deadline == nil { limit(context.channel) }
    }
    context.fireChannelRead(data)
  }

  /// Gives the oldest request that is not answered its time, from now on.
  private func limit(_ channel: any Channel) {
    deadline = channel.eventLoop.scheduleTask(in: .seconds(traffic.limits.exchangeSeconds)) {
      channel.close(promise: nil)
    }
  }

  private func answered(_ channel: any Channel) {
    deadline?.cancel()
    deadline = nil
    outstanding -= 1
    if outstanding > 0 { limit(channel) }
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
        loopBound.value.answered(channel)
        if loopBound.value.isLast { channel.close(promise: nil) }
      }
      context.write(data, promise: written)
    }
  }
}
