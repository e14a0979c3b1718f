internal import EMRScheme
internal import Pairings
internal import PrintedScheme

/// Mounts the attacks on the scheme as the paper prints it.
struct PrintedAttacker<Suite: PairingSuite> where Suite.G1 == Suite.G2 {
  var random = SystemRandomNumberGenerator()

  /// - Returns: nil where the paper says nothing that could be run.
  mutating func outcome(of check: RequirementCheck) throws -> Outcome? {
    switch check {
    case .forgeryWithHandedKey: try forgeryWithHandedKey()
    case .rogueKey: try rogueKey()
    case .replacedRecord: try replacedRecord()
    case .movedBoundary: try movedBoundary()
    case .movedSignature: try movedSignature()
    case .guessedDiagnosis: try guessedDiagnosis()
    case .guessedEvidence: try guessedEvidence()
    case .manInTheMiddle: try manInTheMiddle()
    case .linkedRecords: try linkedRecords()
    case .deniedFinding: try deniedFinding()
    case .revivedFinding: try revivedFinding()
    case .strangersVariant: try strangersVariant()
    case .knownBase: try knownBase()
    case .managersView: try managersView()
    case .otherThanSigned: try otherThanSigned()
    case .sharedRecord: try sharedRecord()
    case .longRecord: try longRecord()
    case .otherRecord: try otherRecord()
    case .otherDoctor: try otherDoctor()
    case .oneEncoding: nil
    }
  }
}

/// One visit of the printed scheme with everything its roles hold.
struct PrintedVisit<Suite: PairingSuite> where Suite.G1 == Suite.G2 {
  let system: PrintedSystem<Suite>
  let doctors: [PrintedDoctor<Suite>]
  let patient: PrintedPatient<Suite>
  let team: PrintedTeam<Suite>
  let evidence: [UInt8]

  /// - Parameter known: the team, if another visit has it too.
  init(
    team size: Int = 1, doctors known: [PrintedDoctor<Suite>]? = nil,
    system: PrintedSystem<Suite>? = nil, using random: inout some RandomNumberGenerator
  ) {
    self.system = system ?? PrintedSystem(using: &random)
    doctors = known ?? (0..<size).map { _ in PrintedDoctor(using: &random) }
    patient = PrintedPatient(using: &random)
    team = PrintedTeam(doctors.map(\.publicKey), timestamp: ExampleTexts.openedAt)
    evidence = random.bytes(32)
  }

  /// The team's signature, each doctor after the check of Eq. (2).
  func sign(
    _ findings: [[UInt8]], using random: inout some RandomNumberGenerator
  ) throws -> PrintedSignature<Suite> {
    var signature: PrintedSignature<Suite>?
    for (index, doctor) in doctors.enumerated() {
      signature = try team.sign(
        Array(findings[...index]), after: signature, with: doctor, using: &random)
    }
    guard let signature, team.verifies(signature, findings) else {
      throw InvalidCheck(description: "the printed scheme does not sign")
    }
    return signature
  }

  func seal(
    _ text: [UInt8], using random: inout some RandomNumberGenerator
  ) throws -> PrintedRecord<Suite> {
    try PrintedRecord(
      sealing: text, to: patient.publicKey, evidence: evidence, system, using: &random)
  }

  /// The whole of 4.6 with a doctor of another hospital, who returns what was read.
  func share(
    _ record: PrintedRecord<Suite>, with doctor: PrintedDoctor<Suite>
  ) throws -> [UInt8] {
    let proxy = PrintedProxy(handed: doctor, patient, system)
    return try doctor.open(
      proxy.reencrypt(record, of: patient.publicKey),
      trapdoor: patient.trapdoor(evidence: evidence), system)
  }
}

/// What is written in the visits of the attacks.
enum ExampleTexts {
  static let openedAt: UInt64 = 1_700_000_000
  static let guesses = ["healthy", "influenza", "hepatitis"].map { Array($0.utf8) }
  static let written = guesses[1]
  static let neverWritten = Array("a diagnosis never made".utf8)

  /// 100 kB whose last words are known.
  static let long = [UInt8](repeating: 0x20, count: 100_000) + end
  static let end = Array("here ends a long medical history".utf8)
}
