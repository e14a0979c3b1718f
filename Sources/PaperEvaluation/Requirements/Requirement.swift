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

  /// Rules of the ledger that this row also rests on, with the codes of the specification (6.5, 8.4):
  /// no run of the scheme shows them, and their own tests do.
  public var note: String? {
    switch self {
    case .m1: "a doctor's key counts only as hospital and manager registered it: wrong-registration"
    case .m2: "the last doctor signs the record's digest, and the patient compares: VisitCompletion"
    case .m3: "a signature after T_k, and a PK_v seen before: late, visit-key-known"
    case .m4: "more than N re-signatures end a visit, and limit no guess: resignature-limit"
    case .nonrepudiation:
      "only entries that the doctor's identity key signs are attempts: wrong-attempt"
    case .authenticity: "the patient says acknowledged or disputed, once: VisitReceipt"
    case .patientControl:
      "a consent serves once, until revoked or expired: reused, consent-revoked, consent-expired"
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
