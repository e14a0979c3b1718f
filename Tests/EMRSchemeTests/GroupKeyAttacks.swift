import CanonicalEncoding
import Crypto
import EMRScheme
import Pairings
import TestSupport
import Testing

@Suite("Attacks on the group key exchange")
struct GroupKeyAttacks {
  typealias Hospital = HospitalKeyExchange<BLS12381>
  typealias Doctor = DoctorKeyExchange<BLS12381>

  /// Both sides of one visit's exchange.
  struct Exchange {
    var visit: Visit
    let hospitalKey: Curve25519.Signing.PrivateKey
    var hospital: Hospital
    var doctors: [Doctor]

    init(_ visit: Visit) throws {
      self.visit = visit
      let key = try Curve25519.Signing.PrivateKey(
        rawRepresentation: self.visit.random.bytes(32))
      hospitalKey = key
      hospital = try Hospital(
        context: visit.context, identityKey: key,
        doctorKeys: visit.doctors.map(\.statement.identityKey), using: &self.visit.random)
      doctors = try visit.doctors.enumerated().map { index, doctor in
        try Doctor(
          context: visit.context, position: index + 1, identityKey: doctor.identityKey,
          hospitalKey: Array(key.publicKey.rawRepresentation))
      }
    }

    /// Runs the exchange with doctor k up to the acknowledgement.
    mutating func authenticate(_ k: Int) throws {
      let answer = try doctors[k - 1].answer(offer: hospital.offer(), using: &visit.random)
      let confirmation = try hospital.confirm(answer: answer, from: k)
      try hospital.acknowledge(
        doctors[k - 1].acknowledge(confirmation: confirmation), from: k)
    }

    /// The keys of all doctors, with the hospital's last.
    mutating func keys() throws -> [GroupKey] {
      for k in 1...doctors.count { try authenticate(k) }
      return try (1...doctors.count).map {
        try doctors[$0 - 1].receive(delivery: hospital.deliver(to: $0))
      } + [hospital.groupKey()]
    }
  }

  @Test("all doctors and the hospital hold one key, and hand findings on", arguments: [1, 3, 16])
  func agreement(team n: Int) throws {
    var exchange = try Exchange(Visit(team: n))
    let keys = try exchange.keys()
    let visit = exchange.visit
    for k in 1...n {
      let sealed = try GroupSealedFindings(
        encoded: keys[k - 1].seal(Array(visit.findings[..<k])).encoded())
      let opened = try keys[k].open(sealed, commitments: Array(visit.commitments[..<k]))
      #expect(opened == Array(visit.findings[..<k]))
    }
  }

