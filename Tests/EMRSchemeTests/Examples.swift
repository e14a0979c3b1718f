import CanonicalEncoding
import Crypto
import EMRScheme
import Pairings
import Testing

/// How to use each primitive by itself; the README quotes these.
@Suite("Examples")
struct Examples {
  @Test("sequential multisignature")
  func sequentialSignature() throws {
    var random = SystemRandomNumberGenerator()
    let visit = try Visit(team: 2)
    let (context, doctors) = (visit.context, visit.doctors)
    let findings = ["fever since Monday", "influenza A"].map {
      Finding(content: Array($0.utf8), attempt: 1, using: &random)
    }
    let commitments = [FindingCommitment](to: findings, contextDigest: context.digest)

    // example: sequential-signature
    let chain = try SigningChain(context: context, signers: doctors.map(\.prepared))

    let first = try chain.sign(
      [findings[0]], after: nil, with: doctors[0].secret, using: &random)
    let checked = try chain.verify(first, commitments: [commitments[0]])

    let second = try chain.sign(
      findings, after: checked, with: doctors[1].secret, using: &random)
    let complete = try chain.verify(second, commitments: commitments)
    // 96 bytes, however many doctors signed.
    let bytes = complete.signature.encoded()
    // example end
    #expect(bytes.count == 96)
  }

  @Test("registration")
  func registration() throws {
    var random = SystemRandomNumberGenerator()
    let (genesis, identityKey) = (Digest32.zero, Curve25519.Signing.PrivateKey())
    // example: registration
    let key = DoctorSigningKey<BLS12381>(using: &random)
    let statement = key.statement(
      genesis: genesis, doctor: "dr-meier", hospital: "hospital-1",
      identityKey: Array(identityKey.publicKey.rawRepresentation))
    let proof = try key.prove(statement, using: &random)

    let verified = try VerifiedDoctorKey<BLS12381>(verifying: statement, proof: proof)
    // example end
    #expect(verified.key == key.publicKey)
  }

  @Test("sealing, and opening by the patient")
  func sealing() throws {
    var random = SystemRandomNumberGenerator()
    var visit = try Visit(team: 2)
    let signed = try visit.sign()
    let (context, evidence, findings) = (visit.context, visit.evidence, visit.findings)
    let patientKey = visit.visitKey
    // example: sealing
    let visitKey = try VerifiedVisitKey<BLS12381>(
      verifying: patientKey.prove(context), of: context)
    let record = try SealedRecord.seal(
      RecordPlaintext(context: context, evidence: evidence, findings: findings),
      to: visitKey, using: &random)

    let opened = try record.check(for: visitKey).open(with: patientKey, signed: signed)
    // example end
    #expect(opened.plaintext.findings == findings)
  }

  @Test("blinded proxy re-encryption")
  func reencryption() throws {
    var random = SystemRandomNumberGenerator()
    var visit = try Visit(team: 2)
    let signed = try visit.sign()
    let (context, patientKey, visitKey) = (visit.context, visit.visitKey, visit.verifiedVisitKey)
    let record = try visit.sealAndCheck()
    // example: re-encryption
    // The doctor makes a key for this one request …
    let requestKey = RequestKey<BLS12381>(using: &random)
    // … the patient consents: t goes to the doctor, x to the proxy, Θ to the ledger …
    let consent = ConsentBlinding(for: patientKey, using: &random)
    // … the doctor blinds the key …
    let blinded = try consent.doctorShare.blind(requestKey, theta: consent.theta)
    // … the proxy checks both shares, re-encrypts once, and learns neither key …
    let reencryptionKey = try VerifiedReencryptionKey(
      proxyShare: consent.proxyShare, blinded: blinded, theta: consent.theta,
      requestKey: requestKey.encodedPublicKey, visitKey: visitKey)
    let shared = try reencryptionKey.reencrypt(record)
    // … and the doctor opens exactly the record that stands on the ledger.
    let opened = try shared.check(
      for: requestKey, context: context, recordDigest: record.recordDigest
    ).open(signed: signed)
    // example end
    #expect(opened.plaintext == visit.plaintext)
  }

  @Test("authenticated group key exchange")
  func groupKey() throws {
    var random = SystemRandomNumberGenerator()
    let visit = try Visit(team: 1)
    let (context, findings, commitments) = (visit.context, visit.findings, visit.commitments)
    let doctorIdentity = visit.doctors[0].identityKey
    let hospitalIdentity = Curve25519.Signing.PrivateKey()
    // example: group-key
    var hospital = try HospitalKeyExchange<BLS12381>(
      context: context, identityKey: hospitalIdentity,
      doctorKeys: [Array(doctorIdentity.publicKey.rawRepresentation)], using: &random)
    var doctor = try DoctorKeyExchange<BLS12381>(
      context: context, position: 1, identityKey: doctorIdentity,
      hospitalKey: Array(hospitalIdentity.publicKey.rawRepresentation))

    let answer = try doctor.answer(offer: hospital.offer(), using: &random)
    let confirmation = try hospital.confirm(answer: answer, from: 1)
    try hospital.acknowledge(doctor.acknowledge(confirmation: confirmation), from: 1)
    let key = try doctor.receive(delivery: hospital.deliver(to: 1))

    let sealed = try key.seal(findings)
    // example end
    #expect(try hospital.groupKey().open(sealed, commitments: commitments) == findings)
  }

  @Test("searching with a trapdoor")
  func trapdoor() throws {
    var visit = try Visit(team: 1)
    let (evidence, patientKey) = (visit.evidence, visit.visitKey)
    let records = [
      try visit.sealAndCheck(), try VisitFixture<BLS12381>.sealedElsewhere(),
    ]
    // example: trapdoor
    let trapdoor = Trapdoor(evidence: evidence, visitKey: patientKey)
    let found = records.filter { $0.matches(trapdoor) }
    // example end
    #expect(found.map(\.recordDigest) == [records[0].recordDigest])
  }

  @Test("opening a pseudonym")
  func pseudonym() throws {
    var random = SystemRandomNumberGenerator()
    let visitID = Digest32(sha256: [1])
    // example: pseudonym
    let opening = PseudonymOpening(
      hospital: "hospital-1", visitID: visitID, identity: "MRN 4711", using: &random)
    let pid = opening.pseudonym
    // example end
    let visit = try Visit(team: 1) { ($0.visitID, $0.pseudonym) = (visitID, pid) }
    try opening.check(against: visit.context)
  }
}

extension VisitFixture {
  fileprivate static func sealedElsewhere() throws -> VerifiedSealedRecord<Suite> {
    var other = try VisitFixture(team: 1, seed: 99)
    return try other.sealAndCheck()
  }
}
