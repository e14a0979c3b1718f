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
    let counter: UInt64
    let visitKey: Hex
    let signingKey: Hex
    let admissionKey: Hex
  }

  @Test("are those that another implementation derives")
  func vectors() throws {
    let cases = try VectorFile<Case>("patient-root", in: .module).cases
    #expect(cases.count == 9)
    for test in cases {
      let keys = try PatientRoot(test.root.bytes).keys(ofVisit: test.counter, BLS12381.self)
      #expect(keys.counter == test.counter)
      #expect(keys.visitKey.encodedPublicKey == test.visitKey.bytes)
      #expect(keys.signingKey.publicKey == test.signingKey.bytes)
      #expect(keys.admissionKey.publicKey == test.admissionKey.bytes)
    }
  }

  @Test("are found again from PK_v by a patient who has nothing but the root")
  func restored() throws {
    let keys = try PatientRoot([UInt8](1...32)).keys(ofVisit: 7, BLS12381.self)
    let restored = try PatientRoot([UInt8](1...32))
    let visitKey = keys.visitKey.encodedPublicKey
    let found = try #require(try restored.keys(of: visitKey, among: 0..<10, BLS12381.self))
    #expect(found.counter == 7)
    #expect(found.evidenceKeys == keys.evidenceKeys)
    #expect(try restored.keys(of: visitKey, among: 0..<7, BLS12381.self) == nil)
    #expect(
      try PatientRoot([UInt8](2...33)).keys(of: visitKey, among: 0..<10, BLS12381.self) == nil)
  }

  @Test("need a root of 32 bytes")
  func lengths() {
    for count in [0, 16, 31, 33] {
      #expect(throws: CredentialError.self) { try PatientRoot([UInt8](repeating: 1, count: count)) }
    }
  }
}
