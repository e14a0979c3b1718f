public import CanonicalEncoding

extension VisitContext {
  /// The complete visit, of any hospital's chain, that a visit adds to or corrects: its addendum is of the
  /// same patient, who has signed for that with the key of the visit before.
  public struct AmendedVisit: CanonicalValue, Equatable {
    /// The hospital's identifier.
    public var hospital: String
    public var visit: Digest32
    /// By S_v of the amended visit, over the DER of the ``Amendment``; 64 bytes.
    public var patientSignature: [UInt8]

    public init(hospital: String, visit: Digest32, patientSignature: [UInt8]) {
      (self.hospital, self.visit) = (hospital, visit)
      self.patientSignature = patientSignature
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.text("hospital", hospital)
      fields.digest("visit", visit)
      fields.octets("patientSignature", patientSignature)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
      visit = try fields.digest("visit")
      patientSignature = try fields.octets("patientSignature", count: 64)
    }

    /// What its patient has signed (specification 3.5).
    ///
    /// - Parameters:
    ///   - addendum: S_v of the visit that amends it, 32 bytes.
    ///   - hospital: where that one is opened.
    ///   - genesis: the ledger, SHA-256 of its genesis.
    public func amendment(
      by addendum: [UInt8], at hospital: String, genesis: Digest32
    ) -> Amendment {
      Amendment(
        genesis: genesis, amendedHospital: self.hospital, amendedVisit: visit, hospital: hospital,
        visitSigningKey: addendum)
    }
  }

  /// What the patient has signed to have this visit amend another; nil if it amends none.
  public var amendment: Amendment? {
    amends?.amendment(by: visitSigningKey, at: hospital, genesis: genesis)
  }
}

/// That one visit amends another of the same patient (specification 3.5): signed with S_v of the amended
/// visit, and naming S_v of the other, which no two visits of a chain have in common.
public struct Amendment: CanonicalObject, Equatable {
  public static let kind = ObjectKind.amendment

  /// The ledger: SHA-256 of its genesis.
  public var genesis: Digest32
  public var amendedHospital: String
  public var amendedVisit: Digest32
  /// Where the addendum is opened.
  public var hospital: String
  /// S_v of the addendum, 32 bytes.
  public var visitSigningKey: [UInt8]

  public init(
    genesis: Digest32, amendedHospital: String, amendedVisit: Digest32, hospital: String,
    visitSigningKey: [UInt8]
  ) {
    (self.genesis, self.hospital) = (genesis, hospital)
    (self.amendedHospital, self.amendedVisit) = (amendedHospital, amendedVisit)
    self.visitSigningKey = visitSigningKey
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("amendedHospital", amendedHospital)
    fields.digest("amendedVisit", amendedVisit)
    fields.text("hospital", hospital)
    fields.octets("visitSigningKey", visitSigningKey)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    amendedHospital = try fields.text("amendedHospital", maximum: Limits.identifierByteCount)
    amendedVisit = try fields.digest("amendedVisit")
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    visitSigningKey = try fields.octets("visitSigningKey", count: 32)
  }
}
