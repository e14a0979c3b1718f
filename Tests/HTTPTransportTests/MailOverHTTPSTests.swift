import CanonicalEncoding
import Consortium
import Foundation
import HTTPTransport
import Ledger
import SQLiteBackend
import Synchronization
import Testing

@Suite("HTTPS: mailboxes")
struct MailOverHTTPSTests {
  /// Takes every message out of the process, and in again: to servers as to servers, to doctors as to who is
  /// behind their hospital's.
  private final class Detour: Courier {
    private let server: MessageServer
    private let https: HTTPCourier
    private let inside: any Courier
    private let known = Mutex<Set<String>>([])

    init(_ server: MessageServer, _ https: HTTPCourier, over inside: any Courier) {
      (self.server, self.https, self.inside) = (server, https, inside)
    }

    func send(
      _ request: [UInt8], from sender: String, to recipient: String
    ) async throws(ConsortiumError) -> [UInt8] {
      if !recipient.contains("-doctor-"), known.withLock({ $0.insert(recipient).inserted }) {
        server.register(
          Forwarding(courier: inside, recipient: recipient), .cloud, id: recipient)
      }
      return try await https.send(request, from: sender, to: recipient)
    }
  }

  /// Has a program read what comes, until it is cancelled.
  private func reading(_ read: @escaping @Sendable () async throws -> Int) -> Task<Void, Never> {
    Task {
      while !Task.isCancelled {
        do {
          _ = try await read()
        } catch {
          try? await Task.sleep(for: .milliseconds(50))
        }
      }
    }
  }

  @Test("a visit is held and shared by doctors and a patient who have no server")
  func wholeStory() async throws {
    let identity = try TestIdentity()
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("https-mail-\(UUID())").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let folder = try DataFolder(path: path)
    try await TestServer.run(identity, TestRole()) { server in
      let https = HTTPCourier.to(server.location(identity.pin))
      let clock: @Sendable () -> UInt64 = { UInt64(Date().timeIntervalSince1970) }
      var environment = LocalConsortium.Environment(
        clock: clock, nanoseconds: { DispatchTime.now().uptimeNanoseconds })
      environment.interpose = { Detour(server.server, https, over: $0) }
      environment.mailboxes = { try Mailboxes(store: folder.mailStore($0), clock: clock) }
      var configuration = LocalConsortium.Configuration(teamSize: 2)
      configuration.doctors = 2
      let consortium = try await LocalConsortium.open(
        storage: folder, configuration: configuration, environment: environment)
      try await consortium.addPatient(contact: "ada", identity: "Ada Quimby, 1980-02-29")
      for hospital in consortium.hospitals.values { server.server.register(hospital) }
      // Who is in no hospital has no mailbox, and nobody writes to an address.
      let patient = try await #require(consortium.patients["ada"])
      let address = try await patient.makeAddress()
      for name in ["hospital-1-doctor-9", address.id] {
        let outcome = await https.outcome([1], to: name)
        #expect(outcome.code == "unreachable" && outcome.message.contains("404"))
      }
      var programs = [reading { try await patient.readMail(waiting: 1) }]
      for doctor in await consortium.doctors.values where doctor.hospital != "hospital-3" {
        _ = try await doctor.readMail()
        programs.append(reading { try await doctor.readMail(waiting: 2) })
      }
      let outcome = try await consortium.hold(
        PlannedVisit(
          patient: "ada", hospital: "hospital-1", encounter: "e",
          findings: [Array("one".utf8), Array("two".utf8)], comparingWords: [1]))
      #expect(
        outcome.record?.record?.findings.map(\.content) == [Array("one".utf8), Array("two".utf8)])
      let reader = "hospital-2-doctor-1"
      let request = try await consortium.requestAccess(
        doctor: reader, patient: "ada", purpose: "care")
      for _ in 0..<4000 where try await patient.requests().isEmpty {
        try await Task.sleep(for: .milliseconds(50))
      }
      let consent = try await consortium.consent(
        patient: "ada", to: request, visit: outcome.visit,
        expiresAt: await consortium.ledgerTime() + 86_400)
      try await consortium.settle()
      let record = try await consortium.openRecord(doctor: reader, consent: consent)
      #expect(record.findings.count == 2)
      for program in programs { program.cancel() }
      for program in programs { await program.value }
      await https.shutDown()
    }
  }

  @Test("all who are at one location are reached over the same connections, until it changes")
  func sharedConnections() async throws {
    let (identity, other) = (try TestIdentity(), try TestIdentity())
    let role = TestRole()
    try await TestServer.run(identity, role) { server in
      for name in ["b", "c"] { server.server.register(role, .doctor, id: name) }
      let pins = Mutex(identity.pin)
      let https = HTTPCourier { name in
        name == "c" ? server.location(pins.withLock { $0 }) : server.location(identity.pin)
      }
      for name in ["a", "b", "c", "a", "c"] {
        #expect(await https.outcome([1, 2], to: name).reply == [2, 1])
      }
      #expect(server.server.traffic.connectionCount == 1)
      pins.withLock { $0 = other.pin }
      #expect(await https.outcome([1, 2], to: "c").code == "unreachable")
      #expect(await https.outcome([1, 2], to: "a").reply == [2, 1])
      pins.withLock { $0 = identity.pin }
      #expect(await https.outcome([1, 2], to: "c").reply == [2, 1])
      await https.shutDown()
    }
  }
}
