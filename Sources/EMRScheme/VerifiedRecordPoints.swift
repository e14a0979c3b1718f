public import CanonicalEncoding
internal import Crypto
internal import Pairings

/// The points of a record that passed the checks of 4.6 (3) or (4), under PK_v and B or A' and B_I; they open it.
struct VerifiedRecordPoints<Suite: PairingSuite>: Sendable {
  let head: RecordHead
  let recordDigest: Digest32
  /// H2(A).
  private let hashOfA: Suite.G1
  private let d: Suite.G1
  /// The lines of Z.
  let z: Suite.PreparedG2

  /// Decodes all of the record but C, and checks S and, with (Z, P) = (B, PK_v) or (B_I, A'), as one product:
  ///
  ///     e(H2(A), Z) = e(D, P),   e(ḡ, Z) = e(E, P)
  ///     e(H2(A) + δ·ḡ, Z) = e(D + δ·E, P)
  ///
  /// δ has 128 bits and is a hash of everything in both equations, so who makes the record cannot
  /// choose errors that cancel (Fiat–Shamir); validation stays free of randomness.
  ///
  /// - Parameters:
  ///   - visitKey: PK_v of the visit.
  ///   - z: B or B_I, with its encoding.
  ///   - p: PK_v or A', with its encoding.
  init(
    _ record: RecordHead, visitKey: [UInt8],
    z: (point: Suite.G2, encoded: [UInt8]), p: (lines: Suite.PreparedG2, encoded: [UInt8])
  ) throws(SchemeError) {
    head = record
    recordDigest = record.recordDigest(visitKey: visitKey)
    d = try Suite.G1("D", record.d)
    let e = try Suite.G1("E", record.e)
    let signed = SealedRecordSignedPart(
      contextDigest: record.contextDigest, ciphertextDigest: record.ciphertextDigest, d: record.d,
      e: record.e, g: record.g)
    guard Curve25519.Signing.PublicKey.verify(record.s, of: signed.encoded(), by: record.a) else {
      throw SchemeError(.oneTimeSignature, "the one-time signature S fails")
    }

    hashOfA = Suite.hash(record.a, .check)
    let bound = DomainTag.combiner.hash(
      recordDigest.bytes + z.encoded + p.encoded, Suite.name)
    let delta = Suite.Scalar(reducing: Array(bound.bytes.prefix(16)))
    let base = SuiteConstants<Suite>.shared.base
    let lines = Suite.prepare(z.point)
    self.z = lines
    guard
      Suite.pairingProductIsIdentity([
        (hashOfA + .multipliedVariableTime(delta, base), lines),
        (-(d + .multipliedVariableTime(delta, e)), p.lines),
      ])
    else {
      throw SchemeError(
        .recordEquation, "e(H2(A), B) = e(D, PK) or e(ḡ, B) = e(E, PK) fails")
    }
  }

  /// Opens the record with a Y that somebody claims to be r·g2, as
  /// ``open(_:isDigested:y:context:signed:)`` after e(H2(A), Y) = e(D, g2).
  func open(
    _ c: [UInt8], claimed y: Suite.G2, context: VisitContext, signed: VerifiedSignature<Suite>
  ) throws(SchemeError) -> AcceptedRecord {
    guard
      Suite.pairingProductIsIdentity([
        (hashOfA, Suite.prepare(y)), (-d, SuiteConstants<Suite>.shared.preparedGenerator),
      ])
    else { throw SchemeError(.openingEquation, "e(H2(A), Y) ≠ e(D, g2)") }
    return try open(c, isDigested: true, y: y, context: context, signed: signed)
  }

  /// Opens the record, and accepts nothing but what the team signed: the context, every com_k, and G.
  ///
  /// - Parameters:
  ///   - c: C.
  ///   - isDigested: whether it is the C of this digest, without another look.
  ///   - y: Z divided by the logarithm of P to base g2. It satisfies e(H2(A), Y) = e(D, g2),
  ///     which is the equation on (Z, P) divided by that logarithm.
  func open(
    _ c: consuming [UInt8], isDigested: Bool, y: Suite.G2, context: VisitContext,
    signed: VerifiedSignature<Suite>
  ) throws(SchemeError) -> AcceptedRecord {
    if !isDigested {
      var digest = RunningDigest()
      digest.update(c)
      guard digest.digest == head.ciphertextDigest else {
        throw SchemeError(.recordDigest, "C is not that of the record")
      }
    }
    guard signed.contextDigest == head.contextDigest,
      signed.position == context.signers.count
    else { throw SchemeError(.foreignContext, "the signature is not that of the whole visit") }
    let mask = RecordMask<Suite>(a: head.a, y: y)
    let info = SealingInfo(
      contextDigest: head.contextDigest, visitKey: context.visitKey, a: head.a,
      commitments: signed.commitments, b: head.b, d: head.d)
    let padded = try AuthenticatedBox.open(
      c, under: mask.key(info), authenticating: info.encoded())
    let plaintext = try RecordPlaintext(received: PaddedBytes.unpad(padded))
    guard plaintext.context == context else {
      throw SchemeError(.foreignContext, "the record holds another visit")
    }
    try plaintext.checkForm()
    try signed.commitments.checkOpenings(
      plaintext.findings, contextDigest: head.contextDigest)
    guard mask.trapdoorDigest(try Evidence(plaintext.alpha)) == head.g else {
      throw SchemeError(.trapdoor, "G ≠ H3(e(H0(α), Y))")
    }
    return AcceptedRecord(plaintext: plaintext, recordDigest: recordDigest)
  }
}

/// A record that was opened and is exactly what the team signed.
public struct AcceptedRecord: Sendable {
  public let plaintext: RecordPlaintext
  /// What the ledger has of it.
  public let recordDigest: Digest32
}
