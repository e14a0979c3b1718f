package import CanonicalEncoding

/// c_k without its ciphertext, which stands beside it in pieces.
package struct FindingsHead: CanonicalValue, Equatable {
  package var contextDigest: Digest32
  /// k.
  package var position: UInt64
  /// a_k.
  package var attempt: UInt64
  /// SHA-256 of the ciphertext: it tells one c_k from another before there is anything to open.
  package var ciphertextDigest: Digest32

  package init(
    contextDigest: Digest32, position: UInt64, attempt: UInt64, ciphertextDigest: Digest32
  ) {
    (self.contextDigest, self.position) = (contextDigest, position)
    (self.attempt, self.ciphertextDigest) = (attempt, ciphertextDigest)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("contextDigest", contextDigest)
    fields.integer("position", position)
    fields.integer("attempt", attempt)
    fields.digest("ciphertextDigest", ciphertextDigest)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    contextDigest = try fields.digest("contextDigest")
    position = try fields.integer("position", in: 1...UInt64(Limits.teamSize))
    attempt = try fields.integer("attempt", in: 1...65)
    ciphertextDigest = try fields.digest("ciphertextDigest")
  }
}

extension GroupSealedFindings {
  package var head: FindingsHead {
    FindingsHead(
      contextDigest: contextDigest, position: position, attempt: attempt,
      ciphertextDigest: Digest32(sha256: ciphertext))
  }
}

/// c_k while it is sealed, one piece after another.
package struct FindingsSealing {
  private let contextDigest: Digest32
  private let position, attempt: UInt64
  private var segments: SealedSegments
  private var hash = RunningDigest()

  init(contextDigest: Digest32, position: UInt64, attempt: UInt64, segments: SealedSegments) {
    (self.contextDigest, self.position, self.attempt) = (contextDigest, position, attempt)
    self.segments = segments
  }

  /// The next piece of the ciphertext; nil behind the last.
  package mutating func next() throws(SchemeError) -> [UInt8]? {
    let piece = try segments.next()
    if let piece { hash.update(piece) }
    return piece
  }

  /// Once the last piece was made.
  package var head: FindingsHead {
    FindingsHead(
      contextDigest: contextDigest, position: position, attempt: attempt,
      ciphertextDigest: hash.digest)
  }
}
