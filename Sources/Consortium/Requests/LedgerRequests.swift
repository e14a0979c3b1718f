package import CanonicalEncoding
package import EMRScheme
package import Ledger

/// To a hospital: put this entry on the ledger.
package struct SubmitEntry: RoleRequest {
  package static let name = "submit-entry"
  /// By the hospital's identity key: whether the entry is written, confirmed or refused.
  package typealias Reply = Signed<SubmissionAnswer>

  package var entry: Entry

  package init(_ entry: Entry) { self.entry = entry }

  package func encode(into fields: inout some FieldEncoder) { fields.value("entry", entry) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    entry = try fields.value("entry")
  }
}

/// To a supernode: prove that this stands in a final block. Of a visit nothing is proven to who has no entry
/// about it: that is asked by ``ProveVisit``.
package struct Prove: RoleRequest {
  package static let name = "prove"
  package typealias Reply = FinalityProof

  package enum Subject: Hashable, Sendable {
    /// The registration of the scheme keys that a context names.
    case registration(of: VisitContext.Signer)
    case consortiumBlock(height: UInt64)
    /// A leaf of the consortium chain.
    case consortiumLeaf(index: UInt64)
    /// An item of a hospital's chain, by the digest of its entry: who does not have the entry does not
    /// find it, so nobody reads a chain by asking for one index after the other.
    case entry(Digest32, hospital: String)
  }

  package var subject: Subject
  /// The size of the consortium checkpoint that the client has.
  package var knownSize: UInt64

  package init(_ subject: Subject, knownSize: UInt64) {
    (self.subject, self.knownSize) = (subject, knownSize)
  }

  package func encode(into fields: inout some FieldEncoder) {
    switch subject {
    case .registration(let signer):
      fields.integer("subject", 1)
      fields.value("signer", signer)
    case .consortiumBlock(let height):
      fields.integer("subject", 2)
      fields.integer("height", height)
    case .consortiumLeaf(let index):
      fields.integer("subject", 3)
      fields.integer("index", index)
    case .entry(let entry, let hospital):
      fields.integer("subject", 4)
      fields.digest("entry", entry)
      fields.text("hospital", hospital)
    }
    fields.integer("knownSize", knownSize)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    switch try fields.integer("subject", in: 1...4) {
    case 1: subject = .registration(of: try fields.value("signer"))
    case 2: subject = .consortiumBlock(height: try fields.integer("height"))
    case 3:
      subject = .consortiumLeaf(index: try fields.integer("index", in: 0...LedgerLimits.size))
    default:
      subject = .entry(
        try fields.digest("entry"),
        hospital: try fields.text("hospital", maximum: Limits.identifierByteCount))
    }
    knownSize = try fields.integer("knownSize")
  }
}

/// Patient of a visit, or a doctor whom the patient has given a consent to it, to a supernode: prove what
/// stands in a final block about the complete visit. A doctor of its team, and a cloud that has had its chain since,
/// may have its end proven.
package struct ProveVisit: RoleRequest {
  package static let name = "prove-visit"
  package typealias Reply = FinalityProof

  package enum Subject: UInt64, Sendable {
    case completion = 1
    /// The item that gave the last doctor of the team the identity key that signed the completion.
    case signingKey
    /// The completion or the abandonment.
    case ending
  }

  package var subject: Subject
  package var hospital: String
  package var visit: Digest32
  /// By the patient, to the doctor who asks: whatever has become of it, the doctor knows of the visit.
  package var consent: Signed<Consent>?
  /// The size of the consortium checkpoint that the client has.
  package var knownSize: UInt64

  package init(
    _ subject: Subject, hospital: String, visit: Digest32, consent: Signed<Consent>?,
    knownSize: UInt64
  ) {
    (self.subject, self.hospital, self.visit) = (subject, hospital, visit)
    (self.consent, self.knownSize) = (consent, knownSize)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.integer("subject", subject.rawValue)
    fields.text("hospital", hospital)
    fields.digest("visit", visit)
    fields.optional("consent", consent)
    fields.integer("knownSize", knownSize)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    guard let subject = Subject(rawValue: try fields.integer("subject")) else {
      throw DecodingFailure(.invalidField, "subject is not one of 1 to 3")
    }
    self.subject = subject
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    visit = try fields.digest("visit")
    consent = try fields.optional("consent")
    knownSize = try fields.integer("knownSize")
  }
}

