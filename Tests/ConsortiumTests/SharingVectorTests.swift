import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Pairings
import TestSupport
import Testing

/// Decodes a `Message` and sees that it has one form; its payload.
private func payload<Payload: NamedValue>(_ bytes: Hex) throws -> Payload {
  let message = try Message<Payload>(encoded: bytes.bytes)
  #expect(message.encoded() == bytes.bytes)
  return message.payload
}

/// Decodes an `Entry`, sees that it has one form and is signed, and compares what it says.
private func expectEntry(
  _ bytes: Hex, on chain: String, by signer: EntrySigner, _ key: [UInt8], says body: EntryBody
) throws {
  let entry = try Entry(encoded: bytes.bytes)
  #expect(entry.encoded() == bytes.bytes && entry.isSigned(by: key))
  #expect(entry.content.chain == chain && entry.content.signer == signer)
  #expect(entry.content.body == body)
}

@Suite("Rotations and a shared visit that a second implementation made")
struct SharingVectorTests {
  @Test("a doctor's rotation has the same statement, proof and entry")
  func doctorRotation() throws {
    let visit = try SharedVisit()
    let (vector, doctor) = (visit.vectors.doctor, visit.statement.doctor)
    #expect(visit.statement.identityKey == vector.formerKey.bytes)
    let rotation = try KeyRotation(encoded: vector.rotation.bytes)
    #expect(rotation.encoded() == vector.rotation.bytes && rotation.party == doctor)
    #expect(
      rotation.identityKey == vector.identityKey.bytes && rotation.proof == vector.proof.bytes)
    let statement = rotation.statement(genesis: visit.genesis, formerKey: vector.formerKey.bytes)
    #expect(statement.encoded() == vector.statement.bytes)
    #expect(try RotationStatement(encoded: vector.statement.bytes) == statement)
    #expect(statement.digest.bytes == vector.statementDigest.bytes)
    #expect(IdentityKey.isValid(rotation.proof, of: statement, by: rotation.identityKey))
    #expect(vector.refusedProofs.count == 5)
    for proof in vector.refusedProofs {
      #expect(!IdentityKey.isValid(proof.bytes, of: statement, by: rotation.identityKey))
    }
    try expectEntry(
      vector.entry, on: ChainName.consortium, by: .party(doctor), vector.formerKey.bytes,
      says: .keyRotation(rotation))
  }

  @Test("a supernode's rotation has the same consent, proof and entry")
  func memberRotation() throws {
    let visit = try SharedVisit()
    let vector = visit.vectors.member
    let rotation = try PartyRotation(encoded: vector.rotation.bytes)
    #expect(rotation.encoded() == vector.rotation.bytes)
    guard case .supernode(let node) = rotation.party else {
      Issue.record("the party is no supernode")
      return
    }
    #expect(node.identityKey == vector.identityKey.bytes && node.role == .hospital)
    #expect(node.logKey != nil && node.votingKey != nil && node.cosigners.count == 1)
    let zeros = [UInt8](repeating: 0, count: 64)
    let unproven = PartyRotation(party: rotation.party, proof: zeros)
    #expect(unproven.encoded() == vector.withoutProof.bytes)
    let consent = rotation.statement(genesis: visit.genesis)
    #expect(consent.encoded() == vector.consent.bytes && consent.subject == unproven.digest)
    #expect(consent.digest.bytes == vector.consentDigest.bytes)
    #expect(rotation.proof == vector.proof.bytes)
    #expect(IdentityKey.isValid(rotation.proof, of: consent, by: node.identityKey))
    #expect(vector.refusedProofs.count == 5)
    for proof in vector.refusedProofs {
      #expect(!IdentityKey.isValid(proof.bytes, of: consent, by: node.identityKey))
    }
    try expectEntry(
      vector.entry, on: ChainName.consortium, by: .party(node.id), vector.formerKey.bytes,
      says: .partyRotation(rotation))
  }

  @Test("the visit is signed and sealed to the same bytes, and opens")
  func visit() throws {
    let visit = try SharedVisit()
    let (vector, context) = (visit.vectors.visit, visit.context)
    let opening = try PseudonymOpening(encoded: vector.opening.bytes)
    try opening.check(against: context)
    #expect(context.digest.bytes == vector.contextDigest.bytes)
    #expect(try visit.patient.visitKey.prove(context) == vector.visitKeyProof.bytes)
    #expect(visit.signed.commitments.map(\.commitment.bytes) == [vector.commitment.bytes])

    let doctor = try DoctorSigningKey<BLS12381>(encoded: vector.doctorSecret.bytes)
    var drawn = Drawn(vector.drawnForSignature)
    let signature = try visit.chain.sign(visit.findings, after: nil, with: doctor, using: &drawn)
    #expect(signature.encoded() == vector.signature.bytes)

    let plaintext = RecordPlaintext(
      context: context, evidence: try Evidence(vector.alpha.bytes), findings: visit.findings)
    drawn = Drawn(vector.oneTimeSeed, vector.drawnForRecord)
    var sealed = try SealedRecord.seal(plaintext, to: visit.visitKey, using: &drawn)
    _ = try sealed.check(for: visit.visitKey)
    // Ed25519 may be randomized: all but S is the same.
    sealed.s = visit.record.s
    #expect(sealed == visit.record && sealed.encoded() == vector.record.bytes)
    #expect(sealed.head.encodedSequence() == vector.head.bytes)
    let checked = try visit.record.check(for: visit.visitKey)
    #expect(checked.recordDigest.bytes == vector.recordDigest.bytes)
    let opened = try checked.open(with: visit.patient.visitKey, signed: visit.signed)
    #expect(opened.plaintext == plaintext)

    let trapdoor = Trapdoor(
      evidence: try Evidence(vector.alpha.bytes), visitKey: visit.patient.visitKey)
    #expect(trapdoor.encoded() == vector.trapdoor.bytes && checked.matches(trapdoor))
    let evidence = try checked.openingEvidence(with: visit.patient.visitKey)
    #expect(evidence.encoded() == visit.vectors.sharing.openingEvidence.bytes)
    #expect(evidence.y == visit.vectors.sharing.openingKey.bytes)
    let shown = try checked.open(with: evidence, signed: visit.signed)
    #expect(shown.plaintext == plaintext)
  }

  @Test("request, certificate and consent are the same objects, under their authors' keys")
  func documents() throws {
    let visit = try SharedVisit()
    let (vector, context) = (visit.vectors.sharing, visit.context)
    let doctorKey = visit.statement.identityKey
    let request = try AccessRequest(encoded: vector.accessRequest.bytes)
    #expect(request.digest.bytes == vector.accessRequestDigest.bytes)
    let submission: SubmitAccessRequest = try payload(vector.submission)
    #expect(try submission.request.verified(by: doctorKey) == request)
    #expect(submission.request.signature == vector.accessRequestSignature.bytes)
    let asked: CertifyRequestKey = try payload(vector.certification)
    #expect(asked.request == request.digest && asked.visit == context.visitID)
    var askedAnew: CertifyRequestKey = try payload(vector.recertification)
    #expect(asked.replaced.isEmpty && askedAnew.replaced == vector.requestKey.bytes)
    askedAnew.replaced = []
    #expect(Message(askedAnew).encoded() == vector.certification.bytes)

    let key = try AgreementKey(seed: vector.agreementSecret.bytes)
    let certificate = try RequestKeyCertificate(encoded: vector.certificate.bytes)
    var same = RequestKeyCertificate(
      genesis: visit.genesis, request: request.digest, hospital: context.hospital,
      visit: context.visitID, doctor: request.doctor, requestKey: vector.requestKey.bytes,
      agreementKey: key.publicKey, salt: certificate.salt)
    #expect(certificate == same && same.encoded() == vector.certificate.bytes)
    #expect(certificate.digest.bytes == vector.certificateDigest.bytes)
    same.salt[0] ^= 1
    #expect(same.digest != certificate.digest)

    let consent = try Consent(encoded: vector.consent.bytes)
    #expect(
      consent
        == Consent(
          genesis: visit.genesis, hospital: context.hospital, visit: context.visitID,
          recordDigest: visit.record.recordDigest(visitKey: context.visitKey),
          doctor: request.doctor, purpose: request.purpose, expiresAt: 1_790_086_400,
          theta: vector.theta.bytes, requestKey: certificate.requestKey,
          agreementKey: certificate.agreementKey, proxy: "manager", salt: consent.salt))
    #expect(consent.encoded() == vector.consent.bytes)
    #expect(consent.digest.bytes == vector.document.bytes)

    let deposit: DepositConsent = try payload(vector.deposit)
    #expect(try deposit.consent.verified(by: visit.signingKey) == consent)
    #expect(deposit.consent.signature == vector.consentSignature.bytes)
    #expect(try deposit.certificate.verified(by: doctorKey) == certificate)
    #expect(deposit.certificate.signature == vector.certificateSignature.bytes)
    #expect(throws: ConsortiumError.self) { try deposit.consent.verified(by: doctorKey) }
    #expect(throws: ConsortiumError.self) { try deposit.certificate.verified(by: visit.signingKey) }
    #expect(deposit.share == vector.x.bytes)
  }

  @Test("the ledger's notices of request, consent and access are the same entries")
  func notices() throws {
    let visit = try SharedVisit()
    let (vector, context) = (visit.vectors.sharing, visit.context)
    let certificate = try RequestKeyCertificate(encoded: vector.certificate.bytes)
    let consent = try Consent(encoded: vector.consent.bytes)
    let (manager, chain) = (EntrySigner.party("manager"), context.hospital)
    try expectEntry(
      vector.consentNotice, on: chain, by: .patient(visit: context.visitID), visit.signingKey,
      says: .consentNotice(ConsentNotice(visit: context.visitID, document: consent.digest)))
    try expectEntry(
      vector.requestNotice, on: chain, by: manager, vector.managerKey.bytes,
      says: .accessRequestNotice(
        AccessRequestNotice(visit: context.visitID, document: certificate.digest)))
    try expectEntry(
      vector.accessNotice, on: chain, by: manager, vector.managerKey.bytes,
      says: .accessNotice(AccessNotice(visit: context.visitID, document: consent.digest)))
  }

  @Test("the shares are the same scalars, give the same B_I, and wrong ones show whose they are")
  func shares() throws {
    let visit = try SharedVisit()
    let vector = visit.vectors.sharing
    var drawn = Drawn(vector.drawnForRequestKey)
    let key = RequestKey<BLS12381>(using: &drawn)
    #expect(key.encoded() == vector.requestSecret.bytes)
    #expect(key.encodedPublicKey == vector.requestKey.bytes)
    drawn = Drawn(vector.drawnForBlinding)
    let blinding = ConsentBlinding(for: visit.patient.visitKey, using: &drawn)
    #expect(blinding.theta == vector.theta.bytes)
    #expect(try blinding.doctorShare.encoded() == vector.t.bytes)
    #expect(try blinding.proxyShare.encoded() == vector.x.bytes)
    let blinded = try blinding.doctorShare.blind(key, theta: vector.theta.bytes)
    #expect(try blinded.encoded() == vector.y.bytes)
    let request: Reencrypt = try payload(vector.reencryption)
    #expect(request.share == vector.y.bytes && request.consent.bytes == vector.document.bytes)

    let record = try visit.record.check(for: visit.visitKey)
    let reencrypted = try VerifiedReencryptionKey(
      proxyShare: blinding.proxyShare, blinded: blinded, theta: vector.theta.bytes,
      requestKey: vector.requestKey.bytes, visitKey: visit.visitKey
    ).reencrypt(record)
    #expect(reencrypted.bI == vector.bI.bytes)
    #expect(reencrypted.encoded() == vector.reencrypted.bytes)
    #expect(try ReencryptedRecord(encoded: vector.reencrypted.bytes) == reencrypted)
    let piece = try ReencryptedPiece(sequence: vector.piece.bytes)
    #expect(piece.bI == reencrypted.bI && piece.part.head == visit.record.head)
    #expect(piece.encodedSequence() == vector.piece.bytes)
    let opened = try reencrypted.check(
      for: key, context: visit.context, recordDigest: record.recordDigest
    ).open(signed: visit.signed)
    #expect(opened.plaintext.findings == visit.findings)

    func blame(_ work: () throws -> Void) -> ErrorCode<SchemeError>? {
      do { try work() } catch { return (error as? SchemeError)?.code }
      return nil
    }
    func proxy(x: Hex, y: Hex) -> ErrorCode<SchemeError>? {
      blame {
        _ = try VerifiedReencryptionKey<BLS12381>(
          proxyShare: ProxyShare<BLS12381>(encoded: x.bytes),
          blinded: BlindedRequestKey<BLS12381>(encoded: y.bytes), theta: vector.theta.bytes,
          requestKey: vector.requestKey.bytes, visitKey: visit.visitKey)
      }
    }
    #expect(proxy(x: vector.x, y: vector.y) == nil)
    #expect(proxy(x: vector.y, y: vector.y) == .patientShare)
    #expect(proxy(x: vector.x, y: vector.x) == .doctorShare)
    let wrong = try DoctorShare<BLS12381>(encoded: vector.x.bytes)
    let refusal = blame { _ = try wrong.blind(key, theta: vector.theta.bytes) }
    #expect(refusal == .patientShare)
  }
}

