import CanonicalEncoding
import Crypto
import EMRScheme
import Pairings

/// A step of the scheme that is measured by itself: the five phases of section 4, and between them what
/// this system does and the paper leaves out.
public enum SchemeStep: String, CaseIterable, Codable, Sendable {
  /// 4.2: the keys of n doctors and of the patient.
  case initialization
  /// The proofs behind the doctors' keys, made and checked (item 11).
  case registration
  /// The proof behind the patient's visit key, made and checked (item 4).
  case admission
  /// 4.3: the exchange between the hospital and n doctors.
  case groupKey
  /// 4.4: n doctors sign, each after checking all before; the last one seals.
  case diagnose
  /// 4.5: Eq. (3).
  case storage
  /// S and the equations of re-encryption, which the cloud checks before it stores a record.
  case custody
  /// 4.6: request, consent, re-encryption, opening by the other doctor.
  case sharing

  /// The steps that the paper has; Table 6 gives a time for each.
  public static let phases: [SchemeStep] = [
    .initialization, .groupKey, .diagnose, .storage, .sharing,
  ]

  public var isPhase: Bool { Self.phases.contains(self) }
}

/// One visit of a team, by the scheme alone: no ledger, no network, no disk.
struct SchemeRun<Suite: PairingSuite> {
  private let team: Int
  private var random = SystemRandomNumberGenerator()
  private let hospitalKey = Curve25519.Signing.PrivateKey()
  private let identityKeys: [Curve25519.Signing.PrivateKey]

  init(team: Int) {
    self.team = team
    identityKeys = (0..<team).map { _ in Curve25519.Signing.PrivateKey() }
  }

  /// What one step leaves for the next.
  private struct Opened {
    let context: VisitContext
    let chain: SigningChain<Suite>
    let visitKey: VerifiedVisitKey<Suite>
  }

  /// Runs all steps in their order.
  ///
  /// - Parameter measure: calls the work of a step, once.
  mutating func run(_ measure: (SchemeStep, () throws -> Void) throws -> Void) throws {
    var secrets: [DoctorSigningKey<Suite>] = []
    var patientKey: VisitKey<Suite>?
    try measure(.initialization) {
      secrets = (0..<team).map { _ in DoctorSigningKey(using: &random) }
      patientKey = VisitKey(using: &random)
    }
    guard let patientKey else { return }

    var verified: [VerifiedDoctorKey<Suite>] = []
    try measure(.registration) { verified = try register(secrets) }
    let doctors = verified.map(PreparedDoctorKey.init)

    let evidence = Evidence(using: &random)
    let context = try context(doctors.map(\.verified.statement.signer), patientKey, evidence)
    let chain = try SigningChain(context: context, signers: doctors)
    var visitKey: VerifiedVisitKey<Suite>?
    try measure(.admission) {
      visitKey = try VerifiedVisitKey(verifying: patientKey.prove(context), of: context)
    }
    guard let visitKey else { return }

    try measure(.groupKey) { try agreeOnGroupKey(context) }

    let findings = (1...team).map {
      Finding(content: Array("finding \($0)".utf8), attempt: 1, using: &random)
    }
    var last: SequentialSignature<Suite>?
    var record: SealedRecord?
    try measure(.diagnose) {
      last = try sign(findings, chain, secrets)
      record = try SealedRecord.seal(
        RecordPlaintext(context: context, evidence: evidence, findings: findings), to: visitKey,
        using: &random)
    }
    guard let last, let record else { return }

    let commitments = [FindingCommitment](to: findings, contextDigest: chain.contextDigest)
    var signed: VerifiedSignature<Suite>?
    try measure(.storage) { signed = try chain.verify(last, commitments: commitments) }
    guard let signed else { return }

    try measure(.custody) { _ = try record.check(for: visitKey) }
    try measure(.sharing) {
      try share(record, of: patientKey, visitKey, evidence, signed)
    }
  }

