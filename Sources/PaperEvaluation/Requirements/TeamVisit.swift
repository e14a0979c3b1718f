internal import CanonicalEncoding
internal import Crypto
internal import EMRScheme
internal import Pairings

/// One visit of our scheme with everything its roles hold, before anybody signs.
struct TeamVisit<Suite: PairingSuite> {
  let doctors: [Doctor]
  let evidence: Evidence
  let visitKey: VisitKey<Suite>
  /// p_v, for the controls: no role but the patient has it.
  let visitSecret: Suite.Scalar
  let verifiedKey: VerifiedVisitKey<Suite>
  let context: VisitContext
  let chain: SigningChain<Suite>

  struct Doctor {
    let identityKey = Curve25519.Signing.PrivateKey()
    let secret: DoctorSigningKey<Suite>
    let statement: RegistrationStatement
    let prepared: PreparedDoctorKey<Suite>
    /// d1, for the controls.
    let d1: Suite.Scalar

    init(_ name: String, using random: inout some RandomNumberGenerator) throws {
      secret = DoctorSigningKey(using: &random)
      statement = secret.statement(
        genesis: .zero, doctor: name, hospital: "hospital",
        identityKey: Array(identityKey.publicKey.rawRepresentation))
      prepared = PreparedDoctorKey(
        try VerifiedDoctorKey(
          verifying: statement, proof: secret.prove(statement, using: &random)))
      d1 = try Suite.Scalar(encoded: Array(secret.encoded().prefix(Suite.Scalar.encodedByteCount)))
    }

    var key: DoctorPublicKey<Suite> { prepared.verified.key }
  }

  /// - Parameter known: the team, if another visit has it too.
  init(
    team size: Int = 1, doctors known: [Doctor]? = nil,
    using random: inout some RandomNumberGenerator
  ) throws {
    doctors = try known ?? (1...size).map { try Doctor("doctor-\($0)", using: &random) }
    evidence = Evidence(using: &random)
    let derived = random.bytes(Suite.Scalar.encodedByteCount + 16)
    visitKey = try VisitKey(derivedFrom: derived)
    visitSecret = Suite.Scalar(reducing: derived)
    context = VisitContext(
      genesis: .zero, suite: Suite.name, hospital: "hospital",
      pseudonym: Digest32(sha256: random.bytes(32)), visitID: Digest32(sha256: random.bytes(32)),
      evidenceDigest: evidence.digest, signers: doctors.map(\.statement.signer),
      openedAt: ExampleTexts.openedAt, window: 600, resignatureLimit: 4, baseHeight: 0,
      baseHash: .zero, visitKey: visitKey.encodedPublicKey, visitSigningKey: random.bytes(32),
      keyNonce: .zero, mailboxKey: random.bytes(32))
    verifiedKey = try VerifiedVisitKey(verifying: visitKey.prove(context), of: context)
    chain = try SigningChain(context: context, signers: doctors.map(\.prepared))
  }

  func findings(
    _ texts: [[UInt8]], using random: inout some RandomNumberGenerator
  ) -> [Finding] {
    texts.map { Finding(content: $0, attempt: 1, using: &random) }
  }

  func commitments(_ findings: [Finding]) -> [FindingCommitment] {
    [FindingCommitment](to: findings, contextDigest: context.digest)
  }

  func plaintext(_ findings: [Finding]) -> RecordPlaintext {
    RecordPlaintext(context: context, evidence: evidence, findings: findings)
  }

  /// The team's signature, each doctor after the check of Eq. (2).
  func sign(
    _ findings: [Finding], using random: inout some RandomNumberGenerator
  ) throws -> VerifiedSignature<Suite> {
    let commitments = commitments(findings)
    var verified: VerifiedSignature<Suite>?
    for (index, doctor) in doctors.enumerated() {
      let signature = try chain.sign(
        Array(findings[...index]), after: verified, with: doctor.secret, using: &random)
      verified = try chain.verify(signature, commitments: Array(commitments[...index]))
    }
    guard let verified else { throw InvalidCheck(description: "nobody signs") }
    return verified
  }

  func seal(
    _ findings: [Finding], using random: inout some RandomNumberGenerator
  ) throws -> VerifiedSealedRecord<Suite> {
    try SealedRecord.seal(plaintext(findings), to: verifiedKey, using: &random)
      .check(for: verifiedKey)
  }

  /// What a doctor reads of a re-encrypted record, after all checks (4.6 (4)).
  ///
  /// - Parameter digest: the record digest on the ledger.
  func read(
    _ shared: ReencryptedRecord, by request: RequestKey<Suite>, digest: Digest32,
    _ signed: VerifiedSignature<Suite>
  ) throws -> [Finding] {
    try shared.check(for: request, context: context, recordDigest: digest)
      .open(signed: signed).plaintext.findings
  }
}

/// One consent of a visit's patient, with every scalar that it sends around.
struct Consented<Suite: PairingSuite> {
  let request: RequestKey<Suite>
  let theta: [UInt8]
  /// x = t/p_v and y = d'/t, which the proxy gets, and rk = x·y.
  let x, y, rk: Suite.Scalar
  /// d', which the doctor keeps.
  let d: Suite.Scalar
  private let visit: TeamVisit<Suite>

  init(_ visit: TeamVisit<Suite>, using random: inout some RandomNumberGenerator) throws {
    self.visit = visit
    request = RequestKey(using: &random)
    let blinding = ConsentBlinding(for: visit.visitKey, using: &random)
    theta = blinding.theta
    x = try Suite.Scalar(encoded: blinding.proxyShare.encoded())
    y = try Suite.Scalar(
      encoded: blinding.doctorShare.blind(request, theta: theta).encoded())
    rk = x * y
    d = try Suite.Scalar(encoded: request.encoded())
  }

  /// What the proxy has, and what it makes of it.
  var view: [Suite.Scalar] {
    [x, y, rk, x.inverted(), y.inverted(), rk.inverted()]
  }

  /// The proxy's key; with other values if it lies.
  func key(
    y other: Suite.Scalar? = nil, for request: RequestKey<Suite>? = nil
  ) throws -> VerifiedReencryptionKey<Suite> {
    try VerifiedReencryptionKey(
      proxyShare: ProxyShare(encoded: x.encoded()),
      blinded: BlindedRequestKey(encoded: (other ?? y).encoded()), theta: theta,
      requestKey: (request ?? self.request).encodedPublicKey, visitKey: visit.verifiedKey)
  }
}