@Suite("What a second implementation kept sealed")
struct SealedVectorTests {
  @Test("the doctor's grant opens for its consent alone, with t and the trapdoor in it")
  func grant() throws {
    let visit = try SharedVisit()
    let vector = visit.vectors.sharing
    let document = try #require(Digest32(vector.document.bytes))
    let key = try AgreementKey(seed: vector.agreementSecret.bytes)
    let purpose = SealedMessage(.doctorGrant, genesis: visit.genesis, about: visit.context.digest)
    #expect(Message(purpose).encoded() == vector.grantInfo.bytes)
    let opened = try purpose.open(vector.sealedGrant.bytes, with: key, authenticating: document)
    #expect(opened == vector.grant.bytes)
    let grant: DoctorGrant = try payload(vector.grant)
    #expect(grant.share == vector.t.bytes)
    let record = try visit.record.check(for: visit.visitKey)
    let trapdoor = try Trapdoor<BLS12381>(encoded: grant.trapdoor)
    #expect(record.matches(trapdoor))
    let granted: GrantConsent = try payload(vector.granted)
    #expect(granted.sealedGrant == vector.sealedGrant.bytes)
    #expect(try granted.consent.verified(by: visit.signingKey).digest == document)

    // HPKE draws its ephemeral key itself: of what is sealed here only the length is the same.
    let sealed = try purpose.seal(opened, to: key.publicKey, authenticating: document)
    #expect(sealed.count == vector.sealedGrant.bytes.count)
    #expect(try purpose.open(sealed, with: key, authenticating: document) == opened)
    #expect(vector.refusedGrants.count == 9)
    for sealed in vector.refusedGrants {
      #expect(throws: CredentialError.self) {
        try purpose.open(sealed.bytes, with: key, authenticating: document)
      }
    }
  }

  @Test("the note of a visit opens, has the same bytes, and what is none is refused")
  func note() throws {
    let visit = try SharedVisit()
    let (vector, context) = (visit.vectors.note, visit.context)
    func open(_ kept: KeptNote) throws -> VisitNote {
      try VisitNote(
        opening: kept, of: context.visitID, at: context.hospital, genesis: visit.genesis,
        with: visit.patient)
    }
    let kept: KeepNote = try payload(vector.keeping)
    #expect(kept.note == KeptNote(counter: vector.counter, sealed: vector.sealed.bytes))
    let note = try open(kept.note)
    #expect(Message(note).encoded() == vector.message.bytes)

    let bare = try #require(note.consents.first)
    var given = GivenConsent(
      consent: try Consent(encoded: visit.vectors.sharing.consent.bytes))
    given.revocation = try Entry(encoded: vector.revocation.bytes)
    try expectEntry(
      vector.revocation, on: context.hospital, by: .patient(visit: context.visitID),
      visit.signingKey,
      says: .revocation(Revocation(visit: context.visitID, document: given.document)))
    #expect(bare.consent == nil && bare.revocation == nil)
    let opening = try PseudonymOpening(encoded: visit.vectors.visit.opening.bytes)
    let same = VisitNote(
      genesis: visit.genesis, hospital: context.hospital, visit: context.visitID,
      counter: vector.counter, encounter: "E-1", evidence: visit.vectors.visit.alpha.bytes,
      opening: opening, consents: [bare, given])
    #expect(note == same)

    let signed = try Signed<Message<VisitNote>>(sequence: vector.signed.bytes)
    #expect(signed.encodedSequence() == vector.signed.bytes)
    #expect(signed.signature == vector.signature.bytes)
    #expect(try signed.verified(by: visit.signingKey).payload == same)
    let padded = PaddedBytes.pad(vector.signed.bytes)
    #expect(vector.signed.bytes.count == vector.signedByteCount)
    #expect(padded.count == vector.paddedByteCount)
    #expect(Digest32(sha256: padded).bytes == vector.paddedDigest.bytes)
    let purpose = SealedMessage(.visitNote, genesis: visit.genesis, about: context.visitID)
    #expect(Message(purpose).encoded() == vector.info.bytes)
    #expect(try purpose.open(vector.sealed.bytes, with: visit.patient.mailboxKey) == padded)

    let sealed = try same.sealed(with: visit.patient)
    #expect(sealed.sealed.count == vector.sealedByteCount && sealed.counter == vector.counter)
    #expect(try open(sealed) == same)
    #expect(vector.refused.count == 20)
    for each in vector.refused {
      let kept = try KeptNote(sequence: each.kept.bytes)
      #expect(throws: (any Error).self, "\(each.name)") { try open(kept) }
    }
  }
}