/// To a supernode: prove with which keys, and whether, the doctors of a team may act as of the last final block.
package struct ProveDoctors: RoleRequest {
  package static let name = "prove-doctors"
  package typealias Reply = DoctorProofs

  private struct Named: CanonicalValue {
    let doctor: String

    init(doctor: String) { self.doctor = doctor }

    func encode(into fields: inout some FieldEncoder) { fields.text("doctor", doctor) }

    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      doctor = try fields.text("doctor", maximum: Limits.identifierByteCount)
    }
  }

  /// At least one, and no more than a team has.
  package let doctors: [String]
  /// The size of the consortium checkpoint that the client has.
  package let knownSize: UInt64

  package init(_ doctors: [String], knownSize: UInt64) {
    (self.doctors, self.knownSize) = (doctors, knownSize)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.list("doctors", doctors.map(Named.init))
    fields.integer("knownSize", knownSize)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    doctors = try fields.list("doctors", maximum: Limits.teamSize, of: Named.self).map(\.doctor)
    guard !doctors.isEmpty else { throw DecodingFailure(.invalidField, "doctors is empty") }
    knownSize = try fields.integer("knownSize")
  }
}

/// What holds of the first of the doctors who were asked for, of one at least, all under one checkpoint.
package struct DoctorProofs: CanonicalValue {
  package var proofs: [DoctorProof]

  package init(_ proofs: [DoctorProof]) { self.proofs = proofs }

  package func encode(into fields: inout some FieldEncoder) { fields.list("proofs", proofs) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    proofs = try fields.list("proofs", maximum: Limits.teamSize)
    guard !proofs.isEmpty else { throw DecodingFailure(.invalidField, "proofs is empty") }
  }
}

/// The items that say what holds of a doctor. That there are no later ones is the supernode's word.
package struct DoctorProof: CanonicalValue {
  /// The latest registration.
  package var registration: FinalityProof
  /// The latest rotation since then, if there was one.
  package var rotation: FinalityProof?
  /// The latest change of the status, if there was one.
  package var status: FinalityProof?
  /// The latest change of the specialties since the registration, if there was one.
  package var specialties: FinalityProof?

  package init(
    registration: FinalityProof, rotation: FinalityProof?, status: FinalityProof?,
    specialties: FinalityProof?
  ) {
    (self.registration, self.rotation) = (registration, rotation)
    (self.status, self.specialties) = (status, specialties)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("registration", registration)
    fields.optional("rotation", rotation)
    fields.optional("status", status)
    fields.optional("specialties", specialties)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    registration = try fields.value("registration")
    rotation = try fields.optional("rotation")
    status = try fields.optional("status")
    specialties = try fields.optional("specialties")
  }
}

/// Doctor to hospital: how a visit stands on its chain.
package struct ReadVisit: RoleRequest {
  package static let name = "read-visit"
  package typealias Reply = VisitView

  package var hospital: String
  package var visit: Digest32

  package init(hospital: String, visit: Digest32) {
    (self.hospital, self.visit) = (hospital, visit)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.text("hospital", hospital)
    fields.digest("visit", visit)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    visit = try fields.digest("visit")
  }
}

