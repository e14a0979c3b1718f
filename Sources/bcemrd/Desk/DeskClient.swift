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

/// Asks the daemon of a configuration, which has to run.
struct DeskClient {
  private static let answerLimit = 1 << 24
  /// Some answers wait for a block, and for other members.
  private static let timeout = TimeAmount.seconds(120)

  let socket: String
  /// For hints.
  let config: String

  /// - Throws: ``DaemonFailure``: the daemon's own, or `not-running`.
  func ask<Asked: DeskRequest>(_ request: Asked) async throws -> Asked.Answer {
    try DeskSocket.check(socket)
    guard let url = URL(httpURLWithSocketPath: socket, uri: "/v1/\(Asked.name)") else {
      throw DaemonFailure(.badInput, "\(socket): this is no path of a socket")
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
      throw reported.map(DaemonFailure.init)
        ?? DaemonFailure(
          .badInput, "\(socket): the daemon does not know this request (HTTP \(status))",
          code: "unknown-request", hint: "is it of the version of this program? restart it")
    }
    return try DeskJSON.decoder.decode(Asked.Answer.self, from: bytes)
  }

  private func failure(_ error: any Error) -> DaemonFailure {
    switch (error as? IOError)?.errnoCode {
    case ENOENT, ECONNREFUSED:
      return DaemonFailure(
        .badInput, "\(socket): no daemon answers here", code: "not-running",
        hint: "start it: bcemrd run --config \(config)")
    case EACCES, EPERM:
      return DaemonFailure(
        .badInput, "\(socket): the desk is for the account of the daemon alone", code: "not-yours",
        hint: "run this as that account, as by 'sudo -u bcemr'")
    default:
      return DaemonFailure(
        .badInput, "\(socket): no answer of the daemon: \(error)", code: "not-running",
        hint: "whether it was done is not known; ask the daemon what there is")
    }
  }
}
