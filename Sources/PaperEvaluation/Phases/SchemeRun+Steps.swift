import CanonicalEncoding
import Crypto
import EMRScheme
import Pairings

/// The steps one by one, each role's work by itself.
extension SchemeRun {
  mutating func register(
    _ secrets: [DoctorSigningKey<Suite>], _ measure: Measure
  ) throws -> [VerifiedDoctorKey<Suite>] {
    var verified: [VerifiedDoctorKey<Suite>] = []
    for (index, secret) in secrets.enumerated() {
      let statement = secret.statement(
        genesis: .zero, doctor: "doctor-\(index + 1)", hospital: "hospital",
        identityKey: Array(identityKeys[index].publicKey.rawRepresentation))
      send("registration", statement.encoded(), in: .initialization, by: doctor(index))
      var made: RegistrationProof?
      try measure(.registration, doctor(index)) {
        made = try secret.prove(statement, using: &random)
      }
      guard let proof = made else { return [] }
      send(
        "proof of possession", proof.challenge + proof.z1 + proof.z2 + proof.z3, in: .registration,
        by: doctor(index))
      try measure(.registration, .supernode) {
        verified.append(try VerifiedDoctorKey(verifying: statement, proof: proof))
      }
    }
    return verified
  }

  func context(
    _ signers: [VisitContext.Signer], _ patientKey: VisitKey<Suite>, _ evidence: Evidence
  ) -> VisitContext {
    VisitContext(
      genesis: .zero, suite: Suite.name, hospital: "hospital", pseudonym: .zero, visitID: .zero,
      evidenceDigest: evidence.digest, signers: signers, openedAt: 0, window: 600,
      resignatureLimit: 4, baseHeight: 0, baseHash: .zero,
      visitKey: patientKey.encodedPublicKey,
      visitSigningKey: [UInt8](repeating: 0, count: 32), keyNonce: .zero,
      mailboxKey: [UInt8](repeating: 0, count: 32))
  }

  mutating func admit(
    _ patientKey: VisitKey<Suite>, to context: VisitContext, _ measure: Measure
  ) throws -> VerifiedVisitKey<Suite>? {
    var proof: [UInt8] = []
    try measure(.admission, .patient) { proof = try patientKey.prove(context) }
    send("visit key", patientKey.encodedPublicKey, in: .initialization, by: .patient)
    send("visit key proof", proof, in: .admission, by: .patient)
    send("visit context", context.encoded(), in: .admission, by: .hospital)
    var visitKey: VerifiedVisitKey<Suite>?
    try measure(.admission, .supernode) {
      visitKey = try VerifiedVisitKey(verifying: proof, of: context)
    }
    return visitKey
  }

  mutating func agreeOnGroupKey(_ context: VisitContext, _ measure: Measure) throws -> GroupKey? {
    var created: HospitalKeyExchange<Suite>?
    try measure(.groupKey, .hospital) {
      created = try HospitalKeyExchange<Suite>(
        context: context, identityKey: hospitalKey,
        doctorKeys: identityKeys.map { Array($0.publicKey.rawRepresentation) }, using: &random)
    }
    guard var hospital = created else { return nil }
    var doctors = try identityKeys.enumerated().map { index, key in
      try DoctorKeyExchange<Suite>(
        context: context, position: index + 1, identityKey: key,
        hospitalKey: Array(hospitalKey.publicKey.rawRepresentation))
    }
    for index in doctors.indices {
      let offer = hospital.offer()
      var (answer, confirmation, acknowledgement): ([UInt8], [UInt8], [UInt8]) = ([], [], [])
      try measure(.groupKey, doctor(index)) {
        answer = try doctors[index].answer(offer: offer, using: &random)
      }
      try measure(.groupKey, .hospital) {
        confirmation = try hospital.confirm(answer: answer, from: index + 1)
      }
      try measure(.groupKey, doctor(index)) {
        acknowledgement = try doctors[index].acknowledge(confirmation: confirmation)
      }
      try measure(.groupKey, .hospital) {
        try hospital.acknowledge(acknowledgement, from: index + 1)
      }
      send("offer", offer, in: .groupKey, by: .hospital)
      send("answer", answer, in: .groupKey, by: doctor(index))
      send("confirmation", confirmation, in: .groupKey, by: .hospital)
      send("acknowledgement", acknowledgement, in: .groupKey, by: doctor(index))
    }
    var key: GroupKey?
    for index in doctors.indices {
      var delivery: [UInt8] = []
      try measure(.groupKey, .hospital) { delivery = try hospital.deliver(to: index + 1) }
      try measure(.groupKey, doctor(index)) {
        key = try doctors[index].receive(delivery: delivery)
      }
      send("delivery", delivery, in: .groupKey, by: .hospital)
    }
    return key
  }

