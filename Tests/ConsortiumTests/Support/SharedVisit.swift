import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Foundation
import Pairings
import TestSupport
import Testing

/// What `scripts/vectors/sharing_appendix.py`, which rests on the documents alone, has made.
struct SharingVectors: Decodable {
  let doctor: DoctorRotation
  let member: MemberRotation
  let visit: Visit
  let sharing: Sharing
  let note: Note

  struct DoctorRotation: Decodable {
    let formerKey, identityKey, statement, statementDigest, proof, rotation, entry: Hex
    let refusedProofs: [Hex]
  }

  struct MemberRotation: Decodable {
    let formerKey, identityKey, withoutProof, consent, consentDigest, proof, rotation, entry: Hex
    let refusedProofs: [Hex]
  }

  struct Visit: Decodable {
    let opening, context, contextDigest, root, visitKeyProof, doctorSecret, statement: Hex
    let alpha, content, salt, commitment, drawnForSignature, signature, oneTimeSeed: Hex
    let drawnForRecord, record, head, recordDigest, trapdoor: Hex
  }

  struct Sharing: Decodable {
    let accessRequest, accessRequestDigest, accessRequestSignature, submission, certification: Hex
    let recertification: Hex
    let drawnForRequestKey, requestSecret, requestKey, agreementSecret: Hex
    let certificate, certificateDigest, certificateSignature: Hex
    let drawnForBlinding, t, x, y, theta, consent, document, consentSignature: Hex
    let consentNotice, requestNotice, accessNotice, managerKey, deposit: Hex
    let grant, grantInfo, sealedGrant, granted, reencryption: Hex
    let refusedGrants: [Hex]
    let bI, piece, reencrypted, openingKey, openingEvidence: Hex
  }

  struct Note: Decodable {
    let counter: UInt64
    let message, signature, signed, paddedDigest, info, sealed, keeping, revocation: Hex
    let signedByteCount, paddedByteCount, sealedByteCount: Int
    let refused: [Refused]

    struct Refused: Decodable {
      let name: String
      let kept: Hex
    }
  }

  static func read() throws -> Self {
    try #require(VectorFile<Self>("sharing", in: .module).cases.first)
  }
}

/// A generator that gives these bytes, one after the other.
struct Drawn: RandomNumberGenerator {
  private var bytes: [UInt8]

  init(_ parts: Hex...) { bytes = parts.flatMap(\.bytes) }

  mutating func next() -> UInt64 { UInt64(bytes.removeFirst()) }
}

/// The visit of the vectors, as the product has it.
struct SharedVisit {
  let vectors: SharingVectors
  let context: VisitContext
  let genesis: Digest32
  let statement: RegistrationStatement
  let patient: PatientVisitKeys<BLS12381>
  let visitKey: VerifiedVisitKey<BLS12381>
  let chain: SigningChain<BLS12381>
  let signed: VerifiedSignature<BLS12381>
  let findings: [Finding]
  let record: SealedRecord

  init() throws {
    vectors = try SharingVectors.read()
    let visit = vectors.visit
    context = try VisitContext(encoded: visit.context.bytes)
    genesis = context.genesis
    let keys = try PatientRoot(visit.root.bytes).keys(of: context, BLS12381.self)
    patient = try #require(keys)
    visitKey = try VerifiedVisitKey(verifying: visit.visitKeyProof.bytes, of: context)
    statement = try RegistrationStatement(encoded: visit.statement.bytes)
    chain = try SigningChain(
      context: context,
      signers: [PreparedDoctorKey(VerifiedDoctorKey(alreadyVerified: statement))])
    findings = [Finding(content: visit.content.bytes, salt: visit.salt.bytes, attempt: 1)]
    signed = try chain.verify(
      SequentialSignature(encoded: visit.signature.bytes),
      commitments: [FindingCommitment](to: findings, contextDigest: context.digest))
    record = try SealedRecord(encoded: visit.record.bytes)
  }

  /// S_v.
  var signingKey: [UInt8] { context.visitSigningKey }
}
