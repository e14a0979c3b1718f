public import CanonicalEncoding
public import Credentials
public import EMRScheme

/// Whether a doctor may act.
public enum DoctorStatus: UInt64, Sendable {
  case active = 1
  case suspended = 2
  /// For good.
  case retired = 3
}

/// A doctor retires, is suspended, or may act again; signed by the doctor, while active, or by the
/// doctor's hospital.
public struct DoctorStatusChange: CanonicalObject, Equatable {
  public static let kind = ObjectKind.doctorStatusChange

  public var doctor: String
  public var status: DoctorStatus
  /// Which change of this doctor's status it is, from 1: one that was held back counts no more once
  /// another has been made.
  public var number: UInt64

  public init(doctor: String, status: DoctorStatus, number: UInt64) {
    (self.doctor, self.status, self.number) = (doctor, status, number)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("doctor", doctor)
    fields.integer("status", status.rawValue)
    fields.integer("number", number)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    doctor = try fields.identifier("doctor")
    guard let status = DoctorStatus(rawValue: try fields.integer("status")) else {
      throw DecodingFailure(.invalidField, "status is not one of 1 to 3")
    }
    self.status = status
    number = try fields.integer("number", in: 1...LedgerLimits.size)
  }
}

/// What a doctor is a specialist in from now on, instead of what was said before; signed by the doctor's
/// hospital, which has seen the diplomas.
public struct DoctorSpecialties: CanonicalObject, Equatable {
  public static let kind = ObjectKind.doctorSpecialties

  public var doctor: String
  /// Ascending, each once, at most ``Specialty/countLimit``.
  public var specialties: [Specialty]
  /// Which change of this doctor's specialties it is, from 1, registrations anew counted: one that was
  /// held back counts no more once another has been made.
  public var number: UInt64

  public init(doctor: String, specialties: Set<Specialty>, number: UInt64) {
    (self.doctor, self.specialties, self.number) = (doctor, specialties.sorted(), number)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("doctor", doctor)
    fields.list("specialties", specialties)
    fields.integer("number", number)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    doctor = try fields.identifier("doctor")
    specialties = try Specialty.decodeList("specialties", &fields)
    number = try fields.integer("number", in: 1...LedgerLimits.size)
  }
}

/// A doctor takes a new identity key; signed with the one in force.
public struct KeyRotation: CanonicalObject, Equatable {
  public static let kind = ObjectKind.keyRotation
  public static let version: UInt64 = 2

  /// Who signs the entry.
  public var party: String
  /// Ed25519, 32 bytes.
  public var identityKey: [UInt8]
  /// By the new identity key, over the DER of ``RotationStatement``.
  public var proof: [UInt8]

  public init(party: String, identityKey: [UInt8], proof: [UInt8]) {
    self.party = party
    self.identityKey = identityKey
    self.proof = proof
  }

  /// A party's own rotation from one key to another.
  public init(genesis: Digest32, party: String, former: [UInt8], to key: IdentityKey) {
    let statement = RotationStatement(
      genesis: genesis, party: party, formerKey: former, identityKey: key.publicKey)
    self.init(party: party, identityKey: key.publicKey, proof: key.sign(statement))
  }

  /// What ``proof`` signs, if the rotation is from this key.
  public func statement(genesis: Digest32, formerKey: [UInt8]) -> RotationStatement {
    RotationStatement(
      genesis: genesis, party: party, formerKey: formerKey, identityKey: identityKey)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("party", party)
    fields.octets("identityKey", identityKey)
    fields.octets("proof", proof)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    party = try fields.identifier("party")
    identityKey = try fields.octets("identityKey", count: 32)
    proof = try fields.octets("proof", count: 64)
  }
}

/// What a new identity key signs to show that it is the party's own: since no key is registered twice,
/// it serves one rotation from one key, of one party, on one ledger.
public struct RotationStatement: CanonicalObject, Equatable {
  public static let kind = ObjectKind.rotationStatement
  public static let version: UInt64 = 2

  public var genesis: Digest32
  public var party: String
  /// The identity key in force before.
  public var formerKey: [UInt8]
  public var identityKey: [UInt8]

  public init(genesis: Digest32, party: String, formerKey: [UInt8], identityKey: [UInt8]) {
    self.genesis = genesis
    self.party = party
    self.formerKey = formerKey
    self.identityKey = identityKey
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("party", party)
    fields.octets("formerKey", formerKey)
    fields.octets("identityKey", identityKey)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    party = try fields.identifier("party")
    formerKey = try fields.octets("formerKey", count: 32)
    identityKey = try fields.octets("identityKey", count: 32)
  }
}
