import CanonicalEncoding
import Consortium
import Foundation
import HTTPTransport
import Ledger
import SQLiteBackend
import Synchronization
import Testing

@Suite("HTTPS: a whole consortium")
struct ConsortiumOverHTTPSTests {
  /// Takes every message of the roles out of the process, and in again.
  private final class Detour: Courier {
    private let server: MessageServer
    private let https: HTTPCourier
    private let inside: any Courier
    private let known = Mutex<Set<String>>([])
    private let carried = Mutex((count: 0, bytes: 0))

    init(_ server: MessageServer, _ https: HTTPCourier, over inside: any Courier) {
      (self.server, self.https, self.inside) = (server, https, inside)
    }

    var total: (count: Int, bytes: Int) { carried.withLock { $0 } }

    func send(
      _ request: [UInt8], from sender: String, to recipient: String
    ) async throws(ConsortiumError) -> [UInt8] {
      if known.withLock({ $0.insert(recipient).inserted }) {
        server.register(
          Forwarding(courier: inside, recipient: recipient), .cloud, id: recipient)
      }
      let reply = try await https.send(request, from: sender, to: recipient)
      carried.withLock { $0 = ($0.count + 1, $0.bytes + request.count + reply.count) }
      return reply
    }
  }

  @Test("a visit is held, shared and taken back with every message on a real connection")
  func wholeStory() async throws {
    let identity = try TestIdentity()
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("https-\(UUID())").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let folder = try DataFolder(path: path)
    try await TestServer.run(identity, TestRole()) { server in
      let https = HTTPCourier.to(server.location(identity.pin))
      let detours = Mutex<[Detour]>([])
      var environment = LocalConsortium.Environment(
        clock: { UInt64(Date().timeIntervalSince1970) },
        nanoseconds: { DispatchTime.now().uptimeNanoseconds })
      environment.interpose = { inside in
        let detour = Detour(server.server, https, over: inside)
        detours.withLock { $0.append(detour) }
        return detour
      }
      var configuration = LocalConsortium.Configuration(teamSize: 2)
      configuration.doctors = 2
      let consortium = try await LocalConsortium.open(
        storage: folder, configuration: configuration, environment: environment)
      try await consortium.addPatient(contact: "ada", identity: "Ada Quimby, 1980-02-29")
      let outcome = try await consortium.hold(
        PlannedVisit(
          patient: "ada", hospital: "hospital-1", encounter: "e",
          findings: [Array("one".utf8), Array("two".utf8)]))
      #expect(
        outcome.record?.record?.findings.map(\.content) == [Array("one".utf8), Array("two".utf8)])
      let reader = "hospital-2-doctor-1"
      let request = try await consortium.requestAccess(
        doctor: reader, patient: "ada", purpose: "care")
      let consent = try await consortium.consent(
        patient: "ada", to: request, visit: outcome.visit,
        expiresAt: await consortium.ledgerTime() + 86_400)
      try await consortium.settle()
      let record = try await consortium.openRecord(doctor: reader, consent: consent)
      #expect(record.findings.count == 2)
      try await consortium.revoke(patient: "ada", consent: consent)
      try await consortium.settle()
      await #expect(throws: ConsortiumError.self) {
        _ = try await consortium.openRecord(doctor: reader, consent: consent)
      }
      // Nothing went another way.
      let total = detours.withLock { $0.map(\.total.count).reduce(0, +) }
      #expect(total > 200)
      await https.shutDown()
    }
  }
}
