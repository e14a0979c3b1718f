/// The rows of Table 3: what 3.2 asks of a system of medical records, and 5.1 to 5.4 claim.
public enum Requirement: String, CaseIterable, Codable, Sendable {
  // 5.1 (a), malicious attacks
  case m1 = "M1"
  case m2 = "M2"
  case m3 = "M3"
  case m4 = "M4"
  case m5 = "M5"
  case m6 = "M6"
  // 5.1 (b) to (d)
  case nonrepudiation = "NR"
  case confidentiality = "CO"
  case authenticity = "AU"
  // 5.2 to 5.4
  case dataSharing = "DS"
  case patientControl = "PC"
  case uniformStandard = "US"

  /// The paper's name for it.
  public var name: String {
    switch self {
    case .m1: "forgery attack"
    case .m2: "modification attack"
    case .m3: "replay attack"
    case .m4: "guess attack"
    case .m5: "man-in-the-middle attack"
    case .m6: "trackable attack"
    case .nonrepudiation: "nonrepudiation"
    case .confidentiality: "confidentiality"
    case .authenticity: "authenticity"
    case .dataSharing: "data sharing"
    case .patientControl: "patient control"
    case .uniformStandard: "uniform standard"
    }
  }

  /// What this row also rests on and no run of the scheme shows: rules of the ledger, which its own
  /// tests run (specification, section 6).
  public var note: String? {
    switch self {
    case .m1:
      "a doctor's key counts with the signatures of the hospital and the manager, by the ledger's rules"
    case .m2: "the record digest stands on the ledger, signed by the last doctor"
    case .m3: "deadlines T_k and visit keys seen before are refused by the ledger's rules"
    case .m4: "the ledger ends a visit after N re-signatures, which limits no guess made offline"
    case .nonrepudiation:
      "attempts are counted by entries that the doctor's identity key signs, by the ledger's rules"
    case .authenticity: "the patient's receipt on the ledger says acknowledged or disputed"
    case .patientControl: "use, revocation and end of a consent are rules of the ledger"
    case .m5, .m6, .confidentiality, .dataSharing, .uniformStandard: nil
    }
  }
}

extension PaperFigures {
  /// The schemes of Table 3.
  public enum ComparedScheme: String, CaseIterable, Codable, Sendable {
    /// [26], [28] and [37] of the paper.
    case zl = "ZL"
    case cz = "CZ"
    case `as` = "AS"
    case bcEMR = "BC-EMR"
  }

  /// Table 3: whether the paper gives a scheme its √.
  public static func table3(_ row: Requirement, _ scheme: ComparedScheme) -> Bool {
    switch (scheme, row) {
    case (.bcEMR, _): true
    case (_, .m4): false
    case (.cz, .dataSharing), (.cz, .patientControl): false
    default: true
    }
  }
}
