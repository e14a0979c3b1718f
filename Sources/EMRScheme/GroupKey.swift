public import CanonicalEncoding
internal import Crypto
public import Pairings

/// K: shared by a visit's hospital and team (4.3), seals what one doctor hands to the next.
///
/// K itself lives in a symmetric key, which overwrites its bytes when released.
public final class GroupKey: Sendable {
  private let key: SymmetricKey
  private let contextDigest: Digest32
  private let suite: String

  init<Suite: PairingSuite>(_ k: Suite.G1, context: VisitContext, _ suite: Suite.Type) {
    key = SymmetricKey(wiping: k.encoded())
    contextDigest = context.digest
    self.suite = Suite.name
  }

  /// Decodes what ``encoded()`` wrote for a keystore.
  public convenience init<Suite: PairingSuite>(
    encoded bytes: [UInt8], context: VisitContext, _ suite: Suite.Type
  ) throws(SchemeError) {
    self.init(try Suite.G1("K", bytes), context: context, suite)
  }

  /// K, compressed: for an encrypted keystore only.
  public func encoded() -> [UInt8] { unsafe key.withUnsafeBytes { unsafe Array($0) } }

  /// c_k: m_1 … m_k with their salts.
  ///
  /// The key is HKDF(K, (context, k, (com_1, a_1) … (com_k, a_k))). With k and a_k it is bound to
  /// the commitments, hence to the findings: no key ever seals two messages, even if a doctor loses
  /// a finding and writes another for the same attempt.
  public func seal(_ findings: [Finding]) throws(SchemeError) -> GroupSealedFindings {
    var sealing = try sealing(findings)
    var ciphertext: [UInt8] = []
    while let piece = try sealing.next() { ciphertext += piece }
    let head = sealing.head
    return GroupSealedFindings(
      contextDigest: head.contextDigest, position: head.position, attempt: head.attempt,
      ciphertext: ciphertext)
  }

  /// The same piece by piece.
  package func sealing(_ findings: [Finding]) throws(SchemeError) -> FindingsSealing {
    let commitments = [FindingCommitment](to: findings, contextDigest: contextDigest)
    guard let last = commitments.last, commitments.count <= Limits.teamSize,
      findings.reduce(0, { $0 + $1.content.count }) <= Limits.findingsByteCount
    else { throw SchemeError(.invalidObject, "the findings are none or too many") }
    let info = FindingChain(contextDigest: contextDigest, commitments: commitments).encoded()
    let capacity = PaddedBytes.capacity(for: findings)
    return FindingsSealing(
      contextDigest: contextDigest, position: UInt64(commitments.count), attempt: last.attempt,
      segments: SealedSegments(
        PaddedBytes.pad(FindingList(findings).encoded(reserving: capacity)),
        under: messageKey(info), authenticating: info))
  }

  /// Opens c_k, and accepts nothing but what opens the commitments.
  ///
  /// - Parameter commitments: (com_1, a_1) … (com_k, a_k) as they stand on the ledger.
  /// - Throws: ``SchemeError`` `decryption` or `commitment`.
  public func open(
    _ sealed: GroupSealedFindings, commitments: [FindingCommitment]
  ) throws(SchemeError) -> [Finding] {
    try open(sealed.head, sealed.ciphertext, commitments: commitments)
  }

  /// The same with the ciphertext apart: it is opened where it stands, if this is the only copy.
  package func open(
    _ head: FindingsHead, _ ciphertext: consuming [UInt8], commitments: [FindingCommitment]
  ) throws(SchemeError) -> [Finding] {
    guard head.contextDigest == contextDigest else {
      throw SchemeError(.foreignContext, "the findings belong to another visit")
    }
    guard head.position == UInt64(commitments.count),
      head.attempt == commitments.last?.attempt
    else { throw SchemeError(.position, "the findings are not those of the last signature") }
    let info = FindingChain(contextDigest: contextDigest, commitments: commitments).encoded()
    let padded = try AuthenticatedBox.open(
      ciphertext, under: messageKey(info), authenticating: info)
    let findings = try FindingList(received: PaddedBytes.unpad(padded)).findings
    try commitments.checkOpenings(findings, contextDigest: contextDigest)
    return findings
  }

  private func messageKey(_ info: [UInt8]) -> SymmetricKey {
    DomainTag.findings.key(key, info: info, suite)
  }
}

/// c_k (4.4): m_1 … m_k under the group key.
public struct GroupSealedFindings: CanonicalObject, Equatable {
  public static let kind = ObjectKind.groupSealedFindings
  public static let maximumByteCount = Limits.ciphertextByteCount + 1 << 10

  public var contextDigest: Digest32
  /// k.
  public var position: UInt64
  /// a_k.
  public var attempt: UInt64
  /// AES-256-GCM with its tag.
  public var ciphertext: [UInt8]

  init(contextDigest: Digest32, position: UInt64, attempt: UInt64, ciphertext: [UInt8]) {
    self.contextDigest = contextDigest
    (self.position, self.attempt) = (position, attempt)
    self.ciphertext = ciphertext
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("contextDigest", contextDigest)
    fields.integer("position", position)
    fields.integer("attempt", attempt)
    fields.octets("ciphertext", ciphertext)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    contextDigest = try fields.digest("contextDigest")
    position = try fields.integer("position", in: 1...UInt64(Limits.teamSize))
    attempt = try fields.integer("attempt", in: 1...65)
    ciphertext = try fields.octets("ciphertext", 0...Limits.ciphertextByteCount)
  }
}
