import CanonicalEncoding
import Credentials
import Foundation
import TestSupport
import Testing

@Suite("HPKE to an agreement key")
struct AgreementKeyTests {
  private struct Case: Decodable {
    let privateKey: Hex
    let publicKey: Hex
    let info: Hex
    let aad: Hex
    let plaintext: Hex
    let sealed: Hex
  }

  private let key: AgreementKey
  private let message = Array("t, for one consent".utf8)
  private let sealed: [UInt8]

  init() throws {
    key = try AgreementKey(seed: [UInt8](1...32))
    sealed = try AgreementKey.seal(message, to: key.publicKey, info: [1], authenticating: [2])
  }

  @Test("opens the message of RFC 9180's authors")
  func vectors() throws {
    for test in try VectorFile<Case>("hpke", in: .module).cases {
      let key = try AgreementKey(seed: test.privateKey.bytes)
      #expect(key.publicKey == test.publicKey.bytes)
      #expect(
        try key.open(test.sealed.bytes, info: test.info.bytes, authenticating: test.aad.bytes)
          == test.plaintext.bytes)
    }
  }

  @Test("open(seal(m)) == m, and every sealing is another")
  func roundTrip() throws {
    for message in [[], message, [UInt8](repeating: 7, count: 100_000)] {
      let sealed = try AgreementKey.seal(
        message, to: key.publicKey, info: [1], authenticating: [2])
      #expect(sealed.count == message.count + AgreementKey.overhead)
      #expect(try key.open(sealed, info: [1], authenticating: [2]) == message)
    }
    #expect(
      try AgreementKey.seal(message, to: key.publicKey, info: [1], authenticating: [2]) != sealed)
  }

  private func expectClosed(
    _ sealed: [UInt8], by key: AgreementKey, info: [UInt8] = [1], _ header: [UInt8] = [2],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(sourceLocation: sourceLocation) {
      try key.open(sealed, info: info, authenticating: header)
    } throws: {
      ($0 as? CredentialError)?.code == .decryption
    }
  }

  @Test("nobody else opens it, for nothing else, and no byte of it changes")
  func attacks() throws {
    expectClosed(sealed, by: try AgreementKey(seed: [UInt8](2...33)))
    expectClosed(sealed, by: key, info: [])
    expectClosed(sealed, by: key, [])
    for index in sealed.indices {
      var changed = sealed
      changed[index] ^= 1
      expectClosed(changed, by: key)
    }
    for count in [0, 1, 31, 32, 33, 47, sealed.count - 1] {
      expectClosed(Array(sealed.prefix(count)), by: key)
    }
    expectClosed(sealed + [0], by: key)
  }

  /// The u-coordinates of order 1, 2, 4 and 8 and their second encodings: with each, the shared
  /// secret is zero whatever the private key, so everybody could read.
  @Test(
    "a key of small order is refused by the sender, and as encapsulated key by the receiver",
    arguments: [
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ])
  func smallOrder(_ digits: String) throws {
    let small = try #require([UInt8](hex: digits))
    for publicKey in [small, small.dropLast() + [small[31] | 0x80]] {
      #expect {
        try AgreementKey.seal(message, to: publicKey, info: [1], authenticating: [2])
      } throws: {
        ($0 as? CredentialError)?.code == .invalidKey
      }
      expectClosed(publicKey + sealed.dropFirst(32), by: key)
    }
  }

  @Test("no key of another length")
  func lengths() {
    for count in [0, 31, 33, 64] {
      let bytes = [UInt8](repeating: 9, count: count)
      #expect(throws: CredentialError.self) { try AgreementKey(seed: bytes) }
      #expect(throws: CredentialError.self) {
        try AgreementKey.seal([], to: bytes, info: [], authenticating: [])
      }
    }
  }
}
