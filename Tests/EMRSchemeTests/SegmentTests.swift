import CanonicalEncoding
import EMRScheme
import Pairings
import TestSupport
import Testing

@Suite("Long findings are sealed in segments")
struct SegmentTests {
  private static let segment = Limits.pieceByteCount

  /// The group key of a visit, and a finding of so many bytes.
  private struct Long {
    let visit: Visit
    let key: GroupKey
    let finding: Finding
    let commitments: [FindingCommitment]

    init(byteCount: Int) throws {
      var visit = try Visit(team: 1)
      key = try GroupKey(
        encoded: G1.generatorMultiplied(by: Scalar.random(using: &visit.random)).encoded(),
        context: visit.context, BLS12381.self)
      finding = Finding(
        content: visit.random.bytes(byteCount), attempt: 1, using: &visit.random)
      commitments = [FindingCommitment](to: [finding], contextDigest: visit.context.digest)
      self.visit = visit
    }
  }

  @Test(
    "findings of any number of segments open, and have pieces of 1 MiB",
    arguments: [10, 1_000_000, 1 << 20, 3_500_000])
  func findings(byteCount: Int) throws {
    let long = try Long(byteCount: byteCount)
    let sealed = try long.key.seal([long.finding])
    #expect(try long.key.open(sealed, commitments: long.commitments) == [long.finding])
    var sealing = try long.key.sealing([long.finding])
    var pieces: [[UInt8]] = []
    while let piece = try sealing.next() { pieces.append(piece) }
    #expect(pieces.dropLast().allSatisfy { $0.count == Self.segment })
    #expect(pieces.count == (sealed.ciphertext.count + Self.segment - 1) / Self.segment)
    #expect(Array(pieces.joined()) == sealed.ciphertext && sealing.head == sealed.head)
  }

  @Test("[attack] segments left out, moved, repeated, cut off, or put behind the last do not open")
  func movedSegments() throws {
    let long = try Long(byteCount: 3_500_000)
    let sealed = try long.key.seal([long.finding])
    let segments = stride(from: 0, to: sealed.ciphertext.count, by: Self.segment).map {
      Array(sealed.ciphertext[$0..<min($0 + Self.segment, sealed.ciphertext.count)])
    }
    try #require(segments.count == 4)
    let orders = [
      [1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2], [1, 0, 2, 3], [0, 2, 1, 3], [0, 0, 1, 2, 3],
      [0, 1, 2, 2, 3], [3], [0], [0, 1, 2, 3, 3],
    ]
    for order in orders {
      var changed = sealed
      changed.ciphertext = Array(order.map { segments[$0] }.joined())
      expectRefusal(.decryption) {
        _ = try long.key.open(changed, commitments: long.commitments)
      }
    }
    for cut in [1, 16, segments[3].count, segments[3].count - 16] {
      var changed = sealed
      changed.ciphertext.removeLast(cut)
      expectRefusal(.decryption) {
        _ = try long.key.open(changed, commitments: long.commitments)
      }
    }
    #expect(try long.key.open(sealed, commitments: long.commitments) == [long.finding])
  }

  @Test("the head of a record proves all of it but C, and opens with the right C alone")
  func heads() throws {
    var visit = try Visit(team: 1)
    let finding = Finding(content: visit.random.bytes(2_500_000), attempt: 1, using: &visit.random)
    let commitment = [FindingCommitment](to: [finding], contextDigest: visit.context.digest)
    let signature = try visit.chain.sign(
      commitment[0], after: nil, with: visit.doctors[0].secret, using: &visit.random)
    let signed = try visit.chain.verify(signature, commitments: commitment)
    let plaintext = RecordPlaintext(
      context: visit.context, evidence: visit.evidence, findings: [finding])
    var sealing = try SealedRecord.sealing(
      plaintext, to: visit.verifiedVisitKey, using: &visit.random)
    var c: [UInt8] = []
    while let piece = try sealing.next() { c += piece }
    let head = try sealing.head()
    let record = try head.record(c)
    #expect(record.head == head)
    #expect(try SealedRecord(encoded: record.encoded()) == record)
    #expect(
      head.recordDigest(visitKey: visit.context.visitKey)
        == record.recordDigest(visitKey: visit.context.visitKey))
    let checked = try head.check(for: visit.verifiedVisitKey)
    #expect(
      try checked.open(c, with: visit.visitKey, signed: signed).plaintext.findings == [finding])
    // For a reader: B_I of the head is that of the record.
    let request = RequestKey<BLS12381>(using: &visit.random)
    let blinding = ConsentBlinding(for: visit.visitKey, using: &visit.random)
    let blinded = try blinding.doctorShare.blind(request, theta: blinding.theta)
    let bI = try VerifiedReencryptionKey(
      proxyShare: blinding.proxyShare, blinded: blinded, theta: blinding.theta,
      requestKey: request.encodedPublicKey, visitKey: visit.verifiedVisitKey
    ).reencrypt(checked)
    let reader = try head.check(
      reencrypted: bI, for: request, context: visit.context, recordDigest: checked.recordDigest)
    #expect(try reader.open(c, signed: signed).plaintext.findings == [finding])

    var other = c
    other[other.count - 1] ^= 1
    for wrong in [other, Array(c.dropLast()), c + [0]] {
      expectRefusal(.recordDigest) {
        _ = try checked.open(wrong, with: visit.visitKey, signed: signed)
      }
      expectRefusal(.recordDigest) { _ = try reader.open(wrong, signed: signed) }
      expectRefusal(.recordDigest) { _ = try head.record(wrong) }
    }
    var lie = head
    lie.ciphertextDigest = Digest32(sha256: other)
    expectRefusal(.oneTimeSignature) { _ = try lie.check(for: visit.verifiedVisitKey) }
  }
}