  @Test("a doctor who restarts opens findings with the stored key")
  func storedKey() throws {
    var exchange = try Exchange(Visit(team: 1))
    let (key, visit) = (try exchange.keys()[0], exchange.visit)
    let stored = try GroupKey(
      encoded: key.encoded(), context: visit.context, BLS12381.self)
    #expect(
      try stored.open(key.seal(visit.findings), commitments: visit.commitments)
        == visit.findings)
    expectRefusal(.invalidPoint) {
      _ = try GroupKey(encoded: [], context: visit.context, BLS12381.self)
    }
  }

  @Test("[attack] item 10: a man in the middle cannot put itself between hospital and doctor")
  func manInTheMiddle() throws {
    // As printed: MAC_i = MAC_{s_i}(ID_k, V_k, U_i) under the very secret that the man shares.
    var random = SeededGenerator(seed: 1)
    let (l, m, k) = (
      Scalar.random(using: &random), Scalar.random(using: &random), Scalar.random(using: &random)
    )
    func point(_ scalar: Scalar) -> G1 { .generatorMultiplied(by: scalar) }
    func mac(_ shared: G1, _ u: G1, _ v: G1) -> [UInt8] {
      Array(
        HMAC<SHA256>.authenticationCode(
          for: Array("doctor-1".utf8) + v.encoded() + u.encoded(),
          using: SymmetricKey(data: shared.encoded())))
    }
    let toDoctor = mac(m * point(k), point(m), point(k))
    #expect(toDoctor == mac(k * point(m), point(m), point(k)), "the doctor accepts the man")
    let fromHospital = mac(l * point(m), point(l), point(m))
    #expect(fromHospital == mac(m * point(l), point(l), point(m)), "and so does the hospital")

    // Here: the man offers a U of its own to the doctor and answers the hospital as the doctor.
    var exchange = try Exchange(Visit(team: 1))
    // The man's own hospital side, with an identity key that is not the hospital's.
    var other = exchange
    other.visit.random = SeededGenerator(seed: 2)
    other = try Exchange(other.visit)
    let answer = try exchange.doctors[0].answer(
      offer: other.hospital.offer(), using: &exchange.visit.random)
    expectRefusal(.doctorAuthentication) {
      _ = try exchange.hospital.confirm(answer: answer, from: 1)
    }
    let confirmation = try other.hospital.confirm(answer: answer, from: 1)
    expectRefusal(.hospitalAuthentication) {
      _ = try exchange.doctors[0].acknowledge(confirmation: confirmation)
    }
    expectRefusal(.unexpectedMessage) {
      _ = try exchange.doctors[0].acknowledge(confirmation: confirmation)
    }
    // The man as doctor, with an identity key of its own.
    let stranger = Curve25519.Signing.PrivateKey()
    var impostor = try Doctor(
      context: exchange.visit.context, position: 1, identityKey: stranger,
      hospitalKey: Array(exchange.hospitalKey.publicKey.rawRepresentation))
    let forged = try impostor.answer(
      offer: exchange.hospital.offer(), using: &exchange.visit.random)
    expectRefusal(.doctorAuthentication) {
      _ = try exchange.hospital.confirm(answer: forged, from: 1)
    }
  }

  @Test("[attack] item 10: no doctor is taken for another: identity misbinding")
  func misbinding() throws {
    var exchange = try Exchange(Visit(team: 2))
    let offer = exchange.hospital.offer()
    let answer = try exchange.doctors[0].answer(offer: offer, using: &exchange.visit.random)
    // D_2 passes D_1's answer off as its own.
    expectRefusal(.doctorAuthentication) {
      _ = try exchange.hospital.confirm(answer: answer, from: 2)
    }
    // D_2 signs D_1's V_1 with its own key: the hospital believes V_1 to be D_2's …
    let stolen = try Resigned(
      answer, hospital: "hospital-1", doctor: "doctor-2", exchange.visit.context, offer,
      exchange.visit.doctors[1].identityKey)
    let confirmation = try exchange.hospital.confirm(answer: stolen.encoded(), from: 2)
    // … and D_1, to whom D_2 passes the confirmation on, sees that it names D_2.
    expectRefusal(.hospitalAuthentication) {
      _ = try exchange.doctors[0].acknowledge(confirmation: confirmation)
    }
  }

  @Test("[attack] item 10: an answer serves one visit and one offer")
  func replay() throws {
    var first = try Exchange(Visit(team: 1))
    var later = try Exchange(Visit(team: 1, doctors: first.visit.doctors, seed: 2))
    let answer = try first.doctors[0].answer(
      offer: first.hospital.offer(), using: &first.visit.random)
    expectRefusal(.doctorAuthentication) {
      _ = try later.hospital.confirm(answer: answer, from: 1)
    }
    let confirmation = try first.hospital.confirm(answer: answer, from: 1)
    _ = try later.doctors[0].answer(offer: later.hospital.offer(), using: &later.visit.random)
    expectRefusal(.hospitalAuthentication) {
      _ = try later.doctors[0].acknowledge(confirmation: confirmation)
    }
    expectRefusal(.unexpectedMessage) {
      _ = try first.hospital.confirm(answer: answer, from: 1)
    }
  }

  @Test("[attack] item 10: neither side's confirmation passes for the other's")
  func reflection() throws {
    var exchange = try Exchange(Visit(team: 1))
    let answer = try exchange.doctors[0].answer(
      offer: exchange.hospital.offer(), using: &exchange.visit.random)
    let confirmation = try exchange.hospital.confirm(answer: answer, from: 1)
    // The last 32 bytes are MAC_i; reflected, they are no MAC_k†.
    let reflected = Acknowledgement(code: Array(confirmation.suffix(32))).encoded()
    expectRefusal(.doctorAuthentication) {
      try exchange.hospital.acknowledge(reflected, from: 1)
    }
    let acknowledgement = try exchange.doctors[0].acknowledge(confirmation: confirmation)
    try exchange.hospital.acknowledge(acknowledgement, from: 1)
  }

  @Test("no key is delivered before all have acknowledged, nor opened when changed")
  func delivery() throws {
    var exchange = try Exchange(Visit(team: 2))
    try exchange.authenticate(1)
    expectRefusal(.unexpectedMessage) { _ = try exchange.hospital.deliver(to: 1) }
    expectRefusal(.unexpectedMessage) { _ = try exchange.hospital.groupKey() }
    expectRefusal(.position) { _ = try exchange.hospital.deliver(to: 3) }
    expectRefusal(.position) { _ = try exchange.hospital.deliver(to: 0) }
    try exchange.authenticate(2)
    var delivery = try exchange.hospital.deliver(to: 1)
    expectRefusal(.decryption) { _ = try exchange.doctors[1].receive(delivery: delivery) }
    delivery[delivery.count - 1] ^= 1
    expectRefusal(.decryption) { _ = try exchange.doctors[0].receive(delivery: delivery) }
    expectRefusal(.invalidObject) { _ = try exchange.doctors[0].receive(delivery: []) }
  }

  @Test("[attack] item 10: colluding doctors cannot make K the identity")
  func identityKey() throws {
    var visit = try Visit(team: 2)
    let l = Scalar.random(using: &visit.random)
    var exchange = try Exchange(visit)
    for (k, secret) in [(1, l), (2, -l)] {
      var fixed = FixedScalar(secret)
      let answer = try exchange.doctors[k - 1].answer(
        offer: exchange.hospital.offer(), using: &fixed)
      let confirmation = try exchange.hospital.confirm(answer: answer, from: k)
      try exchange.hospital.acknowledge(
        exchange.doctors[k - 1].acknowledge(confirmation: confirmation), from: k)
    }
    expectRefusal(.invalidPoint) { _ = try exchange.hospital.groupKey() }
    expectRefusal(.invalidPoint) { _ = try exchange.hospital.deliver(to: 1) }
  }

  @Test("[attack] item 10: no two messages are sealed under one key and nonce")
  func nonceReuse() throws {
    var exchange = try Exchange(Visit(team: 1))
    let key = try exchange.keys()[0]
    // A doctor writes two findings for one attempt, as after a crash.
    let texts = ["first text of D_1", "other text of D_1"].map { Array($0.utf8) }
    let findings = texts.map {
      Finding(content: $0, attempt: 1, using: &exchange.visit.random)
    }
    let sealed = try findings.map { try key.seal([$0]) }
    // Under one keystream, c ⊕ c' would be zero wherever the plaintexts agree, as in the padding.
    let difference = zip(sealed[0].ciphertext, sealed[1].ciphertext).map { $0 ^ $1 }
    #expect(difference[1000..<1100].contains { $0 != 0 })
    let digest = exchange.visit.context.digest
    let commitments = findings.map { [FindingCommitment](to: [$0], contextDigest: digest) }
    for index in [0, 1] {
      #expect(try key.open(sealed[index], commitments: commitments[index])[0] == findings[index])
      expectRefusal(.decryption) {
        _ = try key.open(sealed[index], commitments: commitments[1 - index])
      }
    }
  }

  @Test("[attack] item 10: findings open under their own visit, place and attempt only")
  func movedFindings() throws {
    var exchange = try Exchange(Visit(team: 2))
    let (key, visit) = (try exchange.keys()[0], exchange.visit)
    var other = try Exchange(Visit(team: 2, doctors: visit.doctors, seed: 2))
    let sealed = try key.seal(visit.findings)
    expectRefusal(.foreignContext) {
      _ = try other.keys()[0].open(sealed, commitments: visit.commitments)
    }
    var moved = sealed
    moved.contextDigest = other.visit.context.digest
    var again = try Exchange(other.visit)
    let otherKey = try again.keys()[0]
    expectRefusal(.decryption) { _ = try otherKey.open(moved, commitments: visit.commitments) }
    expectRefusal(.position) {
      _ = try key.open(sealed, commitments: Array(visit.commitments[..<1]))
    }
    moved = sealed
    moved.attempt = 2
    expectRefusal(.position) { _ = try key.open(moved, commitments: visit.commitments) }
    moved = sealed
    moved.ciphertext[0] ^= 1
    expectRefusal(.decryption) { _ = try key.open(moved, commitments: visit.commitments) }
    moved.ciphertext = []
    expectRefusal(.decryption) { _ = try key.open(moved, commitments: visit.commitments) }
    expectRefusal(.invalidObject) { _ = try key.seal([]) }
  }
}