/// A visit as the rules have it now, by the hospital's word: what is written and not confirmed yet is only
/// on its log.
package struct VisitView: CanonicalValue {
  package enum Status: UInt64, Sendable { case open = 1, abandoned, complete }

  package var contextDigest: Digest32
  package var status: Status
  /// a_k.
  package var attempts: [UInt64]
  /// The latest signatures, each extending the one before.
  package var signatures: [PartialSignature]

  init(_ visit: VisitRecord, signatures: [PartialSignature]) {
    contextDigest = visit.contextDigest
    status =
      switch visit.status {
      case .open: .open
      case .abandoned: .abandoned
      case .complete: .complete
      }
    attempts = visit.attempts
    self.signatures = signatures
  }

  /// Whether signatures and attempts can belong to one visit: each signature is of the doctor's last attempt, and
  /// that of the first doctor is withdrawn by another of that doctor alone.
  var isConsistent: Bool {
    guard signatures.count <= attempts.count,
      status != .open || attempts.first == 0 || !signatures.isEmpty
    else { return false }
    return signatures.enumerated().allSatisfy { index, signature in
      signature.commitments.count == index + 1
        && signature.commitments.last?.attempt == attempts[index]
    }
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("contextDigest", contextDigest)
    fields.integer("status", status.rawValue)
    fields.list("attempts", attempts.map(Attempt.init))
    fields.list("signatures", signatures)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    contextDigest = try fields.digest("contextDigest")
    guard let status = Status(rawValue: try fields.integer("status")) else {
      throw DecodingFailure(.invalidField, "status is not one of 1 to 3")
    }
    self.status = status
    attempts = try fields.list("attempts", maximum: Limits.teamSize, of: Attempt.self)
      .map(\.number)
    signatures = try fields.list("signatures", maximum: Limits.teamSize)
  }

  private struct Attempt: CanonicalValue {
    var number: UInt64
    init(_ number: UInt64) { self.number = number }
    func encode(into fields: inout some FieldEncoder) { fields.integer("number", number) }
    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      // As those of findings: the one after the last is refused, by the scheme itself.
      number = try fields.integer("number", in: 0...65)
    }
  }
}

/// To a supernode: how a consent stands.
package struct ReadConsent: RoleRequest {
  package static let name = "read-consent"
  package typealias Reply = ConsentView

  package var hospital: String
  package var visit: Digest32
  package var consent: Digest32
  package var doctor: String

  package init(hospital: String, visit: Digest32, consent: Digest32, doctor: String) {
    (self.hospital, self.visit) = (hospital, visit)
    (self.consent, self.doctor) = (consent, doctor)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.text("hospital", hospital)
    fields.digest("visit", visit)
    fields.digest("consent", consent)
    fields.text("doctor", doctor)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    visit = try fields.digest("visit")
    consent = try fields.digest("consent")
    doctor = try fields.text("doctor", maximum: Limits.identifierByteCount)
  }
}

/// Patient to a supernode: who has been given the record of my visit.
package struct ReadAccessLog: RoleRequest {
  package static let name = "read-access-log"
  package typealias Reply = AccessLogReply

  /// How many entries were shown before.
  package var from: UInt64

  package init(from: UInt64 = 0) { self.from = from }

  package func encode(into fields: inout some FieldEncoder) { fields.integer("from", from) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    from = try fields.integer("from", in: 0...LedgerLimits.size)
  }
}

/// The entries about sharing one visit from one of them on, in the order of the ledger.
package struct AccessLogReply: CanonicalValue {
  /// How much of them one answer has, in bytes, and how many.
  package static let byteLimit = 1 << 18
  package static let countLimit: UInt64 = 1 << 12

  package var entries: [Entry]
  /// How many there are in all.
  package var count: UInt64
  /// The visit's receipt, if it has one.
  package var receipt: Entry?
  /// Where demands about sharing the visit stand on the consortium chain, the last ones of them; none behind the first
  /// answer.
  package var demanded: [UInt64]

  package init(entries: [Entry], count: UInt64, receipt: Entry?, demanded: [UInt64] = []) {
    (self.entries, self.count, self.receipt) = (entries, count, receipt)
    self.demanded = demanded
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.list("entries", entries)
    fields.integer("count", count)
    fields.optional("receipt", receipt)
    fields.list("demanded", demanded.map(DemandPlace.init(index:)))
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    entries = try fields.list("entries", maximum: Int(Self.countLimit))
    count = try fields.integer("count", in: 0...LedgerLimits.size)
    receipt = try fields.optional("receipt")
    demanded = try fields.list(
      "demanded", maximum: Int(Self.countLimit), of: DemandPlace.self
    ).map(\.index)
  }
}
