import CanonicalEncoding
import Crypto
import EMRScheme
import Pairings
import TestSupport
import Testing

@Suite("Attacks on registration")
struct RegistrationAttacks {
  /// A_2 = a·g2 − A_1, with B and C of the attacker's own.
  private func rogue(
    against victim: DoctorFixture<BLS12381>, _ attacker: DoctorFixture<BLS12381>, _ a: Scalar
  ) -> RegistrationStatement {
    var statement = attacker.statement
    statement.a =
      (G2.generatorMultiplied(by: a) - victim.prepared.verified.key.a).encoded()
    return statement
  }

  @Test("[attack] item 11: a rogue key with an empty m_2 forges the victim's part, as printed")
  func rogueKey() throws {
    var random = SeededGenerator(seed: 1)
    let victim = try DoctorFixture<BLS12381>("victim", using: &random)
    let attacker = try DoctorFixture<BLS12381>("attacker", using: &random)
    let a = Scalar.random(using: &random)
    let statement = rogue(against: victim, attacker, a)
    let rogue = try VerifiedDoctorKey<BLS12381>(alreadyVerified: statement)
    let keys = [victim.prepared.verified.key, rogue.key]

    // With m_2 empty, W_1 = W_2, and Q = a·W + r·Σ(B_i + i·C_i) needs no secret of the victim.
    let printed = PrintedChain<BLS12381>()
    let messages = printed.messages(["the victim never wrote this", ""])
    let r = Scalar.random(using: &random)
    let sum = G1.sum(keys.enumerated().map { $1.b1 + Scalar(UInt64($0 + 1)) * $1.c1 })
    let forged = SequentialSignature<BLS12381>(
      r: .generatorMultiplied(by: r), q: a * messages[0] + r * sum)
    #expect(equation3Holds(forged, messages, keys))

    // Here the key never gets registered, for nobody knows its logarithm …
    let proof = try attacker.secret.prove(attacker.statement, using: &random)
    expectRefusal(.registrationProof) {
      _ = try VerifiedDoctorKey<BLS12381>(verifying: statement, proof: proof)
    }
    expectRefusal(.registrationProof) {
      _ = try attacker.secret.prove(statement, using: &random)
    }
    // … and even if it were, W_1 and W_2 differ in position and commitments.
    let prepared = PreparedDoctorKey(rogue)
    let visit = try Visit(doctors: [victim, attacker])
    var context = visit.context
    context.signers[1] = statement.signer
    let chain = try SigningChain(context: context, signers: [victim.prepared, prepared])
    let commitment = FindingCommitment(commitment: .zero, attempt: 1)
    for commitments in [[commitment], [commitment, commitment]] {
      let w = SecondChain(context.digest, commitments).w
      expectRefusal(.chainEquation) {
        _ = try chain.verify(
          .init(r: .generatorMultiplied(by: r), q: a * w + r * sum),
          commitments: [commitment, commitment])
      }
    }
  }

  @Test("[attack] item 11: the two copies of B, or of C, must be equal")
  func unequalCopies() throws {
    var random = SeededGenerator(seed: 2)
    let doctor = try DoctorFixture<BLS12381>("doctor", using: &random)
    let honest = try doctor.secret.prove(doctor.statement, using: &random)
    _ = try VerifiedDoctorKey<BLS12381>(verifying: doctor.statement, proof: honest)

    for field in [\RegistrationStatement.b2, \.c2] {
      var statement = doctor.statement
      statement[keyPath: field] = G2.generatorMultiplied(by: .random(using: &random)).encoded()
      expectRefusal(.registrationProof) {
        _ = try VerifiedDoctorKey<BLS12381>(verifying: statement, proof: honest)
      }
      // A prover who knows both logarithms, and answers the right challenge for one copy only. What
      // has to be sent first for the other depends on the challenge: it is guessed, or left out.
      for provesCopies in [true, false] {
        let forged = try LyingProver(statement, provesCopies: provesCopies)
          .proof(doctor.secret, using: &random)
        expectRefusal(.registrationProof) {
          _ = try VerifiedDoctorKey<BLS12381>(verifying: statement, proof: forged)
        }
      }
    }
    // The same prover with equal copies is believed: what fails above is the equality.
    let forged = try LyingProver(doctor.statement).proof(doctor.secret, using: &random)
    _ = try VerifiedDoctorKey<BLS12381>(verifying: doctor.statement, proof: forged)
  }

  @Test("[attack] item 11: a proof serves one identity, hospital, ledger and set of keys")
  func movedProof() throws {
    var random = SeededGenerator(seed: 3)
    let doctor = try DoctorFixture<BLS12381>("doctor", using: &random)
    let other = try DoctorFixture<BLS12381>("other", using: &random)
    let proof = try doctor.secret.prove(doctor.statement, using: &random)
    let changes: [(inout RegistrationStatement) -> Void] = [
      { $0.genesis = Digest32(sha256: [1]) }, { $0.doctor = "other" },
      { $0.hospital = "hospital-2" }, { $0.identityKey[0] ^= 1 },
      { $0.a = other.statement.a }, { $0.b1 = other.statement.b1 },
      { $0.b2 = other.statement.b2 }, { $0.c1 = other.statement.c1 },
      { $0.c2 = other.statement.c2 }, { $0.specialties = [] },
      { $0.specialties.removeFirst() },
    ]
    for change in changes {
      var statement = doctor.statement
      change(&statement)
      expectRefusal(.registrationProof) {
        _ = try VerifiedDoctorKey<BLS12381>(verifying: statement, proof: proof)
      }
    }
    var foreign = doctor.statement
    foreign.suite = "type-a-160-512"
    expectRefusal(.foreignContext) {
      _ = try VerifiedDoctorKey<BLS12381>(verifying: foreign, proof: proof)
    }
    for field in [\RegistrationProof.challenge, \.z1, \.z2, \.z3] {
      var changed = proof
      changed[keyPath: field][31] ^= 1
      expectRefusal(.registrationProof) {
        _ = try VerifiedDoctorKey<BLS12381>(verifying: doctor.statement, proof: changed)
      }
    }
  }

