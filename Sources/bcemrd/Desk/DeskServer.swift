import Consortium
import DeskInterface
import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import ServiceLifecycle

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Answers the desk on a socket in the data folder, which the daemon's own account alone can open: who asks is
/// known by the operating system, and nothing on the network leads there.
struct DeskServer: Service {
  /// Of a request, in bytes; the longest is a staffing file.
  static let byteLimit = 2 * StaffingPlan.byteLimit
  /// Connections at once.
  private static let connectionLimit = 16

  /// - Throws: ``DaemonFailure`` where this machine's roles do not run, and why.
  let desk: @Sendable () throws -> Desk
  let path: String
  let logger: Logger

  init(path: String, logger: Logger, desk: @escaping @Sendable () throws -> Desk) {
    (self.path, self.logger, self.desk) = (path, logger, desk)
  }

  func run() async throws {
    try DeskSocket.check(path)
    let router = Router()
    serve(ExpectDoctor.self, router)
    serve(VoidExpectation.self, router)
    serve(ListDoctors.self, router)
    serve(SetSpecialties.self, router)
    serve(SetStanding.self, router)
    serve(IssueTicket.self, router)
    serve(ListTickets.self, router)
    serve(VoidTicket.self, router)
    serve(AssignTeam.self, router)
    serve(SetStaffing.self, router)
    serve(ReadStaffing.self, router)
    serve(ListVisits.self, router)
    serve(RotateKeys.self, router)
    serve(RenounceVotes.self, router)
    serve(ConfirmChain.self, router)
    serve(AgreeToMotion.self, router)
    let (path, logger) = (path, logger)
    let application = Application(
      router: router,
      configuration: .init(
        address: .unixDomainSocket(path: path), serverName: nil,
        availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionLimit)),
      onServerRunning: { _ in
        _ = unsafe chmod(path, 0o600)
        logger.info("the desk is open", metadata: ["socket": "\(path)"])
      },
      // What it would say of a request might be whom it is about.
      logger: Logger(label: "desk") { _ in SwiftLogNoOpLogHandler() })
    defer { unsafe unlink(path) }
    try await application.run()
  }

  private func serve<Asked: HandledRequest>(
    _ type: Asked.Type, _ router: Router<BasicRequestContext>
  ) {
    router.post("v1/\(Asked.name)") { [desk, logger] request, _ in
      var request = request
      let begun = ContinuousClock.now
      do {
        let desk = try desk()
        let body = try await request.collectBody(upTo: Self.byteLimit)
        let asked = try DeskJSON.decoder.decode(Asked.self, from: Data(body.readableBytesView))
        guard desk.disk.isOpen || !Asked.stores else {
          throw DaemonFailure(
            .badInput, "the disk is almost full: nothing new is taken", code: "no-room",
            hint: "make room on the disk of the data folder; then it goes on by itself")
        }
        let answer = try await asked.perform(at: desk)
        logger.info(
          "the desk was asked",
          metadata: [
            "request": "\(Asked.name)", "milliseconds": "\(Self.milliseconds(since: begun))",
          ])
        return try Self.response(answer, .ok)
      } catch {
        let failure = DaemonFailure(atDesk: error)
        // The code alone: a message may say whom it is about.
        logger.notice(
          "the desk was refused",
          metadata: [
            "request": "\(Asked.name)", "milliseconds": "\(Self.milliseconds(since: begun))",
            "code": "\(failure.code)",
          ])
        return try Self.response(ReportedFailure(failure), .unprocessableContent)
      }
    }
  }

  private static func milliseconds(since begun: ContinuousClock.Instant) -> Int64 {
    let (seconds, attoseconds) = begun.duration(to: .now).components
    return seconds * 1000 + attoseconds / 1_000_000_000_000_000
  }

  private static func response(
    _ value: some Encodable, _ status: HTTPResponse.Status
  ) throws -> Response {
    // What was not read would be taken for the next request.
    Response(
      status: status, headers: [.contentType: "application/json", .connection: "close"],
      body: .init(byteBuffer: ByteBuffer(bytes: try DeskJSON.encoder.encode(value))))
  }
}
