import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Asks the desk of a daemon, which has to run.
package struct DeskClient: Sendable {
  private static let answerLimit = 1 << 24
  /// Some answers wait for a block, and for other members.
  private static let timeout = TimeAmount.seconds(120)

  private let socket: String
  private let config: String

  /// - Parameters:
  ///   - socket: the path of the desk's socket.
  ///   - config: the daemon's configuration, for hints.
  package init(socket: String, config: String = "bcemrd.json") {
    (self.socket, self.config) = (socket, config)
  }

  /// - Throws: ``ReportedFailure``: the daemon's own, or `not-running`.
  package func ask<Asked: DeskRequest>(_ request: Asked) async throws -> Asked.Answer {
    try DeskSocket.check(socket)
    guard let url = URL(httpURLWithSocketPath: socket, uri: "/v1/\(Asked.name)") else {
      throw ReportedFailure(code: "bad-input", "\(socket): this is no path of a socket")
    }
    var asked = HTTPClientRequest(url: url.absoluteString)
    asked.method = .POST
    asked.headers.add(name: "content-type", value: "application/json")
    asked.body = .bytes(ByteBuffer(bytes: try DeskJSON.encoder.encode(request)))
    let client = HTTPClient(eventLoopGroupProvider: .singleton)
    let (status, body): (Int, ByteBuffer)
    do {
      let response = try await client.execute(asked, timeout: Self.timeout)
      (status, body) = (
        Int(response.status.code), try await response.body.collect(upTo: Self.answerLimit)
      )
      try await client.shutdown()
    } catch {
      try? await client.shutdown()
      throw failure(error)
    }
    let bytes = Data(body.readableBytesView)
    guard status == 200 else {
      let reported = try? DeskJSON.decoder.decode(ReportedFailure.self, from: bytes)
      throw reported
        ?? ReportedFailure(
          code: "unknown-request",
          "\(socket): the daemon does not know this request (HTTP \(status))",
          hint: "is it of the version of this program? restart it")
    }
    return try DeskJSON.decoder.decode(Asked.Answer.self, from: bytes)
  }

  private func failure(_ error: any Error) -> ReportedFailure {
    switch (error as? IOError)?.errnoCode {
    case ENOENT, ECONNREFUSED:
      return ReportedFailure(
        code: "not-running", "\(socket): no daemon answers here",
        hint: "start it: bcemrd run --config \(config)")
    case EACCES, EPERM:
      return ReportedFailure(
        code: "not-yours", "\(socket): the desk is for the account of the daemon alone",
        hint: "run this as that account, as by 'sudo -u bcemr'")
    default:
      return ReportedFailure(
        code: "not-running", "\(socket): no answer of the daemon: \(error)",
        hint: "whether it was done is not known; ask the daemon what there is")
    }
  }
}
