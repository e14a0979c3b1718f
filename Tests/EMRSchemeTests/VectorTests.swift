import CanonicalEncoding
import EMRScheme
import Foundation
import Pairings
import TestSupport
import Testing

/// `Vectors/visit.json`, which `scripts/vectors/visit.py` checks with other libraries.
private struct VisitVector: Decodable {
  struct Commitment: Decodable {
    var commitment: Hex
    var attempt: UInt64
  }

  var statement, registrationChallenge: Hex
  var registrationResponses: [Hex]
  var context, visitKeyProof, visitSecret, alpha: Hex
  var commitments: [Commitment]
  var signature, record, recordDigest, trapdoor, requestSecret, reencrypted, plaintext: Hex
}

@Suite("A visit that a second implementation verified")
struct VectorTests {
  @Test("every check of the vector passes, and every value comes out the same")
  func visit() throws {
    let vector = try #require(
      VectorFile<VisitVector>("visit", in: .module).cases.first)
    let statement = try RegistrationStatement(encoded: vector.statement.bytes)
    let responses = vector.registrationResponses.map(\.bytes)
    _ = try VerifiedDoctorKey<BLS12381>(
      verifying: statement,
      proof: RegistrationProof(
        challenge: vector.registrationChallenge.bytes, z1: responses[0], z2: responses[1],
        z3: responses[2]))

    let context = try VisitContext(encoded: vector.context.bytes)
    let visitKey = try VerifiedVisitKey<BLS12381>(
      verifying: vector.visitKeyProof.bytes, of: context)
    let secret = try VisitKey<BLS12381>(
      derivedFrom: [UInt8](repeating: 0, count: 16) + vector.visitSecret.bytes)
    #expect(secret.encodedPublicKey == context.visitKey)
    #expect(try secret.prove(context) == vector.visitKeyProof.bytes)

    let plaintext = try RecordPlaintext(encoded: vector.plaintext.bytes)
    let commitments = try vector.commitments.map {
      FindingCommitment(
        commitment: try #require(Digest32($0.commitment.bytes)), attempt: $0.attempt)
    }
    #expect(
      commitments
        == [FindingCommitment](to: plaintext.findings, contextDigest: context.digest))

    let signers = try context.signers.map { signer in
      // The statements of the team, as far as a context holds them.
      var known = statement
      (known.doctor, known.a, known.b2, known.c2) = (signer.doctor, signer.a, signer.b, signer.c)
      return PreparedDoctorKey(try VerifiedDoctorKey<BLS12381>(alreadyVerified: known))
    }
    let signed = try SigningChain(context: context, signers: signers).verify(
      SequentialSignature(encoded: vector.signature.bytes), commitments: commitments)

    let sealed = try SealedRecord(encoded: vector.record.bytes)
    let record = try sealed.check(for: visitKey)
    #expect(record.recordDigest.bytes == vector.recordDigest.bytes)
    #expect(try record.open(with: secret, signed: signed).plaintext == plaintext)

    let evidence = try Evidence(vector.alpha.bytes)
    let trapdoor = Trapdoor(evidence: evidence, visitKey: secret)
    #expect(trapdoor.encoded() == vector.trapdoor.bytes)
    #expect(record.matches(trapdoor))

    let received = try shared(vector, record, of: secret, visitKey)
    #expect(try received.open(signed: signed).plaintext == plaintext)
  }

  /// The record is re-encrypted as in the vector, and its receiver's checks pass.
  private func shared(
    _ vector: VisitVector, _ record: VerifiedSealedRecord<BLS12381>,
    of secret: VisitKey<BLS12381>, _ visitKey: VerifiedVisitKey<BLS12381>
  ) throws -> VerifiedReencryptedRecord<BLS12381> {
    var random = SeededGenerator(seed: 1)
    let request = try RequestKey<BLS12381>(encoded: vector.requestSecret.bytes)
    let consent = ConsentBlinding(for: secret, using: &random)
    let shared = try VerifiedReencryptionKey(
      proxyShare: consent.proxyShare,
      blinded: consent.doctorShare.blind(request, theta: consent.theta), theta: consent.theta,
      requestKey: request.encodedPublicKey, visitKey: visitKey
    ).reencrypt(record)
    #expect(shared.bI == vector.reencrypted.bytes)
    return try shared.check(
      for: request, context: visitKey.context, recordDigest: record.recordDigest)
  }

  /// Makes the vector anew where the environment names a file, for when a format changes:
  /// `BCEMR_WRITE_VISIT=FILE swift test --filter VectorTests`. Then `scripts/vectors/visit.py` has to
  /// agree with it.
  @Test(
    "the vector is made from a visit like any other",
    .enabled(if: ProcessInfo.processInfo.environment["BCEMR_WRITE_VISIT"] != nil))
  func write() throws {
    var visit = try Visit(team: 2, seed: 2026)
    let doctor = visit.doctors[0]
    let proof = try doctor.secret.prove(doctor.statement, using: &visit.random)
    let signed = try visit.sign()
    let record = try visit.sealAndCheck()
    let request = RequestKey<BLS12381>(using: &visit.random)
    func hex(_ bytes: [UInt8]) -> String {
      bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
    let commitments: [[String: Any]] = visit.commitments.map {
      ["commitment": hex($0.commitment.bytes), "attempt": $0.attempt]
    }
    let vector: [String: Any] = [
      "statement": hex(doctor.statement.encoded()), "registrationChallenge": hex(proof.challenge),
      "registrationResponses": [proof.z1, proof.z2, proof.z3].map(hex),
      "context": hex(visit.context.encoded()),
      "visitKeyProof": hex(try visit.visitKey.prove(visit.context)),
      "visitSecret": hex(visit.visitSecret.encoded()), "alpha": hex(visit.evidence.bytes),
      "commitments": commitments, "signature": hex(signed.signature.encoded()),
      "record": hex(record.record.encoded()), "recordDigest": hex(record.recordDigest.bytes),
      "trapdoor": hex(Trapdoor(evidence: visit.evidence, visitKey: visit.visitKey).encoded()),
      "requestSecret": hex(request.encoded()),
      "reencrypted": hex(try visit.share(record, with: request).bI),
      "plaintext": hex(visit.plaintext.encoded()),
    ]
    let file: [String: Any] = [
      "about": Self.about, "sources": ["BC-EMR; checked by scripts/vectors/visit.py"],
      "cases": [vector],
    ]
    let path = try #require(ProcessInfo.processInfo.environment["BCEMR_WRITE_VISIT"])
    try JSONSerialization.data(withJSONObject: file, options: [.sortedKeys, .prettyPrinted])
      .write(to: URL(filePath: path))
  }

  private static let about = """
    One visit of two doctors on bls12-381: registration, signatures, sealed record, re-encryption. \
    Objects are DER, points and scalars as encoded there.
    """
}
