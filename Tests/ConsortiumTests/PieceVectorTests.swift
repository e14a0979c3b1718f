import CanonicalEncoding
import Consortium
import EMRScheme
import Foundation
import Pairings
import TestSupport
import Testing

/// What `scripts/vectors/pieces_appendix.py`, which rests on the documents alone, has made.
private struct Vectors: Decodable {
  let context, groupKey, salt: Hex
  let findings: [Sealed]
  let pieces: Pieces
  let record: Record
  let forms: [Form]
  let requests: [Hex]
  let lengths: [Length]

  struct Sealed: Decodable {
    let contentByteCount, byteCount, pieceCount: Int
    let commitment, ciphertextDigest, firstTag, lastPieceDigest, head: Hex
  }

  struct Pieces: Decodable {
    let piece: Hex
    let refusedPieces: [Hex]
    let counts: [Count]

    struct Count: Decodable { let byteCount, count: Int }
  }

  struct Record: Decodable { let head, visitKey, recordDigest, part: Hex }
  struct Form: Decodable { let text, canonical, comparable: String }
  struct Length: Decodable { let count, padded: Int }

  static func read() throws -> Self {
    try #require(VectorFile<Self>("pieces", in: .module).cases.first)
  }
}

@Suite("Pieces that a second implementation made")
struct PieceVectorTests {
  @Test("findings of one segment and of several are sealed and opened as there")
  func findings() throws {
    let vectors = try Vectors.read()
    let context = try VisitContext(encoded: vectors.context.bytes)
    let key = try GroupKey(encoded: vectors.groupKey.bytes, context: context, BLS12381.self)
    #expect(vectors.findings.count == 5)
    for each in vectors.findings {
      let content = (0..<each.contentByteCount).map { UInt8($0 % 251) }
      let findings = [Finding(content: content, salt: vectors.salt.bytes, attempt: 1)]
      let sealed = try key.seal(findings)
      let pieces = stride(from: 0, to: sealed.ciphertext.count, by: Limits.pieceByteCount).map {
        Array(sealed.ciphertext.dropFirst($0).prefix(Limits.pieceByteCount))
      }
      #expect(sealed.ciphertext.count == each.byteCount && pieces.count == each.pieceCount)
      #expect(Piece.count(of: each.byteCount) == each.pieceCount)
      #expect(Digest32(sha256: sealed.ciphertext).bytes == each.ciphertextDigest.bytes)
      #expect(pieces[0].suffix(16) == each.firstTag.bytes[...])
      #expect(try Digest32(sha256: #require(pieces.last)).bytes == each.lastPieceDigest.bytes)
      #expect(sealed.head.encodedSequence() == each.head.bytes)
      let commitments = [FindingCommitment](to: findings, contextDigest: context.digest)
      #expect(commitments.map(\.commitment.bytes) == [each.commitment.bytes])
      #expect(try key.open(sealed, commitments: commitments) == findings)
    }
  }

  @Test("pieces and heads have the same bytes, and what is no piece is refused")
  func pieces() throws {
    let vectors = try Vectors.read()
    let piece = try Piece(byteCount: Limits.pieceByteCount + 1, index: 1, bytes: [0xAA])
    #expect(piece.encodedSequence() == vectors.pieces.piece.bytes && piece.isLast)
    #expect(vectors.pieces.refusedPieces.count == 8)
    for bytes in vectors.pieces.refusedPieces {
      #expect(throws: DecodingFailure.self) { try Piece(sequence: bytes.bytes) }
    }
    for count in vectors.pieces.counts {
      #expect(Piece.count(of: count.byteCount) == count.count)
    }
    #expect(vectors.pieces.counts.last?.byteCount == Limits.ciphertextByteCount)

    let head = try RecordHead(sequence: vectors.record.head.bytes)
    #expect(head.encodedSequence() == vectors.record.head.bytes)
    #expect(
      head.recordDigest(visitKey: vectors.record.visitKey.bytes).bytes
        == vectors.record.recordDigest.bytes)
    let part = try RecordPiece(sequence: vectors.record.part.bytes)
    #expect(part.head == head && part.encodedSequence() == vectors.record.part.bytes)
    _ = try head.record(part.piece.bytes)
  }

  @Test("the longest record has the longest ciphertext that is taken")
  func lengths() throws {
    let vectors = try Vectors.read()
    for length in vectors.lengths {
      #expect(PaddedBytes.length(for: max(length.count, 1) - 1) == length.padded)
    }
    let longest = PaddedBytes.length(for: RecordPlaintext.maximumByteCount)
    let segments = (longest + Limits.pieceByteCount - 17) / (Limits.pieceByteCount - 16)
    #expect(longest + 16 * segments == Limits.ciphertextByteCount)
  }

  @Test("identities are sent and compared as there")
  func forms() throws {
    let forms = try Vectors.read().forms
    #expect(forms.count == 12)
    for form in forms {
      #expect(WrittenForm.canonical(form.text).utf8.elementsEqual(form.canonical.utf8))
      #expect(
        WrittenForm.comparable(identity: form.text).utf8.elementsEqual(form.comparable.utf8))
    }
  }

  @Test("the longest identity names a visit, also where it is compared as a longer one")
  func longest() throws {
    let longest = WrittenForm.comparable(identity: String(repeating: "\u{149}", count: 128))
    #expect(longest.utf8.count == 384)
    let input = VisitIDInput(patient: longest, encounter: "E-1", attempt: 1)
    #expect(try VisitIDInput(encoded: input.encoded()).patient == longest)
  }

  @Test("a request for the proof of a visit has the same bytes")
  func requests() throws {
    let vectors = try Vectors.read()
    for (bytes, subject) in zip(vectors.requests, [ProveVisit.Subject.completion, .signingKey]) {
      let request = try Message<ProveVisit>(encoded: bytes.bytes).payload
      #expect(request.subject == subject && request.consent == nil)
      #expect(request.knownSize == 1000 * subject.rawValue)
      #expect(Message(request).encoded() == bytes.bytes)
    }
  }
}
