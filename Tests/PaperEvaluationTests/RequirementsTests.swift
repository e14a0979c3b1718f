import PaperEvaluation
import Pairings
import Testing

@Suite("Table 3")
struct RequirementsTests {
  /// With what ours refuses each attack; none where there is nothing to refuse, and the attacker
  /// looks in vain.
  private static let refusals: [RequirementCheck: [String]] = [
    .forgeryWithHandedKey: ["chain-equation"],
    .rogueKey: ["registration-proof", "chain-equation"],
    .replacedRecord: ["record-digest", "decryption"],
    .movedBoundary: ["chain-equation"],
    .movedSignature: ["chain-equation"],
    .guessedDiagnosis: ["chain-equation"],
    .manInTheMiddle: ["hospital-authentication", "doctor-authentication"],
    .deniedFinding: ["chain-equation"],
    .revivedFinding: ["chain-equation"],
    .strangersVariant: ["chain-equation", "attempt"],
    .knownBase: ["record-equation"],
    .managersView: ["opening-equation"],
    .otherThanSigned: ["decryption", "commitment"],
    .otherRecord: ["foreign-context", "record-equation", "opening-equation"],
    .otherDoctor: ["doctor-share", "record-equation"],
  ]

  @Test("[attack] Table 3: every attack succeeds against the paper's scheme and fails against ours")
  func attacks() throws {
    try check(try Requirements.run())
  }

  @Test("[attack] Table 3: our scheme withstands the same on the paper's curve")
  func attacksOnTypeA() throws {
    try check(try Requirements.run(printed: TypeA160x512.self, ours: TypeA160x512.self))
  }

  private func check(_ results: [RequirementResult]) throws {
    #expect(results.map(\.check) == RequirementCheck.allCases)
    for result in results {
      #expect(result.ours.verdict == (result.isAttack ? .attackFails : .holds))
      #expect(result.ours.refusals == Self.refusals[result.check] ?? [], "\(result.check)")
      #expect(!result.ours.detail.isEmpty && !result.claim.isEmpty)
      guard let printed = result.printed else {
        #expect(result.row == .uniformStandard, "of formats the paper says nothing")
        continue
      }
      #expect(printed.verdict == (result.isAttack ? .attackSucceeds : .holds), "\(result.check)")
      #expect(printed.refusals.isEmpty)
    }
    #expect(Set(results.map(\.row)) == Set(Requirement.allCases))
  }

  @Test("the paper gives itself every √, and the others all but five")
  func table3() {
    for scheme in PaperFigures.ComparedScheme.allCases {
      let missing = Requirement.allCases.filter { !PaperFigures.table3($0, scheme) }
      switch scheme {
      case .zl, .as: #expect(missing == [.m4])
      case .cz: #expect(missing == [.m4, .dataSharing, .patientControl])
      case .bcEMR: #expect(missing.isEmpty)
      }
    }
    let rows = Requirement.allCases.map(\.rawValue).joined(separator: " ")
    #expect(rows == "M1 M2 M3 M4 M5 M6 NR CO AU DS PC US")
  }
}
