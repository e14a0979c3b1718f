import CanonicalEncoding
import Crypto
import EMRScheme
import HashToCurve
import Pairings
import TestSupport

/// Sealing written a second time, from the documents alone, with every choice in the open: that it
/// agrees with the library shows that the documents suffice, and an attacker's choices show what
/// each check is for.
struct SecondSealing<Suite: PairingSuite> {
  let visit: VisitFixture<Suite>
  let oneTimeKey: Curve25519.Signing.PrivateKey
  /// r.
  var r: Suite.Scalar
  /// The tag of H1; the paper's danger is H1 = H2.
  var maskTag = "H1"
  /// ḡ.
  var base = Suite.hashToG1([], domain: tag("GBAR"))
  /// What is sealed; an honest doctor seals the visit's own.
  var plaintext: RecordPlaintext
  /// What the key is derived for; an honest doctor names the plaintext's own.
  var commitments: [FindingCommitment]
  /// F = e(H0(α), B), as printed, where this is set; else e(H0(α), Y).
  var printsF = false
  /// e(H1(A), Y), or a constant that everybody knows.
  var key: SymmetricKey?

  init(_ visit: VisitFixture<Suite>, using random: inout SeededGenerator) throws {
    self.visit = visit
    oneTimeKey = try Curve25519.Signing.PrivateKey(rawRepresentation: random.bytes(32))
    r = .random(using: &random)
    plaintext = visit.plaintext
    commitments = visit.commitments
  }

  static func tag(_ use: String) -> String { "BCEMR-V01-\(Suite.name)-\(use)" }

  var a: [UInt8] { Array(oneTimeKey.publicKey.rawRepresentation) }
  var y: Suite.G2 { .generatorMultiplied(by: r) }
  var b: Suite.G2 { r * visit.visitKey.publicKey }
  var d: Suite.G1 { r * Suite.hashToG1(a, domain: Self.tag("H2")) }
  var e: Suite.G1 { r * base }
  /// H1(A).
  var mask: Suite.G1 { Suite.hashToG1(a, domain: Self.tag(maskTag)) }

  var info: [UInt8] {
    Info(
      contextDigest: visit.context.digest, visitKey: visit.context.visitKey, a: a,
      commitments: commitments, b: b.encoded(), d: d.encoded()
    ).encoded()
  }

  /// HKDF-SHA256 of an element of the target group.
  func key(from value: Suite.GT) -> SymmetricKey {
    HKDF<SHA256>.deriveKey(
      inputKeyMaterial: SymmetricKey(data: value.encoded()),
      salt: Array(Self.tag("RECORD").utf8), info: info, outputByteCount: 32)
  }

  /// H3.
  static func h3(_ value: Suite.GT) -> Digest32 {
    Digest32(sha256: Digest32(sha256: tag("H3").utf8).bytes + value.encoded())
  }

  static func h0(_ alpha: [UInt8]) -> Suite.G1 { Suite.hashToG1(alpha, domain: tag("ALPHA")) }

  /// - Parameters d, e: other values than r·H2(A) and r·ḡ, if the attack needs them.
  func seal(d: Suite.G1? = nil, e: Suite.G1? = nil) throws -> SealedRecord {
    let key = key ?? key(from: Suite.pairing(mask, y))
    var padded = plaintext.encoded() + [0x80]
    padded += [UInt8](repeating: 0, count: max(0, 4096 - padded.count))
    let box = try AES.GCM.seal(
      padded, using: key, nonce: AES.GCM.Nonce(data: [UInt8](repeating: 0, count: 12)),
      authenticating: info)
    var visit = visit
    var record = try visit.seal()
    record.a = a
    record.b = b.encoded()
    record.c = Array(box.ciphertext) + Array(box.tag)
    record.d = (d ?? self.d).encoded()
    record.e = (e ?? self.e).encoded()
    record.g = Self.h3(Suite.pairing(Self.h0(visit.evidence.bytes), printsF ? b : y))
    record.s = Array(
      try oneTimeKey.signature(
        for: SignedPart(
          contextDigest: visit.context.digest, ciphertextDigest: Digest32(sha256: record.c),
          d: record.d, e: record.e, g: record.g
        ).encoded()))
    return record
  }

  /// Decrypts C with a key that somebody believes in.
  func plaintext(of record: SealedRecord, under key: SymmetricKey) throws -> [UInt8] {
    let box = try AES.GCM.SealedBox(
      nonce: AES.GCM.Nonce(data: [UInt8](repeating: 0, count: 12)),
      ciphertext: record.c.dropLast(16), tag: record.c.suffix(16))
    let padded = Array(try AES.GCM.open(box, using: key, authenticating: info))
    return Array(padded[..<(padded.lastIndex(of: 0x80) ?? 0)])
  }

  struct SignedPart: CanonicalObject {
    static var kind: ObjectKind { .sealedRecordSignedPart }
    var contextDigest, ciphertextDigest: Digest32
    var d, e: [UInt8]
    var g: Digest32

    init(
      contextDigest: Digest32, ciphertextDigest: Digest32, d: [UInt8], e: [UInt8], g: Digest32
    ) {
      (self.contextDigest, self.ciphertextDigest) = (contextDigest, ciphertextDigest)
      (self.d, self.e, self.g) = (d, e, g)
    }

    func encode(into fields: inout some FieldEncoder) {
      fields.digest("contextDigest", contextDigest)
      fields.digest("ciphertextDigest", ciphertextDigest)
      fields.octets("d", d)
      fields.octets("e", e)
      fields.digest("g", g)
    }

    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      contextDigest = try fields.digest("contextDigest")
      ciphertextDigest = try fields.digest("ciphertextDigest")
      d = try fields.octets("d", 1...1024)
      e = try fields.octets("e", 1...1024)
      g = try fields.digest("g")
    }
  }

  struct Info: CanonicalObject {
    static var kind: ObjectKind { .sealingInfo }
    var contextDigest: Digest32
    var visitKey, a: [UInt8]
    var commitments: [FindingCommitment]
    var b, d: [UInt8]

    init(
      contextDigest: Digest32, visitKey: [UInt8], a: [UInt8], commitments: [FindingCommitment],
      b: [UInt8], d: [UInt8]
    ) {
      (self.contextDigest, self.commitments) = (contextDigest, commitments)
      (self.visitKey, self.a, self.b, self.d) = (visitKey, a, b, d)
    }

    func encode(into fields: inout some FieldEncoder) {
      fields.digest("contextDigest", contextDigest)
      fields.octets("visitKey", visitKey)
      fields.octets("a", a)
      fields.list("commitments", commitments)
      fields.octets("b", b)
      fields.octets("d", d)
    }

    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      contextDigest = try fields.digest("contextDigest")
      visitKey = try fields.octets("visitKey", 1...1024)
      a = try fields.octets("a", count: 32)
      commitments = try fields.list("commitments", maximum: 16)
      b = try fields.octets("b", 1...1024)
      d = try fields.octets("d", 1...1024)
    }
  }
}
