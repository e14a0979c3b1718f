import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import Testing

/// Something that a patient or a doctor submits.
enum SubmittedAct: CaseIterable, CustomTestStringConvertible {
  case partialSignature, receipt, consent, revocation

  var testDescription: String { "\(self)" }

  var kind: ObjectKind {
    switch self {
    case .partialSignature: .partialSignature
    case .receipt: .visitReceipt
    case .consent: .consentNotice
    case .revocation: .revocation
    }
  }

  /// Whether it counts only once the cloud has confirmed it.
  var needsConfirmation: Bool { self == .consent || self == .revocation }
}

/// A consortium in which everything before an act is done.
struct ActStage: Sendable {
  let test: TestConsortium
  let consortium: LocalConsortium
  let act: SubmittedAct
  /// Which it is about.
  let visit: Digest32
  /// Tries the act; the code of its refusal, nil if it succeeds.
  let perform: @Sendable () async -> String?

  init(_ act: SubmittedAct) async throws {
    let test = TestConsortium(teamSize: 1)
    let consortium = try await test.open()
    let plan = test.plan()
    let patient = TestConsortium.patient
    switch act {
    case .partialSignature:
      let visit = try await test.beginVisit(consortium, plan).context.visitID
      self.visit = visit
      perform = {
        await ConsortiumError.code { try await consortium.diagnose(visit, plan, position: 1) }
      }
    case .receipt:
      let visit = try await test.completeVisit(consortium, plan)
      self.visit = visit
      perform = {
        await ConsortiumError.code {
          // The record is there all the same.
          if let failure = try await consortium.collect(visit, plan).receiptFailure {
            throw failure
          }
        }
      }
    case .consent:
      let (visit, request) = try await test.visitWithRequest(consortium)
      self.visit = visit
      perform = {
        await ConsortiumError.code {
          _ = try await consortium.consent(
            patient: patient, to: request, visit: visit, expiresAt: TestConsortium.start + 3600)
        }
      }
    case .revocation:
      let (visit, consent) = try await test.consentedVisit(consortium)
      self.visit = visit
      perform = {
        await ConsortiumError.code {
          try await consortium.revoke(patient: patient, consent: consent)
        }
      }
    }
    (self.test, self.consortium, self.act) = (test, consortium, act)
  }
}