  @Test("identities and foreign bytes are no keys")
  func invalidPoints() throws {
    var random = SeededGenerator(seed: 4)
    let doctor = try DoctorFixture<BLS12381>("doctor", using: &random)
    let proof = try doctor.secret.prove(doctor.statement, using: &random)
    for field in [\RegistrationStatement.a, \.b1, \.b2, \.c1, \.c2] {
      let size = doctor.statement[keyPath: field].count
      let identity = [0xc0] + [UInt8](repeating: 0, count: size - 1)
      for bytes in [identity, [], [UInt8](repeating: 0xff, count: size), [0x80] + identity] {
        var statement = doctor.statement
        statement[keyPath: field] = bytes
        expectRefusal(.invalidPoint) {
          _ = try VerifiedDoctorKey<BLS12381>(verifying: statement, proof: proof)
        }
      }
    }
  }

  @Test("[attack] item 11: a team with equal keys is refused")
  func equalKeys() throws {
    var random = SeededGenerator(seed: 5)
    let doctor = try DoctorFixture<BLS12381>("doctor-1", using: &random)
    let other = try DoctorFixture<BLS12381>("doctor-2", using: &random)
    for fields in [
      [\RegistrationStatement.a], [\.b1, \.b2], [\.c1, \.c2], [\.doctor as PartialKeyPath],
    ] as [[PartialKeyPath<RegistrationStatement>]] {
      var statement = other.statement
      for field in fields {
        if let field = field as? WritableKeyPath<RegistrationStatement, [UInt8]> {
          statement[keyPath: field] = doctor.statement[keyPath: field]
        } else {
          statement.doctor = doctor.statement.doctor
        }
      }
      let twin = PreparedDoctorKey(
        try VerifiedDoctorKey<BLS12381>(alreadyVerified: statement))
      var context = try Visit(doctors: [doctor, other]).context
      context.signers[1] = statement.signer
      expectRefusal(.equalKeys) {
        _ = try SigningChain(context: context, signers: [doctor.prepared, twin])
      }
    }
    let visit = try Visit(doctors: [doctor])
    var context = visit.context
    context.signers += context.signers
    expectRefusal(.equalKeys) {
      _ = try SigningChain(context: context, signers: [doctor.prepared, doctor.prepared])
    }
  }

  @Test("prepared keys are found again, and never another doctor's")
  func cache() throws {
    var random = SeededGenerator(seed: 6)
    let doctors = try (1...3).map { try DoctorFixture<BLS12381>("d\($0)", using: &random) }
    var cache = PreparedKeyCache<BLS12381>(capacity: 2)
    let first = cache.prepared(doctors[0].prepared.verified)
    #expect(cache.prepared(doctors[0].prepared.verified) === first)
    // A doctor who registered again under the same name gets the new key.
    let again = try DoctorFixture<BLS12381>("d1", using: &random)
    #expect(cache.prepared(again.prepared.verified).verified == again.prepared.verified)
    for doctor in doctors { _ = cache.prepared(doctor.prepared.verified) }
    #expect(cache.prepared(doctors[0].prepared.verified) !== first)
  }
}

/// A Schnorr prover written a second time, who signs whatever the statement says.
private struct LyingProver {
  let statement: RegistrationStatement
  /// Whether the challenge is one over the copies in G2 as well.
  let provesCopies: Bool

  init(_ statement: RegistrationStatement, provesCopies: Bool = true) {
    (self.statement, self.provesCopies) = (statement, provesCopies)
  }

  func proof(
    _ secret: DoctorSigningKey<BLS12381>, using random: inout SeededGenerator
  ) throws -> RegistrationProof {
    let t = (0..<3).map { _ in Scalar.random(using: &random) }
    let challenge = Challenge(
      statement: statement.digest,
      firstMessages: (provesCopies ? t : [t[0]]).map { G2.generatorMultiplied(by: $0).encoded() }
        + t[1...].map { G1.generatorMultiplied(by: $0).encoded() })
    let wide = HKDF<SHA256>.deriveKey(
      inputKeyMaterial: SymmetricKey(data: challenge.encoded()),
      salt: Array("BCEMR-V01-bls12-381-REGISTRATION".utf8), outputByteCount: 48)
    let c = Scalar(reducing: unsafe wide.withUnsafeBytes { unsafe Array($0) })
    let bytes = secret.encoded()
    let z = try (0..<3).map {
      t[$0] + c * (try Scalar(encoded: Array(bytes[(32 * $0)..<(32 * $0 + 32)])))
    }
    return RegistrationProof(
      challenge: c.encoded(), z1: z[0].encoded(), z2: z[1].encoded(), z3: z[2].encoded())
  }

  private struct Challenge: CanonicalObject {
    static var kind: ObjectKind { .registrationChallenge }
    var statement: Digest32
    var firstMessages: [[UInt8]]

    init(statement: Digest32, firstMessages: [[UInt8]]) {
      (self.statement, self.firstMessages) = (statement, firstMessages)
    }

    func encode(into fields: inout some FieldEncoder) {
      fields.digest("statement", statement)
      fields.octetsList("firstMessages", firstMessages)
    }

    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      statement = try fields.digest("statement")
      firstMessages = try fields.octetsList("firstMessages", maximum: 5, 1...1024)
    }
  }
}
