internal import CanonicalEncoding
public import Crypto
public import Pairings

/// The hospital's side of the group key exchange of one visit (4.3), authenticated (item 10).
///
/// For each doctor k: ``offer()``, ``confirm(answer:from:)``, ``acknowledge(_:from:)``; when all n
/// have acknowledged, ``deliver(to:)`` hands out K = l_i·Σ V_k.
public struct HospitalKeyExchange<Suite: PairingSuite>: Sendable {
  private enum Progress {
    case offered
    case confirmed(GroupKeySession, SecretPoint<Suite.G1>)
    case acknowledged(GroupKeySession, SecretPoint<Suite.G1>)
  }

  private let context: VisitContext
  private let contextDigest: Digest32
  private let identityKey: Curve25519.Signing.PrivateKey
  private let doctorKeys: [[UInt8]]
  private let secret: SecretScalar<Suite.Scalar>
  private let u: [UInt8]
  private var progress: [Progress]
  /// K, when all doctors have acknowledged.
  private var shared: SecretPoint<Suite.G1>?

  /// - Parameters:
  ///   - identityKey: the hospital's Ed25519 key.
  ///   - doctorKeys: the doctors' registered Ed25519 keys, in the order s.
  public init(
    context: VisitContext, identityKey: Curve25519.Signing.PrivateKey, doctorKeys: [[UInt8]],
    using generator: inout some RandomNumberGenerator
  ) throws(SchemeError) {
    guard context.suite == Suite.name, doctorKeys.count == context.signers.count else {
      throw SchemeError(.team, "the keys are not those of the team in the context")
    }
    self.context = context
    contextDigest = context.digest
    self.identityKey = identityKey
    self.doctorKeys = doctorKeys
    secret = SecretScalar(using: &generator)
    u = Suite.G1.generatorMultiplied(by: secret.value).encoded()
    progress = doctorKeys.map { _ in .offered }
  }

  /// The message for every doctor of the team: U_i.
  public func offer() -> [UInt8] { GroupKeyOffer(u: u).encoded() }

  /// Checks a doctor's V_k and signature, and answers with MAC_i and the hospital's signature.
  ///
  /// - Parameter position: k = 1…n.
  /// - Throws: ``SchemeError`` `doctorAuthentication` if the signature is not D_k's over this
  ///   exchange.
  public mutating func confirm(
    answer: [UInt8], from position: Int
  ) throws(SchemeError) -> [UInt8] {
    guard case .offered = try progress(of: position) else { throw Self.notDue }
    let answer = try GroupKeyAnswer(received: answer)
    let v = try Suite.G1("V", answer.v)
    let transcript = GroupKeyTranscript(
      role: .hospital, hospital: context.hospital,
      doctor: context.signers[position - 1].doctor, contextDigest: contextDigest, u: u,
      v: answer.v)
    guard
      Curve25519.Signing.PublicKey.verify(
        answer.signature, of: transcript.signed(by: .doctor), by: doctorKeys[position - 1])
    else {
      throw SchemeError(
        .doctorAuthentication, "the signature on V is not that of \(transcript.doctor)")
    }
    let agreed = SecretPoint(secret * v)
    let session = GroupKeySession(transcript, agreed: agreed, Suite.self)
    progress[position - 1] = .confirmed(session, agreed)
    return GroupKeyConfirmation(
      signature: try identityKey.signature(of: transcript.signed(by: .hospital)),
      code: session.confirmation(of: .hospital)
    ).encoded()
  }

  /// Checks a doctor's MAC_k†.
  ///
  /// - Throws: ``SchemeError`` `doctorAuthentication` if it fails.
  public mutating func acknowledge(
    _ acknowledgement: [UInt8], from position: Int
  ) throws(SchemeError) {
    guard case .confirmed(let session, let agreed) = try progress(of: position) else {
      throw Self.notDue
    }
    let acknowledgement = try GroupKeyAcknowledgement(received: acknowledgement)
    guard session.isConfirmation(acknowledgement.code, of: .doctor) else {
      throw SchemeError(
        .doctorAuthentication, "the confirmation of \(session.transcript.doctor) fails")
    }
    progress[position - 1] = .acknowledged(session, agreed)
    shared = sumOfAgreed.map(SecretPoint.init)
  }

  /// M = E_{s_i}(K) for one doctor.
  ///
  /// - Throws: ``SchemeError`` `unexpectedMessage` until all doctors have acknowledged.
  public func deliver(to position: Int) throws(SchemeError) -> [UInt8] {
    guard case .acknowledged(let session, _) = try progress(of: position) else {
      throw Self.notDue
    }
    return GroupKeyDelivery(sealedKey: try session.seal(try sharedPoint().encoded())).encoded()
  }

  /// K, when all doctors have acknowledged.
  public func groupKey() throws(SchemeError) -> GroupKey {
    GroupKey(try sharedPoint(), context: context, Suite.self)
  }

  /// K ≠ 0.
  private func sharedPoint() throws(SchemeError) -> Suite.G1 {
    guard let shared else { throw Self.notDue }
    if shared.value.isIdentity {
      throw SchemeError(.invalidPoint, "the group key is the identity")
    }
    return shared.value
  }

  /// K = l_i·Σ V_k = Σ l_i·V_k, when all doctors have acknowledged.
  private var sumOfAgreed: Suite.G1? {
    var sum = Suite.G1.identity
    for doctor in progress {
      guard case .acknowledged(_, let agreed) = doctor else { return nil }
      sum = sum + agreed.value
    }
    return sum
  }

  private func progress(of position: Int) throws(SchemeError) -> Progress {
    guard (1...progress.count).contains(position) else {
      throw SchemeError(.position, "there is no doctor \(position) in the team")
    }
    return progress[position - 1]
  }

  private static var notDue: SchemeError {
    SchemeError(.unexpectedMessage, "this step of the group key exchange is not due")
  }
}
