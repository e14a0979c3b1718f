internal import CanonicalEncoding
internal import Crypto
public import Pairings

extension SealedRecord {
  /// Seals a visit's findings to its patient (4.4(3)), with a fresh one-time key A and random r:
  ///
  ///     B = r·PK_v   D = r·H2(A)   E = r·ḡ   Y = r·g2
  ///     C = AES-256-GCM under HKDF(e(H1(A), Y))   G = H3(e(H0(α), Y))
  ///
  /// - Throws: ``SchemeError`` `foreignContext` if the key is another visit's; `evidence`, `team` or
  ///   `invalidObject` if the plaintext does not fit its context.
  public static func seal<Suite: PairingSuite>(
    _ plaintext: RecordPlaintext, to key: VerifiedVisitKey<Suite>,
    using generator: inout some RandomNumberGenerator
  ) throws(SchemeError) -> SealedRecord {
    var sealing = try sealing(plaintext, to: key, using: &generator)
    var c: [UInt8] = []
    while let piece = try sealing.next() { c += piece }
    return try sealing.head().record(c)
  }

  /// The same piece by piece.
  package static func sealing<Suite: PairingSuite>(
    _ plaintext: RecordPlaintext, to key: VerifiedVisitKey<Suite>,
    using generator: inout some RandomNumberGenerator
  ) throws(SchemeError) -> RecordSealing {
    guard plaintext.context == key.context else {
      throw SchemeError(.foreignContext, "the visit key is another visit's")
    }
    try plaintext.checkForm()
    let contextDigest = key.contextDigest
    let oneTimeKey = try oneTimeKey(generator.bytes(32))
    let a = Array(oneTimeKey.publicKey.rawRepresentation)
    let r = SecretScalar<Suite.Scalar>(using: &generator)
    let y: Suite.G2 = .generatorMultiplied(by: r.value)
    let b = (r * key.point).encoded()
    let inG1 = Suite.G1.encoded([
      r * Suite.hash(a, .check), r * SuiteConstants<Suite>.shared.base,
    ])
    let info = SealingInfo(
      contextDigest: contextDigest, visitKey: key.context.visitKey, a: a,
      commitments: [FindingCommitment](to: plaintext.findings, contextDigest: contextDigest),
      b: b, d: inG1[0])
    let mask = RecordMask<Suite>(a: a, y: y)
    let g = mask.trapdoorDigest(try Evidence(plaintext.alpha))
    let capacity = PaddedBytes.capacity(for: plaintext.findings)
    return RecordSealing(
      parts: RecordHead(
        contextDigest: contextDigest, a: a, b: b, ciphertextDigest: .zero, d: inG1[0], e: inG1[1],
        g: g, s: []),
      segments: SealedSegments(
        PaddedBytes.pad(plaintext.encoded(reserving: capacity)), under: mask.key(info),
        authenticating: info.encoded()),
      oneTimeKey: oneTimeKey)
  }

  private static func oneTimeKey(
    _ seed: [UInt8]
  ) throws(SchemeError) -> Curve25519.Signing.PrivateKey {
    do {
      return try Curve25519.Signing.PrivateKey(rawRepresentation: seed)
    } catch {
      throw SchemeError(.signing, "no one-time key can be made")
    }
  }
}

/// A record while it is sealed, one piece of C after another.
package struct RecordSealing {
  /// Without SHA-256(C) and S.
  private let parts: RecordHead
  private var segments: SealedSegments
  private let oneTimeKey: Curve25519.Signing.PrivateKey
  private var hash = RunningDigest()

  init(
    parts: RecordHead, segments: SealedSegments, oneTimeKey: Curve25519.Signing.PrivateKey
  ) {
    (self.parts, self.segments, self.oneTimeKey) = (parts, segments, oneTimeKey)
  }

  /// The next piece of C; nil behind the last.
  package mutating func next() throws(SchemeError) -> [UInt8]? {
    let piece = try segments.next()
    if let piece { hash.update(piece) }
    return piece
  }

  /// Once the last piece was made: with SHA-256(C) and S.
  package func head() throws(SchemeError) -> RecordHead {
    var head = parts
    head.ciphertextDigest = hash.digest
    let signed = SealedRecordSignedPart(
      contextDigest: head.contextDigest, ciphertextDigest: head.ciphertextDigest, d: head.d,
      e: head.e, g: head.g)
    head.s = try oneTimeKey.signature(of: signed.encoded())
    return head
  }
}

/// What Y = r·g2 opens: the key of a record's ciphertext, and the trapdoor's digest.
struct RecordMask<Suite: PairingSuite> {
  let a: [UInt8]
  let y: Suite.PreparedG2

  init(a: [UInt8], y: Suite.G2) { (self.a, self.y) = (a, Suite.prepare(y)) }

  /// HKDF(e(H1(A), Y), info).
  func key(_ info: SealingInfo) -> SymmetricKey {
    var value = Suite.pairingProduct([(Suite.hash(a, .mask), y)])
    defer { value.wipe() }
    return DomainTag.record.key(
      SymmetricKey(wiping: value.encoded()), info: info.encoded(), Suite.name)
  }

  /// G = H3(e(H0(α), Y)).
  func trapdoorDigest(_ evidence: Evidence) -> Digest32 {
    Suite.trapdoorDigest(Suite.pairingProduct([(evidence.point(Suite.self), y)]))
  }
}
