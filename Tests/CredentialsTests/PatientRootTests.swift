import CanonicalEncoding
import Credentials
import EMRScheme
import Foundation
import Pairings
import TestSupport
import Testing

@Suite("Keys from a patient's root")
struct PatientRootTests {
  private struct Case: Decodable {
    let root: Hex
    let genesis: Hex
    let hospital: String
    let nonce: Hex
    let visitKey: Hex
    let signingKey: Hex
    let mailboxKey: Hex
  }

  @Test("are those that another implementation derives")
  func vectors() throws {
    let cases = try VectorFile<Case>("patient-root", in: .module).cases
    #expect(cases.count == 9)
    for test in cases {
      let nonce = try #require(Digest32(test.nonce.bytes))
      let keys = try PatientRoot(test.root.bytes).keys(
        genesis: try #require(Digest32(test.genesis.bytes)), hospital: test.hospital, nonce: nonce,
        BLS12381.self)
      #expect(keys.nonce == nonce)
      #expect(keys.visitKey.encodedPublicKey == test.visitKey.bytes)
      #expect(keys.signingKey.publicKey == test.signingKey.bytes)
      #expect(keys.mailboxKey.publicKey == test.mailboxKey.bytes)
    }
  }

  private func context(
    _ keys: PatientVisitKeys<BLS12381>, genesis: Digest32, hospital: String
  ) -> VisitContext {
    VisitContext(
      genesis: genesis, suite: BLS12381.name, hospital: hospital, pseudonym: .zero,
      visitID: .zero, evidenceDigest: .zero, signers: [], openedAt: 0, window: 600,
      resignatureLimit: 4, baseHeight: 0, baseHash: .zero,
      visitKey: keys.visitKey.encodedPublicKey, visitSigningKey: keys.signingKey.publicKey,
      keyNonce: keys.nonce, mailboxKey: keys.mailboxKey.publicKey)
  }

  @Test("are found again from what the ledger shows by a patient who has nothing but the root")
  func restored() throws {
    let (genesis, nonce) = (Digest32(sha256: [1]), Digest32(sha256: [2]))
    let keys = try PatientRoot([UInt8](1...32)).keys(
      genesis: genesis, hospital: "hospital-1", nonce: nonce, BLS12381.self)
    let context = context(keys, genesis: genesis, hospital: "hospital-1")
    let restored = try PatientRoot([UInt8](1...32))
    let found = try #require(try restored.keys(of: context, BLS12381.self))
    #expect(found.visitKey.encodedPublicKey == keys.visitKey.encodedPublicKey)
    #expect(found.signingKey.publicKey == keys.signingKey.publicKey)
    #expect(found.mailboxKey.publicKey == keys.mailboxKey.publicKey)
    #expect(try PatientRoot([UInt8](2...33)).keys(of: context, BLS12381.self) == nil)
    for change in [
      { $0.keyNonce = .zero }, { $0.hospital = "hospital-2" }, { $0.genesis = .zero },
    ] as [(inout VisitContext) -> Void] {
      var other = context
      change(&other)
      #expect(try restored.keys(of: other, BLS12381.self) == nil)
    }
  }

  @Test("[attack] one nonce at two hospitals, or on two ledgers, gives no key twice")
  func separated() throws {
    let root = try PatientRoot([UInt8](1...32))
    var seen: Set<[UInt8]> = []
    for genesis in [Digest32.zero, Digest32(sha256: [1])] {
      for hospital in ["hospital-1", "hospital-2"] {
        let keys = try root.keys(
          genesis: genesis, hospital: hospital, nonce: .zero, BLS12381.self)
        seen.formUnion([
          keys.visitKey.encodedPublicKey, keys.signingKey.publicKey, keys.mailboxKey.publicKey,
        ])
      }
    }
    #expect(seen.count == 12)
  }

  @Test("need a root of 32 bytes")
  func lengths() {
    for count in [0, 16, 31, 33] {
      #expect(throws: CredentialError.self) { try PatientRoot([UInt8](repeating: 1, count: count)) }
    }
  }
}
