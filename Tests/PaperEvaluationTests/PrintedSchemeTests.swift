import Pairings
import PrintedScheme
import Testing

/// The printed scheme functions: an attack on it succeeds against something.
@Suite("The scheme as printed")
struct PrintedSchemeTests {
  private typealias Curve = TypeA160x512

  private let alpha = Array("evidence".utf8)
  private var random = SystemRandomNumberGenerator()

  @Test("the group key reaches all doctors, and no changed message is taken", arguments: [1, 3])
  func groupKey(team n: Int) throws {
    var random = random
    let hospital = PrintedExchange<Curve>("hospital", using: &random)
    let doctors = (1...n).map { PrintedExchange<Curve>("doctor-\($0)", using: &random) }
    let answers = try doctors.map {
      ($0.share, try $0.acknowledge(hospital.share, code: hospital.confirm($0.share)))
    }
    let k = try hospital.groupKey(answers)
    for doctor in doctors {
      var delivery = try hospital.deliver(k, to: doctor.share)
      #expect(try doctor.receive(delivery, from: hospital.share) == k)
      delivery[delivery.count - 1] ^= 1
      #expect(throws: (any Error).self) {
        try doctor.receive(delivery, from: hospital.share)
      }
    }
    #expect(throws: PrintedRefusal("mac-i")) {
      try doctors[0].acknowledge(hospital.share, code: [0])
    }
    #expect(throws: PrintedRefusal("mac-k†")) {
      try hospital.groupKey([(doctors[0].share, [0])])
    }
  }

  @Test("a team signs what Eq. (3) accepts, and nothing else is accepted", arguments: [1, 2, 5])
  func multisignature(team n: Int) throws {
    var random = random
    let doctors = (0..<n).map { _ in PrintedDoctor<Curve>(using: &random) }
    let team = PrintedTeam(doctors.map(\.publicKey), timestamp: 1_700_000_000)
    let findings = (1...n).map { Array("finding \($0)".utf8) }
    var signature: PrintedSignature<Curve>?
    for k in 1...n {
      signature = try team.sign(
        Array(findings[..<k]), after: signature, with: doctors[k - 1], using: &random)
    }
    let signed = try #require(signature)
    #expect(team.verifies(signed, findings))
    var other = findings
    other[0].append(0)
    #expect(!team.verifies(signed, other))
    #expect(!PrintedTeam(team.keys, timestamp: 1).verifies(signed, findings))
    #expect(!team.verifies(PrintedSignature(r: signed.q, q: signed.r), findings))
    if n > 1 {
      let reversed = PrintedTeam<Curve>(team.keys.reversed(), timestamp: 1_700_000_000)
      #expect(!reversed.verifies(signed, findings))
      #expect(throws: PrintedRefusal("equation-2")) {
        try team.sign(Array(other[..<2]), after: signed, with: doctors[1], using: &random)
      }
    }
  }

  @Test(
    "a record reaches patient and receiver, whatever its length", arguments: [0, 10, 128, 1000])
  func sharing(length: Int) throws {
    var random = random
    let system = PrintedSystem<Curve>(using: &random)
    let (patient, doctor) = (
      PrintedPatient<Curve>(using: &random), PrintedDoctor<Curve>(using: &random)
    )
    let text = [UInt8](repeating: 65, count: length)
    let record = try PrintedRecord(
      sealing: text, to: patient.publicKey, evidence: alpha, system, using: &random)
    #expect(record.content(under: patient.p) == text)
    #expect(length == 0 || record.c != text)

    let proxy = PrintedProxy(handed: doctor, patient, system)
    let shared = try proxy.reencrypt(record, of: patient.publicKey)
    let trapdoor = patient.trapdoor(evidence: alpha)
    #expect(try doctor.open(shared, trapdoor: trapdoor, system) == text)

    #expect(throws: PrintedRefusal("trapdoor")) {
      try doctor.open(shared, trapdoor: patient.trapdoor(evidence: []), system)
    }
    #expect(throws: PrintedRefusal("record-equation")) {
      try doctor.open(record, trapdoor: trapdoor, system)
    }
    #expect(throws: PrintedRefusal("record-equation")) {
      try proxy.reencrypt(record, of: doctor.publicKey.a)
    }
    var tampered = record
    tampered.c.append(0)
    #expect(throws: PrintedRefusal("signature-s")) {
      try proxy.reencrypt(tampered, of: patient.publicKey)
    }
    let stranger = PrintedDoctor<Curve>(using: &random)
    #expect(length == 0 || shared.content(under: stranger.d1) != text)
  }
}
