import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

/// One person and Encounter, however they are written.
@Suite("Written forms")
struct WrittenFormTests {
  @Test("identities in several forms are compared as one; Encounters keep their letters")
  func forms() {
    let forms = [
      "Zo\u{eb}  Stra\u{df}e, 1980-02-29", "Zoe\u{308} Stra\u{df}e, 1980-02-29",
      " ZO\u{cb} STRASSE,\u{a0}1980-02-29\n", "zo\u{eb} stra\u{17f}\u{17f}e,\t1980-02-29",
      "Zo\u{200b}\u{eb} Stra\u{1e9e}e, 1980-02-29",
    ]
    #expect(Set(forms.map { Array(WrittenForm.comparable(identity: $0).utf8) }).count == 1)
    #expect(Set(forms.map { Array($0.utf8) }).count == forms.count)
    for text in forms {
      let canonical = WrittenForm.canonical(text)
      #expect(WrittenForm.isCanonical(canonical) && !WrittenForm.isCanonical(text + " "))
      #expect(WrittenForm.canonical(canonical).utf8.elementsEqual(canonical.utf8))
    }
    #expect(!WrittenForm.isCanonical("Zoe\u{308}") && WrittenForm.isCanonical("Zo\u{eb}"))
    // Who is somebody else stays so.
    #expect(
      WrittenForm.comparable(identity: "Zoe, 1980")
        != WrittenForm.comparable(identity: "Zo\u{eb}, 1980"))
    #expect(WrittenForm.canonical("E-1") != WrittenForm.canonical("e-1"))
    #expect(WrittenForm.canonical(" \u{2003}").isEmpty)
  }

  @Test("[attack] a person gives another form of the own name, or of the Encounter's: one visit")
  func otherForm() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let names = [
      "Zo\u{eb}, 1980-02-29", "Zoe\u{308}, 1980-02-29", "ZO\u{cb},  1980-02-29",
      " zo\u{eb}, 1980-02-29", "Zo\u{200b}\u{eb}, 1980-02-29",
    ]
    let hospital = try #require(consortium.hospitals["hospital-1"])
    var opened: [String?] = []
    for (number, name) in names.enumerated() {
      try await consortium.addPatient(contact: "zoe-\(number)", identity: name)
      let patient = try #require(await consortium.patients["zoe-\(number)"])
      // The clerk writes the name as on the card; then as this one does.
      for written in [names[0], name] {
        for encounter in ["Encounter \u{e9} 1", "Encounter  e\u{301} 1 "] {
          let ticket = try await hospital.issueTicket(for: written)
          opened.append(
            await ConsortiumError.code {
              _ = try await patient.admit(to: "hospital-1", encounter: encounter, ticket: ticket)
            })
        }
      }
    }
    // The first patient's own next admissions close the one before; nobody else's open another.
    #expect(opened.prefix(4).allSatisfy { $0 == nil })
    #expect(opened.dropFirst(4).allSatisfy { $0 == "visit-open" }, "\(opened)")
    // A clerk's choice is for the person too.
    let doctor = "hospital-1-doctor-1"
    try await hospital.assign([doctor], toEncounter: "Encounter e\u{301} 2", of: names[2])
    let ticket = try await hospital.issueTicket(for: names[0])
    let admission = try await #require(consortium.patients["zoe-1"]).admit(
      to: "hospital-1", encounter: "Encounter \u{e9} 2", ticket: ticket)
    guard case .opened(let context, _) = admission else {
      Issue.record("\(admission)")
      return
    }
    #expect(context.signers.map(\.doctor) == [doctor])
  }

  @Test(
    "[attack] a program sends a form that is written otherwise: it is refused, whatever it says")
  func otherBytes() async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    _ = try await consortium.open(test.plan())
    let honest = try #require(test.wire.requests(RequestAdmission.self).last?.form)
    let hospital = try #require(consortium.hospitals["hospital-1"])
    let changes: [@Sendable (inout AdmissionForm) -> Void] = [
      { $0.identity += " " }, { $0.identity += "e\u{301}" }, { $0.encounter = " e" },
      { $0.encounter = "a  b" }, { $0.encounter = "e\u{301}" },
    ]
    for change in changes {
      var form = honest
      change(&form)
      let ticket = try await hospital.issueTicket(for: form.identity)
      let key = try ticket.key(genesis: consortium.genesis.digest, hospital: "hospital-1")
      form.ticket = key.publicKey
      let request = RequestAdmission(form)
      #expect(
        await ConsortiumError.code {
          _ = try await test.client(consortium, by: .init(.key(key.publicKey), key)).ask(
            request, of: "hospital-1")
        } == "not-canonical")
    }
  }
}
