import CanonicalEncoding
import EMRScheme
import Pairings
import Testing

/// The five phases of the paper, every check on, for every team size.
@Suite("A visit from registration to sharing")
struct WholeVisitTests {
  @Test("all phases succeed for a team of n", arguments: 1...16)
  func wholeVisit(team n: Int) throws {
    var visit = try Visit(team: n, seed: UInt64(n))
    try check(&visit)
  }

  @Test("the same code serves a symmetric suite, G1 = G2", arguments: [1, 3, 16])
  func symmetricSuite(team n: Int) throws {
    var visit = try VisitFixture<ExponentSuite>(team: n, seed: UInt64(n))
    try check(&visit)
  }

  private func check<Suite: PairingSuite>(_ visit: inout VisitFixture<Suite>) throws {
    let signed = try visit.sign()
    let sealed = try SealedRecord(encoded: visit.seal().encoded())
    let record = try sealed.check(for: visit.verifiedVisitKey)
    #expect(record.recordDigest == sealed.recordDigest(visitKey: visit.context.visitKey))

    let own = try record.open(with: visit.visitKey, signed: signed)
    #expect(own.plaintext == visit.plaintext)

    let trapdoor = Trapdoor(evidence: visit.evidence, visitKey: visit.visitKey)
    #expect(record.matches(try Trapdoor(encoded: trapdoor.encoded())))

    let request = RequestKey<Suite>(using: &visit.random)
    let shared = try ReencryptedRecord(encoded: visit.share(record, with: request).encoded())
    let opened = try shared.check(
      for: request, context: visit.context, recordDigest: record.recordDigest
    ).open(signed: signed)
    #expect(opened.plaintext == visit.plaintext)

    let evidence = try OpeningEvidence(
      encoded: record.openingEvidence(with: visit.visitKey).encoded())
    #expect(try record.open(with: evidence, signed: signed).plaintext == visit.plaintext)
  }
}
