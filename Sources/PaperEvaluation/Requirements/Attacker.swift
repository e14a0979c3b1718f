internal import Pairings

/// Mounts the same attacks on our scheme.
struct Attacker<Suite: PairingSuite> {
  var random = SystemRandomNumberGenerator()

  mutating func outcome(of check: RequirementCheck) throws -> Outcome {
    switch check {
    case .forgeryWithHandedKey: try forgeryWithHandedKey()
    case .rogueKey: try rogueKey()
    case .replacedRecord: try replacedRecord()
    case .movedBoundary: try movedBoundary()
    case .movedSignature: try movedSignature()
    case .guessedDiagnosis: try guessedDiagnosis()
    case .guessedEvidence: try guessedEvidence()
    case .manInTheMiddle: try manInTheMiddle()
    case .linkedRecords: try linkedRecords()
    case .deniedFinding: try deniedFinding()
    case .revivedFinding: try revivedFinding()
    case .strangersVariant: try strangersVariant()
    case .knownBase: try knownBase()
    case .managersView: try managersView()
    case .otherThanSigned: try otherThanSigned()
    case .sharedRecord: try sharedRecord()
    case .longRecord: try longRecord()
    case .otherRecord: try otherRecord()
    case .otherDoctor: try otherDoctor()
    case .oneEncoding: try oneEncoding()
    }
  }
}
