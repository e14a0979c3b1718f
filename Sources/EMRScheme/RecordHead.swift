package import CanonicalEncoding
package import Pairings

/// A sealed record without C: SHA-256(C) is in its place, which is all that S and the record digest have
/// of it. So whoever has this alone checks all of a record but C, and re-encrypts it.
package struct RecordHead: CanonicalValue, Equatable {
  package var contextDigest: Digest32
  package var a, b: [UInt8]
  package var ciphertextDigest: Digest32
  package var d, e: [UInt8]
  package var g: Digest32
  package var s: [UInt8]

  package init(
    contextDigest: Digest32, a: [UInt8], b: [UInt8], ciphertextDigest: Digest32, d: [UInt8],
    e: [UInt8], g: Digest32, s: [UInt8]
  ) {
    self.contextDigest = contextDigest
    (self.a, self.b, self.ciphertextDigest) = (a, b, ciphertextDigest)
    (self.d, self.e, self.g, self.s) = (d, e, g, s)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("contextDigest", contextDigest)
    fields.octets("a", a)
    fields.octets("b", b)
    fields.digest("ciphertextDigest", ciphertextDigest)
    fields.octets("d", d)
    fields.octets("e", e)
    fields.digest("g", g)
    fields.octets("s", s)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    contextDigest = try fields.digest("contextDigest")
    a = try fields.octets("a", count: 32)
    b = try fields.octets("b", Limits.pointByteCounts)
    ciphertextDigest = try fields.digest("ciphertextDigest")
    d = try fields.octets("d", Limits.pointByteCounts)
    e = try fields.octets("e", Limits.pointByteCounts)
    g = try fields.digest("g")
    s = try fields.octets("s", count: 64)
  }

  /// As ``SealedRecord/recordDigest(visitKey:)``.
  package func recordDigest(visitKey: [UInt8]) -> Digest32 {
    RecordDigestInput(
      contextDigest: contextDigest, visitKey: visitKey, a: a, b: b,
      ciphertextDigest: ciphertextDigest, d: d, e: e, g: g, s: s
    ).digest
  }

  /// With a C that has the digest.
  ///
  /// - Throws: ``SchemeError`` `recordDigest` for another C.
  package func record(_ c: [UInt8]) throws(SchemeError) -> SealedRecord {
    guard Digest32(sha256: c) == ciphertextDigest else {
      throw SchemeError(.recordDigest, "C is not that of the record")
    }
    return SealedRecord(
      contextDigest: contextDigest, a: a, b: b, c: c, d: d, e: e, g: g, s: s)
  }

  /// As ``SealedRecord/check(for:)``, which checks nothing of C but its digest.
  package func check<Suite: PairingSuite>(
    for key: VerifiedVisitKey<Suite>
  ) throws(SchemeError) -> VerifiedRecordHead<Suite> {
    guard contextDigest == key.contextDigest else {
      throw SchemeError(.foreignContext, "the record belongs to another visit")
    }
    // Decoding checks the subgroup: B outside it would leak rk modulo 13 to who sent it (item 1).
    let point = try Suite.G2("B", b)
    let points = try VerifiedRecordPoints<Suite>(
      self, visitKey: key.context.visitKey, z: (point, b), p: (key.prepared, key.context.visitKey))
    return VerifiedRecordHead(context: key.context, b: point, points: points)
  }

  /// As ``ReencryptedRecord/check(for:context:recordDigest:)``.
  ///
  /// - Parameter bI: B_I.
  package func check<Suite: PairingSuite>(
    reencrypted bI: [UInt8], for key: RequestKey<Suite>, context: VisitContext,
    recordDigest: Digest32
  ) throws(SchemeError) -> VerifiedReencryptedHead<Suite> {
    guard contextDigest == context.digest, context.suite == Suite.name else {
      throw SchemeError(.foreignContext, "the record belongs to another visit")
    }
    guard self.recordDigest(visitKey: context.visitKey) == recordDigest else {
      throw SchemeError(.recordDigest, "the record is not the one on the ledger")
    }
    let point = try Suite.G2("B_I", bI)
    let points = try VerifiedRecordPoints<Suite>(
      self, visitKey: context.visitKey, z: (point, bI),
      p: (Suite.prepare(key.publicKey), key.encodedPublicKey))
    return VerifiedReencryptedHead(context: context, bI: point, key: key, points: points)
  }
}

/// A head with a valid S that satisfies both equations under its visit's key.
package struct VerifiedRecordHead<Suite: PairingSuite>: Sendable {
  package let context: VisitContext
  /// B.
  let b: Suite.G2
  let points: VerifiedRecordPoints<Suite>

  package var head: RecordHead { points.head }
  package var recordDigest: Digest32 { points.recordDigest }

  /// As ``VerifiedSealedRecord/matches(_:)``.
  package func matches(_ trapdoor: Trapdoor<Suite>) -> Bool {
    Suite.trapdoorDigest(Suite.pairingProduct([(trapdoor.point, points.z)])) == head.g
  }

  /// As ``VerifiedSealedRecord/open(with:signed:)``; C is opened where it stands, if this is the only copy.
  ///
  /// - Throws: ``SchemeError`` also `recordDigest`, for another C.
  package func open(
    _ c: consuming [UInt8], with key: VisitKey<Suite>, signed: VerifiedSignature<Suite>
  ) throws(SchemeError) -> AcceptedRecord {
    let y = try y(key)
    return try points.open(c, isDigested: false, y: y, context: context, signed: signed)
  }

  /// Y = B/p_v.
  func y(_ key: VisitKey<Suite>) throws(SchemeError) -> Suite.G2 {
    guard key.encodedPublicKey == context.visitKey else {
      throw SchemeError(.foreignContext, "the visit key is another visit's")
    }
    return key.secret.inverted() * b
  }
}

/// A head with B_I that passed the receiver's checks.
package struct VerifiedReencryptedHead<Suite: PairingSuite>: Sendable {
  package let context: VisitContext
  let bI: Suite.G2
  let key: RequestKey<Suite>
  let points: VerifiedRecordPoints<Suite>

  /// As ``VerifiedReencryptedRecord/open(signed:)``.
  package func open(
    _ c: consuming [UInt8], signed: VerifiedSignature<Suite>
  ) throws(SchemeError) -> AcceptedRecord {
    try points.open(
      c, isDigested: false, y: key.secret.inverted() * bI, context: context, signed: signed)
  }
}
