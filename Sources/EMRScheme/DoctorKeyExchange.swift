internal import CanonicalEncoding
public import Crypto
public import Pairings

/// A doctor's side of the group key exchange of one visit (4.3), authenticated (item 10):
/// ``answer(offer:using:)``, ``acknowledge(confirmation:)``, ``receive(delivery:)``.
public struct DoctorKeyExchange<Suite: PairingSuite>: Sendable {
  private enum Progress {
    case started
    case answered(GroupKeySession)
    case acknowledged(GroupKeySession)
    case finished
  }

  private let context: VisitContext
  private let doctor: String
  private let identityKey: Curve25519.Signing.PrivateKey
  private let hospitalKey: [UInt8]
  private var progress = Progress.started

  /// - Parameters:
  ///   - position: k = 1…n, this doctor's place in the order s.
  ///   - identityKey: the doctor's Ed25519 key, as registered.
  ///   - hospitalKey: the hospital's Ed25519 key, from the genesis.
  public init(
    context: VisitContext, position: Int, identityKey: Curve25519.Signing.PrivateKey,
    hospitalKey: [UInt8]
  ) throws(SchemeError) {
    guard context.suite == Suite.name, (1...context.signers.count).contains(position) else {
      throw SchemeError(.position, "there is no doctor \(position) in the team")
    }
    self.context = context
    doctor = context.signers[position - 1].doctor
    self.identityKey = identityKey
    self.hospitalKey = hospitalKey
  }

  /// Answers U_i with V_k and a signature of the exchange.
  public mutating func answer(
    offer: [UInt8], using generator: inout some RandomNumberGenerator
  ) throws(SchemeError) -> [UInt8] {
    guard case .started = progress else { throw Self.notDue }
    let offer = try GroupKeyOffer(received: offer)
    let u = try Suite.G1("U", offer.u)
    let secret = SecretScalar<Suite.Scalar>(using: &generator)
    let v = Suite.G1.generatorMultiplied(by: secret.value).encoded()
    let transcript = GroupKeyTranscript(
      role: .doctor, hospital: context.hospital, doctor: doctor, contextDigest: context.digest,
      u: offer.u, v: v)
    progress = .answered(
      GroupKeySession(transcript, agreed: SecretPoint(secret * u), Suite.self))
    return GroupKeyAnswer(
      v: v, signature: try identityKey.signature(of: transcript.signed(by: .doctor))
    ).encoded()
  }

  /// Checks the hospital's signature and MAC_i, and answers with MAC_k†.
  ///
  /// - Throws: ``SchemeError`` `hospitalAuthentication` if either fails; the exchange is over.
  public mutating func acknowledge(confirmation: [UInt8]) throws(SchemeError) -> [UInt8] {
    guard case .answered(let session) = progress else { throw Self.notDue }
    progress = .finished
    let confirmation = try GroupKeyConfirmation(received: confirmation)
    guard
      Curve25519.Signing.PublicKey.verify(
        confirmation.signature, of: session.transcript.signed(by: .hospital), by: hospitalKey),
      session.isConfirmation(confirmation.code, of: .hospital)
    else {
      throw SchemeError(
        .hospitalAuthentication, "the confirmation is not that of \(context.hospital)")
    }
    progress = .acknowledged(session)
    return GroupKeyAcknowledgement(code: session.confirmation(of: .doctor)).encoded()
  }

  /// Opens M and takes K, which must not be the identity.
  public mutating func receive(delivery: [UInt8]) throws(SchemeError) -> GroupKey {
    guard case .acknowledged(let session) = progress else { throw Self.notDue }
    let delivery = try GroupKeyDelivery(received: delivery)
    let k = try Suite.G1("K", try session.open(delivery.sealedKey))
    progress = .finished
    return GroupKey(k, context: context, Suite.self)
  }

  private static var notDue: SchemeError {
    SchemeError(.unexpectedMessage, "this step of the group key exchange is not due")
  }
}
