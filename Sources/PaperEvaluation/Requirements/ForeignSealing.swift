internal import CanonicalEncoding
internal import Crypto
internal import EMRScheme
internal import HashToCurve
internal import Pairings

/// The sealing of 4.4 (3) by a last doctor with a changed program, who takes the values freely that
/// the scheme's own code fixes.
struct ForeignSealing<Suite: PairingSuite> {
  let visit: TeamVisit<Suite>
  /// What is sealed.
  let plaintext: RecordPlaintext
  /// What the key is derived for: the commitments that the team has signed.
  let commitments: [FindingCommitment]
  /// ḡ.
  var base = Suite.hashToG1([], domain: DomainTag.base.text(Suite.name))

  func seal(using random: inout some RandomNumberGenerator) throws -> SealedRecord {
    let oneTimeKey = Curve25519.Signing.PrivateKey()
    let a = Array(oneTimeKey.publicKey.rawRepresentation)
    let r = Suite.Scalar.random(using: &random)
    let y = Suite.G2.generatorMultiplied(by: r)
    let b = (r * visit.verifiedKey.point).encoded()
    let (d, e) = ((r * hash(a, .check)).encoded(), (r * base).encoded())
    let info = SealingInfo(
      contextDigest: visit.context.digest, visitKey: visit.context.visitKey, a: a,
      commitments: commitments, b: b, d: d
    ).encoded()
    let key = HKDF<SHA256>.deriveKey(
      inputKeyMaterial: SymmetricKey(data: Suite.pairing(hash(a, .mask), y).encoded()),
      salt: Array(DomainTag.record.text(Suite.name).utf8), info: info, outputByteCount: 32)
    let padded = plaintext.encoded() + [0x80]
    let box = try AES.GCM.seal(
      padded + [UInt8](repeating: 0, count: max(0, 4096 - padded.count)), using: key,
      nonce: AES.GCM.Nonce(data: [UInt8](repeating: 0, count: 12)), authenticating: info)
    let tag = Digest32(sha256: DomainTag.trapdoor.text(Suite.name).utf8)

    var record = try visit.seal(plaintext.findings, using: &random).record
    (record.a, record.b, record.d, record.e) = (a, b, d, e)
    record.c = Array(box.ciphertext) + box.tag
    record.g = Digest32(
      sha256: tag.bytes + Suite.pairing(hash(plaintext.alpha, .evidence), y).encoded())
    record.s = Array(
      try oneTimeKey.signature(
        for: SealedRecordSignedPart(
          contextDigest: visit.context.digest, ciphertextDigest: Digest32(sha256: record.c), d: d,
          e: e, g: record.g
        ).encoded()))
    return record
  }

  private func hash(_ message: [UInt8], _ tag: DomainTag) -> Suite.G1 {
    Suite.hashToG1(message, domain: tag.text(Suite.name))
  }
}

extension VisitContext {
  /// W_k.
  func w<Suite: PairingSuite>(
    _ commitments: [FindingCommitment], _ suite: Suite.Type
  ) -> Suite.G1 {
    let chain = FindingChain(contextDigest: digest, commitments: commitments)
    return Suite.hashToG1(chain.encoded(), domain: DomainTag.chain.text(Suite.name))
  }
}

extension TeamVisit {
  /// W_k.
  func w(_ commitments: [FindingCommitment]) -> Suite.G1 { context.w(commitments, Suite.self) }
}
