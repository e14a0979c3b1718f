public import CanonicalEncoding

/// All that a doctor's registration asserts; its proof covers every field (item 11).
public struct RegistrationStatement: CanonicalObject, Equatable {
  public static let kind = ObjectKind.registrationStatement
  public static let version: UInt64 = 4

  /// The ledger: SHA-256 of its genesis.
  public var genesis: Digest32
  /// The name of the pairing suite.
  public var suite: String
  /// ID_k, unique in the consortium.
  public var doctor: String
  /// ID_i of the doctor's hospital.
  public var hospital: String
  /// A in G2, compressed.
  public var a: [UInt8]
  /// B in G1 and G2.
  public var b1: [UInt8]
  public var b2: [UInt8]
  /// C in G1 and G2.
  public var c1: [UInt8]
  public var c2: [UInt8]
  /// Ed25519, 32 bytes: signs entries and the group key exchange.
  public var identityKey: [UInt8]
  /// The digest of the doctor's statement that this one takes the place of; nil for the first.
  public var replaces: Digest32?
  /// Ascending, each once, at most ``Specialty/countLimit``.
  public var specialties: [Specialty]

  public init(
    genesis: Digest32, suite: String, doctor: String, hospital: String, a: [UInt8], b1: [UInt8],
    b2: [UInt8], c1: [UInt8], c2: [UInt8], identityKey: [UInt8],
    replaces: Digest32? = nil, specialties: Set<Specialty> = []
  ) {
    self.genesis = genesis
    self.suite = suite
    self.doctor = doctor
    self.hospital = hospital
    self.a = a
    self.b1 = b1
    self.b2 = b2
    self.c1 = c1
    self.c2 = c2
    self.identityKey = identityKey
    self.replaces = replaces
    self.specialties = specialties.sorted()
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("suite", suite)
    fields.text("doctor", doctor)
    fields.text("hospital", hospital)
    fields.octets("a", a)
    fields.octets("b1", b1)
    fields.octets("b2", b2)
    fields.octets("c1", c1)
    fields.octets("c2", c2)
    fields.octets("identityKey", identityKey)
    fields.octetsList("replaces", replaces.map { [$0.bytes] } ?? [])
    fields.list("specialties", specialties)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    suite = try fields.text("suite", maximum: Limits.identifierByteCount)
    doctor = try fields.text("doctor", maximum: Limits.identifierByteCount)
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    a = try fields.octets("a", Limits.pointByteCounts)
    b1 = try fields.octets("b1", Limits.pointByteCounts)
    b2 = try fields.octets("b2", Limits.pointByteCounts)
    c1 = try fields.octets("c1", Limits.pointByteCounts)
    c2 = try fields.octets("c2", Limits.pointByteCounts)
    identityKey = try fields.octets("identityKey", count: 32)
    replaces = try fields.octetsList("replaces", maximum: 1, 32...32).first.flatMap { Digest32($0) }
    specialties = try Specialty.decodeList("specialties", &fields)
  }

  /// The doctor as a visit context names them.
  public var signer: VisitContext.Signer {
    VisitContext.Signer(doctor: doctor, a: a, b: b2, c: c2)
  }
}
