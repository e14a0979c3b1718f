internal import CanonicalEncoding
internal import Crypto
internal import Pairings

/// (role, ID_i, ID_k, context, U_i, V_k): what both sides of the group key exchange sign, confirm
/// and derive their keys for (item 10).
struct GroupKeyTranscript: CanonicalObject {
  static let kind = ObjectKind.groupKeyTranscript

  enum Role: UInt64 {
    case hospital = 1
    case doctor = 2
  }

  var role: Role
  /// ID_i and ID_k.
  var hospital, doctor: String
  var contextDigest: Digest32
  /// U_i = l_i·g1 and V_k = l_k·g1, compressed.
  var u, v: [UInt8]

  init(
    role: Role, hospital: String, doctor: String, contextDigest: Digest32, u: [UInt8], v: [UInt8]
  ) {
    self.role = role
    (self.hospital, self.doctor) = (hospital, doctor)
    self.contextDigest = contextDigest
    (self.u, self.v) = (u, v)
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.integer("role", role.rawValue)
    fields.text("hospital", hospital)
    fields.text("doctor", doctor)
    fields.digest("contextDigest", contextDigest)
    fields.octets("u", u)
    fields.octets("v", v)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    role = try fields.integer("role", in: 1...2) == 1 ? .hospital : .doctor
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    doctor = try fields.text("doctor", maximum: Limits.identifierByteCount)
    contextDigest = try fields.digest("contextDigest")
    u = try fields.octets("u", Limits.pointByteCounts)
    v = try fields.octets("v", Limits.pointByteCounts)
  }

  /// The same exchange as the other side signs it.
  func signed(by role: Role) -> [UInt8] {
    var transcript = self
    transcript.role = role
    return transcript.encoded()
  }
}

/// The three keys that s_i = s_k gives for one transcript; each serves one purpose.
struct GroupKeySession: Sendable {
  let transcript: GroupKeyTranscript
  private let hospitalConfirmation, doctorConfirmation, delivery: SymmetricKey

  /// - Parameter agreed: s_i = l_i·V_k = l_k·U_i (Eq. 1).
  init<Suite: PairingSuite>(
    _ transcript: GroupKeyTranscript, agreed: SecretPoint<Suite.G1>, _ suite: Suite.Type
  ) {
    self.transcript = transcript
    let shared = SymmetricKey(wiping: agreed.value.encoded())
    func key(_ tag: DomainTag) -> SymmetricKey {
      tag.key(shared, info: transcript.signed(by: .hospital), Suite.name)
    }
    hospitalConfirmation = key(.hospitalConfirmation)
    doctorConfirmation = key(.doctorConfirmation)
    delivery = key(.delivery)
  }

  /// MAC_i or MAC_k†: HMAC-SHA256 of the transcript under the role's own key.
  func confirmation(of role: GroupKeyTranscript.Role) -> [UInt8] {
    Array(
      HMAC<SHA256>.authenticationCode(for: transcript.signed(by: role), using: macKey(role)))
  }

  func isConfirmation(_ code: [UInt8], of role: GroupKeyTranscript.Role) -> Bool {
    HMAC<SHA256>.isValidAuthenticationCode(
      code, authenticating: transcript.signed(by: role), using: macKey(role))
  }

  /// M = E_{s_i}(K).
  func seal(_ groupKey: [UInt8]) throws(SchemeError) -> [UInt8] {
    try AuthenticatedBox.seal(
      groupKey, under: delivery, authenticating: transcript.signed(by: .hospital))
  }

  func open(_ sealed: [UInt8]) throws(SchemeError) -> [UInt8] {
    try AuthenticatedBox.open(
      sealed, under: delivery, authenticating: transcript.signed(by: .hospital))
  }

  private func macKey(_ role: GroupKeyTranscript.Role) -> SymmetricKey {
    role == .hospital ? hospitalConfirmation : doctorConfirmation
  }
}
