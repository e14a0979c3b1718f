public import CanonicalEncoding
internal import Pairings

/// A Schnorr proof of knowledge of (d1, d2, d3) over (A; B¹, B²; C¹, C²) (item 11).
///
/// One response answers for both copies of B, and one for both of C, so the copies are equal.
/// Without it a doctor could register a key made from a colleague's, and sign in their name.
public struct RegistrationProof: CanonicalValue, Equatable {
  /// The Fiat–Shamir challenge c over the statement and the five first messages.
  public var challenge: [UInt8]
  /// zᵢ = tᵢ + c·dᵢ.
  public var z1: [UInt8]
  public var z2: [UInt8]
  public var z3: [UInt8]

  public init(challenge: [UInt8], z1: [UInt8], z2: [UInt8], z3: [UInt8]) {
    (self.challenge, self.z1, self.z2, self.z3) = (challenge, z1, z2, z3)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.octets("challenge", challenge)
    fields.octets("z1", z1)
    fields.octets("z2", z2)
    fields.octets("z3", z3)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    challenge = try fields.octets("challenge", Limits.scalarByteCounts)
    z1 = try fields.octets("z1", Limits.scalarByteCounts)
    z2 = try fields.octets("z2", Limits.scalarByteCounts)
    z3 = try fields.octets("z3", Limits.scalarByteCounts)
  }
}

extension DoctorSigningKey {
  /// Proves that this key stands behind `statement`.
  ///
  /// - Throws: ``SchemeError`` `registrationProof` if the statement holds other points.
  public func prove(
    _ statement: RegistrationStatement, using generator: inout some RandomNumberGenerator
  ) throws(SchemeError) -> RegistrationProof {
    guard try DoctorPublicKey<Suite>(statement) == publicKey else {
      throw SchemeError(.registrationProof, "the statement holds another doctor's key")
    }
    let nonces = DoctorSigningKey(using: &generator)
    let c = RegistrationChallenge(statement, nonces.publicKey).scalar(Suite.self)
    func response(
      _ nonce: SecretScalar<Suite.Scalar>, _ secret: SecretScalar<Suite.Scalar>
    ) -> [UInt8] {
      (nonce.value + c * secret.value).encoded()
    }
    return RegistrationProof(
      challenge: c.encoded(), z1: response(nonces.d1, d1), z2: response(nonces.d2, d2),
      z3: response(nonces.d3, d3))
  }
}

extension RegistrationProof {
  /// Checks z·g − c·P against the challenge for every point P of the statement.
  func verify<Suite: PairingSuite>(
    _ statement: RegistrationStatement, _ key: DoctorPublicKey<Suite>
  ) throws(SchemeError) {
    let c = try Suite.Scalar("the challenge", challenge)
    let (z1, z2, z3) = (
      try Suite.Scalar("z1", z1), try Suite.Scalar("z2", z2), try Suite.Scalar("z3", z3)
    )
    func firstMessage<Group: PairingSourceGroup>(_ z: Suite.Scalar, _ point: Group) -> Group
    where Group.Scalar == Suite.Scalar {
      .generatorMultiplied(by: z) - .multipliedVariableTime(c, point)
    }
    let expected = RegistrationChallenge(
      statement,
      DoctorPublicKey<Suite>(
        a: firstMessage(z1, key.a),
        b1: firstMessage(z2, key.b1), b2: firstMessage(z2, key.b2),
        c1: firstMessage(z3, key.c1), c2: firstMessage(z3, key.c2)))
    guard expected.scalar(Suite.self) == c else {
      throw SchemeError(.registrationProof, "the proof of \(statement.doctor)'s key fails")
    }
  }
}

/// What the challenge is a hash of: the statement, and tᵢ·g for each of its points.
struct RegistrationChallenge: CanonicalObject {
  static let kind = ObjectKind.registrationChallenge

  var statement: Digest32
  var firstMessages: [[UInt8]]

  init<Suite: PairingSuite>(
    _ statement: RegistrationStatement, _ firstMessages: DoctorPublicKey<Suite>
  ) {
    self.statement = statement.digest
    self.firstMessages =
      Suite.G2.encoded([firstMessages.a, firstMessages.b2, firstMessages.c2])
      + Suite.G1.encoded([firstMessages.b1, firstMessages.c1])
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.digest("statement", statement)
    fields.octetsList("firstMessages", firstMessages)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    statement = try fields.digest("statement")
    firstMessages = try fields.octetsList("firstMessages", maximum: 5, Limits.pointByteCounts)
  }

  func scalar<Suite: PairingSuite>(_ suite: Suite.Type) -> Suite.Scalar {
    DomainTag.registration.scalar(encoded(), Suite.name)
  }
}
