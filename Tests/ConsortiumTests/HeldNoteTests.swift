import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

/// A note goes to a cloud, which is nobody's friend.
@Suite("Revocations and notes")
struct HeldNoteTests {
  private static let patient = TestConsortium.patient
  private static let reader = TestConsortium.reader

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  private func wait(for flag: Capture<Bool>) async throws {
    while flag.value == nil { try await Task.sleep(for: .milliseconds(5)) }
  }

  enum Then: CaseIterable { case waits, isKilled, demands }

  @Test(
    "[attack] a cloud that keeps the answer to a note back holds up no revocation",
    arguments: Then.allCases)
  func heldNote(_ then: Then) async throws {
    let test = TestConsortium(teamSize: 1)
    var consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    var patient = try #require(await consortium.patients[Self.patient])
    let (isHeld, isReleased) = (Capture<Bool>(), Capture<Bool>())
    test.wire.intercept { transit in
      let reply = try await transit.deliver(transit.request)
      if transit.recipient == "cloud", transit.payload(KeepNote.self) != nil {
        isHeld.value = true
        while isReleased.value == nil { try await Task.sleep(for: .milliseconds(5)) }
      }
      return reply
    }
    let first = patient
    let revoking = Task { _ = try await first.revoke(consent) }
    try await wait(for: isHeld)
    var demanding: Task<Void, any Error>?
    switch then {
    case .waits: break
    case .isKilled:
      // The program is ended, and started again; from now on everybody is honest.
      test.wire.intercept(nil)
      consortium = try await test.open()
      patient = try #require(await consortium.patients[Self.patient])
    case .demands:
      demanding = Task { _ = try await first.demandRevocation(consent, through: "hospital-3") }
    }
    for _ in 0..<4 {
      try await test.pass(seconds: 1900, consortium)
      try await patient.followUp()
    }
    #expect(try await patient.standing(ofRevocation: consent)?.isConfirmed == true)
    let opened = await code {
      _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
    }
    #expect(opened == "consent-revoked")
    isReleased.value = true
    _ = try? await revoking.value
    _ = try? await demanding?.value
  }

  @Test("[attack] a cloud hears of a revocation by no note before it was sent")
  func warned() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let (_, consent) = try await test.consentedVisit(consortium, lasting: 3_600_000)
    let patient = try #require(await consortium.patients[Self.patient])
    let told = Capture<[String?]>()
    test.wire.intercept { transit in
      if transit.payload(KeepNote.self) != nil, transit.recipient == "cloud" {
        let opened = await ConsortiumError.code {
          _ = try await consortium.openRecord(doctor: Self.reader, consent: consent)
        }
        told.value = (told.value ?? []) + [opened]
      }
      return try await transit.deliver(transit.request)
    }
    // Nobody loses anything, and no clock moves.
    #expect(try await patient.revoke(consent).isConfirmed)
    #expect(told.value?.first == "consent-revoked")
  }
}