/// Somebody's V under another's signature.
private struct Resigned: CanonicalObject {
  static var kind: ObjectKind { .groupKeyAnswer }
  var v, signature: [UInt8]

  init(
    _ answer: [UInt8], hospital: String, doctor: String, _ context: VisitContext,
    _ offer: [UInt8], _ key: Curve25519.Signing.PrivateKey
  ) throws {
    self = try Resigned(encoded: answer)
    let transcript = Transcript(
      role: 2, hospital: hospital, doctor: doctor, contextDigest: context.digest,
      u: Array(offer.suffix(48)), v: v)
    signature = Array(try key.signature(for: transcript.encoded()))
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.octets("v", v)
    fields.octets("signature", signature)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    v = try fields.octets("v", count: 48)
    signature = try fields.octets("signature", count: 64)
  }

  private struct Transcript: CanonicalObject {
    static var kind: ObjectKind { .groupKeyTranscript }
    var role: UInt64
    var hospital, doctor: String
    var contextDigest: Digest32
    var u, v: [UInt8]

    init(
      role: UInt64, hospital: String, doctor: String, contextDigest: Digest32, u: [UInt8],
      v: [UInt8]
    ) {
      (self.role, self.hospital, self.doctor) = (role, hospital, doctor)
      (self.contextDigest, self.u, self.v) = (contextDigest, u, v)
    }

    func encode(into fields: inout some FieldEncoder) {
      fields.integer("role", role)
      fields.text("hospital", hospital)
      fields.text("doctor", doctor)
      fields.digest("contextDigest", contextDigest)
      fields.octets("u", u)
      fields.octets("v", v)
    }

    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      role = try fields.integer("role")
      hospital = try fields.text("hospital")
      doctor = try fields.text("doctor")
      contextDigest = try fields.digest("contextDigest")
      u = try fields.octets("u", count: 48)
      v = try fields.octets("v", count: 48)
    }
  }
}

private struct Acknowledgement: CanonicalObject {
  static var kind: ObjectKind { .groupKeyAcknowledgement }
  var code: [UInt8]

  init(code: [UInt8]) { self.code = code }
  func encode(into fields: inout some FieldEncoder) { fields.octets("code", code) }
  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    code = try fields.octets("code", count: 32)
  }
}
