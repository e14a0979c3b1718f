import CanonicalEncoding
import EMRScheme
import Foundation
import Pairings
import Testing

/// `Vectors/visit.json`, which `scripts/vectors/visit.py` checks with other libraries.
private struct VisitVector: Decodable {
  struct Commitment: Decodable {
    var commitment: String
    var attempt: UInt64
  }

  var statement, registrationChallenge: String
  var registrationResponses: [String]
  var context, visitKeyProof, visitSecret, alpha: String
  var commitments: [Commitment]
  var signature, record, recordDigest, trapdoor, requestSecret, reencrypted, plaintext: String

  static func load() throws -> Self {
    let url = try #require(
      Bundle.module.url(forResource: "visit", withExtension: "json", subdirectory: "Vectors"))
    return try JSONDecoder().decode(Self.self, from: Data(contentsOf: url))
  }

  subscript(field: KeyPath<Self, String>) -> [UInt8] {
    get throws { try #require([UInt8](hex: self[keyPath: field])) }
  }
}

@Suite("A visit that a second implementation verified")
struct VectorTests {
  @Test("every check of the vector passes, and every value comes out the same")
  func visit() throws {
    let vector = try VisitVector.load()
    let statement = try RegistrationStatement(encoded: vector[\.statement])
    let responses = try vector.registrationResponses.map { try #require([UInt8](hex: $0)) }
    _ = try VerifiedDoctorKey<BLS12381>(
      verifying: statement,
      proof: RegistrationProof(
        challenge: vector[\.registrationChallenge], z1: responses[0], z2: responses[1],
        z3: responses[2]))

    let context = try VisitContext(encoded: vector[\.context])
    let visitKey = try VerifiedVisitKey<BLS12381>(
      verifying: vector[\.visitKeyProof], of: context)
    let secret = try VisitKey<BLS12381>(
      derivedFrom: [UInt8](repeating: 0, count: 16) + vector[\.visitSecret])
    #expect(secret.encodedPublicKey == context.visitKey)
    #expect(try secret.prove(context) == vector[\.visitKeyProof])

    let plaintext = try RecordPlaintext(encoded: vector[\.plaintext])
    let commitments = try vector.commitments.map {
      FindingCommitment(
        commitment: try #require(Digest32(hex: $0.commitment)), attempt: $0.attempt)
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
      SequentialSignature(encoded: vector[\.signature]), commitments: commitments)

    let sealed = try SealedRecord(encoded: vector[\.record])
    let record = try sealed.check(for: visitKey)
    #expect(record.recordDigest.description == vector.recordDigest)
    #expect(try record.open(with: secret, signed: signed).plaintext == plaintext)

    let evidence = try Evidence(vector[\.alpha])
    let trapdoor = Trapdoor(evidence: evidence, visitKey: secret)
    #expect(try trapdoor.encoded() == vector[\.trapdoor])
    #expect(record.matches(trapdoor))

    var random = SeededGenerator(1)
    let request = try RequestKey<BLS12381>(encoded: vector[\.requestSecret])
    let consent = ConsentBlinding(for: secret, using: &random)
    let shared = try VerifiedReencryptionKey(
      proxyShare: consent.proxyShare,
      blinded: consent.doctorShare.blind(request, theta: consent.theta), theta: consent.theta,
      requestKey: request.encodedPublicKey, visitKey: visitKey
    ).reencrypt(record)
    #expect(try shared.bI == vector[\.reencrypted])
    let received = try shared.check(
      for: request, context: context, recordDigest: record.recordDigest)
    #expect(try received.open(signed: signed).plaintext == plaintext)
  }
}
