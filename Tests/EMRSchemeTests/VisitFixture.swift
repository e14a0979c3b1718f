import CanonicalEncoding
import Crypto
import EMRScheme
import Pairings
import TestSupport
import Testing

/// A doctor with all keys.
struct DoctorFixture<Suite: PairingSuite> {
  let identityKey: Curve25519.Signing.PrivateKey
  let secret: DoctorSigningKey<Suite>
  let statement: RegistrationStatement
  let prepared: PreparedDoctorKey<Suite>

  /// Cardiology, and a code of the hospital's own.
  private static var specialties: Set<Specialty> {
    Set(["http://snomed.info/sct|394579002", "urn:hospital-1|K2"].compactMap(Specialty.init(_:)))
  }

  init(
    _ name: String, genesis: Digest32 = .zero, using random: inout SeededGenerator
  ) throws {
    identityKey = try Curve25519.Signing.PrivateKey(rawRepresentation: random.bytes(32))
    secret = DoctorSigningKey(using: &random)
    statement = secret.statement(
      genesis: genesis, doctor: name, hospital: "hospital-1",
      identityKey: Array(identityKey.publicKey.rawRepresentation), specialties: Self.specialties)
    prepared = PreparedDoctorKey(
      try VerifiedDoctorKey(
        verifying: statement, proof: secret.prove(statement, using: &random)))
  }
}

/// One visit with everything its roles hold, before anybody signs.
struct VisitFixture<Suite: PairingSuite> {
  var random: SeededGenerator
  let doctors: [DoctorFixture<Suite>]
  let evidence: Evidence
  let visitKey: VisitKey<Suite>
  /// p_v, which no role but the patient has.
  let visitSecret: Suite.Scalar
  let verifiedVisitKey: VerifiedVisitKey<Suite>
  let context: VisitContext
  let chain: SigningChain<Suite>
  let findings: [Finding]

  /// - Parameter change: what to alter in the context before anything is derived from it.
  init(
    team size: Int = 3, doctors known: [DoctorFixture<Suite>]? = nil, seed: UInt64 = 1,
    changing change: (inout VisitContext) -> Void = { _ in }
  ) throws {
    var random = SeededGenerator(seed: seed)
    doctors =
      try known
      ?? (1...size).map { try DoctorFixture("doctor-\($0)", using: &random) }
    evidence = Evidence(using: &random)
    let derived = random.bytes(Suite.Scalar.encodedByteCount + 16)
    visitKey = try VisitKey(derivedFrom: derived)
    visitSecret = Suite.Scalar(reducing: derived)
    let visitID = VisitIDInput(patient: "patient", encounter: "e-\(seed)", attempt: 1)
      .visitID(under: SymmetricKey(data: random.bytes(32)))
    let pseudonym = PseudonymOpening(
      hospital: "hospital-1", visitID: visitID, identity: "patient", using: &random)
    var context = VisitContext(
      genesis: .zero, suite: Suite.name, hospital: "hospital-1", pseudonym: pseudonym.pseudonym,
      visitID: visitID, evidenceDigest: evidence.digest,
      signers: doctors.map(\.statement.signer), openedAt: 1_700_000_000, window: 600,
      resignatureLimit: 4, baseHeight: 7, baseHash: .zero, visitKey: visitKey.encodedPublicKey,
      visitSigningKey: random.bytes(32), keyNonce: Digest32(sha256: random.bytes(32)),
      mailboxKey: random.bytes(32))
    change(&context)
    self.context = context
    verifiedVisitKey = try VerifiedVisitKey(
      verifying: visitKey.prove(context), of: context)
    chain = try SigningChain(context: context, signers: doctors.map(\.prepared))
    findings = doctors.indices.map {
      Finding(content: Array("finding \($0 + 1)".utf8), attempt: 1, using: &random)
    }
    self.random = random
  }

  var commitments: [FindingCommitment] {
    [FindingCommitment](to: findings, contextDigest: context.digest)
  }

  var keys: [DoctorPublicKey<Suite>] { doctors.map(\.prepared.verified.key) }

  var plaintext: RecordPlaintext {
    RecordPlaintext(context: context, evidence: evidence, findings: findings)
  }

  /// The signatures of the first `count` doctors, each verified by the next.
  mutating func sign(_ count: Int? = nil) throws -> VerifiedSignature<Suite> {
    var verified: VerifiedSignature<Suite>?
    for k in 0..<(count ?? doctors.count) {
      let signature = try chain.sign(
        commitments[k], after: verified, with: doctors[k].secret, using: &random)
      verified = try chain.verify(signature, commitments: Array(commitments[...k]))
    }
    return try #require(verified)
  }

  mutating func seal() throws -> SealedRecord {
    try SealedRecord.seal(plaintext, to: verifiedVisitKey, using: &random)
  }

  /// A sealed record that passed its checks.
  mutating func sealAndCheck() throws -> VerifiedSealedRecord<Suite> {
    try seal().check(for: verifiedVisitKey)
  }

  /// Consent, shares, re-encryption: the whole of 4.6 but for the receiver.
  mutating func share(
    _ record: VerifiedSealedRecord<Suite>, with request: RequestKey<Suite>
  ) throws -> ReencryptedRecord {
    let blinding = ConsentBlinding(for: visitKey, using: &random)
    let blinded = try blinding.doctorShare.blind(request, theta: blinding.theta)
    return try VerifiedReencryptionKey(
      proxyShare: blinding.proxyShare, blinded: blinded, theta: blinding.theta,
      requestKey: request.encodedPublicKey, visitKey: verifiedVisitKey
    ).reencrypt(record)
  }
}

typealias Visit = VisitFixture<BLS12381>
typealias G1 = BLS12381.G1
typealias G2 = BLS12381.G2
typealias Scalar = BLS12381.Scalar

/// A generator from which a scalar comes out as chosen.
struct FixedScalar: RandomNumberGenerator {
  private var bytes: [UInt8]

  init(_ scalar: Scalar) { bytes = [UInt8](repeating: 0, count: 16) + scalar.encoded() }

  mutating func next() -> UInt64 { UInt64(bytes.removeFirst()) }
}

/// Runs `body` and requires the scheme to refuse it for this reason.
func expectRefusal(
  _ code: SchemeError.Code, sourceLocation: SourceLocation = #_sourceLocation,
  _ body: () throws -> Void
) {
  #expect(sourceLocation: sourceLocation) {
    try body()
  } throws: { error in
    (error as? SchemeError)?.code == code
  }
}