  mutating func sign(
    _ findings: [Finding], _ chain: SigningChain<Suite>, _ secrets: [DoctorSigningKey<Suite>],
    _ groupKey: GroupKey, _ measure: Measure
  ) throws -> SequentialSignature<Suite>? {
    let commitments = [FindingCommitment](to: findings, contextDigest: chain.contextDigest)
    var last: SequentialSignature<Suite>?
    for (index, secret) in secrets.enumerated() {
      let own = Array(findings[...index])
      var handedOn: GroupSealedFindings?
      try measure(.diagnose, doctor(index)) {
        var before: VerifiedSignature<Suite>?
        if let last { before = try chain.verify(last, commitments: Array(commitments[..<index])) }
        last = try chain.sign(own, after: before, with: secret, using: &random)
        if index < team - 1 { handedOn = try groupKey.seal(own) }
      }
      send("signature", last?.encoded() ?? [], in: .diagnose, by: doctor(index))
      send("commitment", commitments[index].commitment.bytes, in: .diagnose, by: doctor(index))
      if let handedOn {
        send("findings", handedOn.encoded(), in: .diagnose, by: doctor(index))
      }
    }
    return last
  }

  mutating func share(
    _ record: SealedRecord, of patientKey: VisitKey<Suite>, _ visitKey: VerifiedVisitKey<Suite>,
    _ evidence: Evidence, _ signed: VerifiedSignature<Suite>, _ measure: Measure
  ) throws {
    var created: RequestKey<Suite>?
    try measure(.sharing, .receiver) { created = RequestKey<Suite>(using: &random) }
    var consented: (trapdoor: Trapdoor<Suite>, blinding: ConsentBlinding<Suite>)?
    try measure(.sharing, .patient) {
      consented = (
        Trapdoor(evidence: evidence, visitKey: patientKey),
        ConsentBlinding(for: patientKey, using: &random)
      )
    }
    guard let request = created, let consented else { return }
    let (trapdoor, blinding) = consented
    send("request key", request.encodedPublicKey, in: .sharing, by: .receiver)
    send("trapdoor", trapdoor.encoded(), in: .sharing, by: .patient)
    send("Θ", blinding.theta, in: .sharing, by: .patient)
    send("share t", try blinding.doctorShare.encoded(), in: .sharing, by: .patient)
    send("share x", try blinding.proxyShare.encoded(), in: .sharing, by: .patient)

    var answered: BlindedRequestKey<Suite>?
    try measure(.sharing, .receiver) {
      answered = try blinding.doctorShare.blind(request, theta: blinding.theta)
    }
    guard let blinded = answered else { return }
    send("share y", try blinded.encoded(), in: .sharing, by: .receiver)
    var reencrypted: ReencryptedRecord?
    var recordDigest = Digest32.zero
    try measure(.sharing, .manager) {
      // The proxy checks the record before it re-encrypts.
      let checked = try record.check(for: visitKey)
      guard checked.matches(trapdoor) else {
        throw SchemeError(.trapdoor, "the trapdoor does not find its record")
      }
      recordDigest = checked.recordDigest
      reencrypted = try VerifiedReencryptionKey(
        proxyShare: blinding.proxyShare, blinded: blinded, theta: blinding.theta,
        requestKey: request.encodedPublicKey, visitKey: visitKey
      ).reencrypt(checked)
    }
    guard let reencrypted else { return }
    send("record to the manager", record.encoded(), in: .sharing, by: .supernode)
    send("re-encrypted record", reencrypted.encoded(), in: .sharing, by: .manager)
    try measure(.sharing, .receiver) {
      _ = try reencrypted.check(
        for: request, context: visitKey.context, recordDigest: recordDigest
      ).open(signed: signed)
    }
  }
}
