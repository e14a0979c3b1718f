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

/// Who works in a step.
public enum SchemeRole: String, CaseIterable, Codable, Sendable {
  case patient
  /// A doctor of the team but the last one.
  case doctor
  case lastDoctor
  /// The doctor elsewhere, who opens the record.
  case receiver
  case hospital
  /// The system manager, as proxy.
  case manager
  /// Whoever checks what others sent before it is stored: the cloud and the supernodes.
  case supernode
}

/// What one role sends in a step.
public struct SentObject: Codable, Equatable, Sendable {
  public let step: SchemeStep
  public let sender: SchemeRole
  public let name: String
  /// In the encoding that is sent; of all objects of this name together.
  public internal(set) var bytes: Int
  public internal(set) var count: Int
}

/// One visit of a team, by the scheme alone: no ledger, no network, no disk.
struct SchemeRun<Suite: PairingSuite> {
  /// Calls the work of a role in a step, once.
  typealias Measure = (SchemeStep, SchemeRole, () throws -> Void) throws -> Void

  let team: Int
  var random = SystemRandomNumberGenerator()
  let hospitalKey = Curve25519.Signing.PrivateKey()
  let identityKeys: [Curve25519.Signing.PrivateKey]
  private(set) var sent: [SentObject] = []

  init(team: Int) {
    self.team = team
    identityKeys = (0..<team).map { _ in Curve25519.Signing.PrivateKey() }
  }

  /// The role of D_k for the index k − 1.
  func doctor(_ index: Int) -> SchemeRole { index == team - 1 ? .lastDoctor : .doctor }

  /// Notes what a role sent. Nothing is encoded anew for it.
  mutating func send(
    _ name: String, _ bytes: [UInt8], in step: SchemeStep, by sender: SchemeRole
  ) {
    let known = sent.firstIndex { $0.step == step && $0.sender == sender && $0.name == name }
    if let known {
      sent[known].bytes += bytes.count
      sent[known].count += 1
    } else {
      sent.append(
        SentObject(step: step, sender: sender, name: name, bytes: bytes.count, count: 1))
    }
  }

  /// Runs all steps in their order.
  mutating func run(_ measure: Measure) throws {
    var secrets: [DoctorSigningKey<Suite>] = []
    for index in 0..<team {
      try measure(.initialization, doctor(index)) {
        secrets.append(DoctorSigningKey(using: &random))
      }
    }
    var created: VisitKey<Suite>?
    try measure(.initialization, .patient) { created = VisitKey(using: &random) }
    guard let patientKey = created else { return }

    let doctors = try register(secrets, measure).map(PreparedDoctorKey.init)
    let evidence = Evidence(using: &random)
    let context = context(doctors.map(\.verified.statement.signer), patientKey, evidence)
    let chain = try SigningChain(context: context, signers: doctors)
    guard let visitKey = try admit(patientKey, to: context, measure),
      let groupKey = try agreeOnGroupKey(context, measure)
    else { return }
    send("evidence", evidence.bytes, in: .diagnose, by: .patient)

    let findings = (1...team).map {
      Finding(content: Array("finding \($0)".utf8), attempt: 1, using: &random)
    }
    guard let last = try sign(findings, chain, secrets, groupKey, measure) else { return }
    var sealed: SealedRecord?
    try measure(.diagnose, .lastDoctor) {
      sealed = try SealedRecord.seal(
        RecordPlaintext(context: context, evidence: evidence, findings: findings), to: visitKey,
        using: &random)
    }
    guard let record = sealed else { return }
    send("sealed record", record.encoded(), in: .diagnose, by: .lastDoctor)

    let commitments = [FindingCommitment](to: findings, contextDigest: chain.contextDigest)
    var verified: VerifiedSignature<Suite>?
    try measure(.storage, .supernode) {
      verified = try chain.verify(last, commitments: commitments)
    }
    guard let signed = verified else { return }
    try measure(.custody, .supernode) { _ = try record.check(for: visitKey) }
    try share(record, of: patientKey, visitKey, evidence, signed, measure)
  }
}
