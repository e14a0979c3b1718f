/// The attacks and properties behind the rows of Table 3.
public enum RequirementCheck: String, CaseIterable, Codable, Sendable {
  case forgeryWithHandedKey, rogueKey
  case replacedRecord, movedBoundary
  case movedSignature
  case guessedDiagnosis, guessedEvidence
  case manInTheMiddle
  case linkedRecords
  case deniedFinding, revivedFinding, strangersVariant
  case knownBase, managersView
  case otherThanSigned
  case sharedRecord, longRecord
  case otherRecord, otherDoctor
  case oneEncoding

  public var row: Requirement {
    switch self {
    case .forgeryWithHandedKey, .rogueKey: .m1
    case .replacedRecord, .movedBoundary: .m2
    case .movedSignature: .m3
    case .guessedDiagnosis, .guessedEvidence: .m4
    case .manInTheMiddle: .m5
    case .linkedRecords: .m6
    case .deniedFinding, .revivedFinding, .strangersVariant: .nonrepudiation
    case .knownBase, .managersView: .confidentiality
    case .otherThanSigned: .authenticity
    case .sharedRecord, .longRecord: .dataSharing
    case .otherRecord, .otherDoctor: .patientControl
    case .oneEncoding: .uniformStandard
    }
  }

  /// Else a property, which must hold.
  public var isAttack: Bool { self != .sharedRecord && self != .oneEncoding }

  /// Who does what.
  public var claim: String {
    switch self {
    case .forgeryWithHandedKey:
      "the manager signs a diagnosis never made, with what it was handed for a re-encryption"
    case .rogueKey:
      "a doctor registers a key made from a colleague's, and signs a diagnosis in both names"
    case .replacedRecord:
      "a former member of the team and the cloud replace the sealed record by another text"
    case .movedBoundary:
      "the first doctor moves words from the second doctor's finding into the own"
    case .movedSignature:
      "a signature is moved to another patient's visit with the same text and T"
    case .guessedDiagnosis:
      "a reader of the chain tests guesses of a diagnosis against its signature"
    case .guessedEvidence:
      "a reader of the ciphertext tests guesses of α without a trapdoor"
    case .manInTheMiddle:
      "a man in the middle of the group key exchange gets K, and reads c_1"
    case .linkedRecords:
      "the cloud links two records of one patient by e(B_1, E_2) = e(B_2, E_1)"
    case .deniedFinding:
      "a doctor denies a finding, for the manager could have signed the very same one"
    case .revivedFinding:
      "somebody shows a withdrawn finding as the doctor's newest signature"
    case .strangersVariant:
      "a stranger makes new signatures of a doctor's finding, until N are used up"
    case .knownBase:
      "who chose ḡ with a known logarithm reads a record that was sealed with it"
    case .managersView:
      "the manager reads a record with what it was handed for a re-encryption"
    case .otherThanSigned:
      "the last doctor seals something else than the team has signed"
    case .sharedRecord:
      "the other doctor gets a record of 100 kB byte for byte"
    case .longRecord:
      "the cloud reads the end of a record of 100 kB out of its ciphertext"
    case .otherRecord:
      "after one consent, manager and doctor open another record of the patient"
    case .otherDoctor:
      "after one consent, the manager re-encrypts for a doctor of its own"
    case .oneEncoding:
      "every object has one encoding"
    }
  }
}