  private mutating func register(
    _ secrets: [DoctorSigningKey<Suite>]
  ) throws -> [VerifiedDoctorKey<Suite>] {
    var verified: [VerifiedDoctorKey<Suite>] = []
    for (index, secret) in secrets.enumerated() {
      let statement = secret.statement(
        genesis: .zero, doctor: "doctor-\(index + 1)", hospital: "hospital",
        identityKey: Array(identityKeys[index].publicKey.rawRepresentation),
        agreementKey: [UInt8](repeating: UInt8(index), count: 32))
      verified.append(
        try VerifiedDoctorKey(
          verifying: statement, proof: secret.prove(statement, using: &random)))
    }
    return verified
  }

  private func context(
    _ signers: [VisitContext.Signer], _ patientKey: VisitKey<Suite>, _ evidence: Evidence
  ) throws -> VisitContext {
    VisitContext(
      genesis: .zero, suite: Suite.name, hospital: "hospital", pseudonym: .zero, visitID: .zero,
      evidenceDigest: evidence.digest, signers: signers, openedAt: 0, window: 600,
      resignatureLimit: 4, baseHeight: 0, baseHash: .zero,
      visitKey: patientKey.encodedPublicKey,
      visitSigningKey: [UInt8](repeating: 0, count: 32))
  }

  private mutating func agreeOnGroupKey(_ context: VisitContext) throws {
    var hospital = try HospitalKeyExchange<Suite>(
      context: context, identityKey: hospitalKey,
      doctorKeys: identityKeys.map { Array($0.publicKey.rawRepresentation) }, using: &random)
    var doctors = try identityKeys.enumerated().map { index, key in
      try DoctorKeyExchange<Suite>(
        context: context, position: index + 1, identityKey: key,
        hospitalKey: Array(hospitalKey.publicKey.rawRepresentation))
    }
    for index in doctors.indices {
      let answer = try doctors[index].answer(offer: hospital.offer(), using: &random)
      let confirmation = try hospital.confirm(answer: answer, from: index + 1)
      try hospital.acknowledge(
        try doctors[index].acknowledge(confirmation: confirmation), from: index + 1)
    }
    for index in doctors.indices {
      _ = try doctors[index].receive(delivery: hospital.deliver(to: index + 1))
    }
  }

  private mutating func sign(
    _ findings: [Finding], _ chain: SigningChain<Suite>, _ secrets: [DoctorSigningKey<Suite>]
  ) throws -> SequentialSignature<Suite>? {
    let commitments = [FindingCommitment](to: findings, contextDigest: chain.contextDigest)
    var last: SequentialSignature<Suite>?
    for (index, secret) in secrets.enumerated() {
      var before: VerifiedSignature<Suite>?
      if let last { before = try chain.verify(last, commitments: Array(commitments[..<index])) }
      last = try chain.sign(
        Array(findings[...index]), after: before, with: secret, using: &random)
    }
    return last
  }

  private mutating func share(
    _ record: SealedRecord, of patientKey: VisitKey<Suite>, _ visitKey: VerifiedVisitKey<Suite>,
    _ evidence: Evidence, _ signed: VerifiedSignature<Suite>
  ) throws {
    let request = RequestKey<Suite>(using: &random)
    let trapdoor = Trapdoor(evidence: evidence, visitKey: patientKey)
    let consent = ConsentBlinding(for: patientKey, using: &random)
    let blinded = try consent.doctorShare.blind(request, theta: consent.theta)
    // The proxy checks the record before it re-encrypts.
    let checked = try record.check(for: visitKey)
    guard checked.matches(trapdoor) else {
      throw SchemeError(.trapdoor, "the trapdoor does not find its record")
    }
    let shared = try VerifiedReencryptionKey(
      proxyShare: consent.proxyShare, blinded: blinded, theta: consent.theta,
      requestKey: request.encodedPublicKey, visitKey: visitKey
    ).reencrypt(checked)
    _ = try shared.check(
      for: request, context: visitKey.context, recordDigest: checked.recordDigest
    ).open(signed: signed)
  }
}
