import Pairings
import TestSupport
import Testing

@Suite("Type A obeys the laws of a pairing suite")
struct TypeALawTests {
  typealias Small = TypeA160x512
  typealias Odd = TypeA224x1024

  @Test("scalars of 160 bits", arguments: ScalarFieldLaws<Small.Scalar>.all)
  func scalar160(_ law: Law) throws { #expect(try law.counterexample(samples: 64) == nil) }

  @Test("scalars of 224 bits", arguments: ScalarFieldLaws<Odd.Scalar>.all)
  func scalar224(_ law: Law) throws { #expect(try law.counterexample(samples: 64) == nil) }

  @Test("scalars of 256 bits", arguments: ScalarFieldLaws<TypeA256x1536.Scalar>.all)
  func scalar256(_ law: Law) throws { #expect(try law.counterexample(samples: 64) == nil) }

  @Test("points, 160/512", arguments: SourceGroupLaws<Small.Point>.all)
  func points(_ law: Law) throws { #expect(try law.counterexample(samples: 8) == nil) }

  @Test("GT, pairing and hash, 160/512", arguments: PairingLaws<Small>.all)
  func pairing(_ law: Law) throws { #expect(try law.counterexample(samples: 8) == nil) }

  @Test("points, 224/1024", arguments: SourceGroupLaws<Odd.Point>.all)
  func oddPoints(_ law: Law) throws { #expect(try law.counterexample(samples: 2) == nil) }

  @Test("GT, pairing and hash, 224/1024", arguments: PairingLaws<Odd>.all)
  func oddPairing(_ law: Law) throws { #expect(try law.counterexample(samples: 2) == nil) }
}
