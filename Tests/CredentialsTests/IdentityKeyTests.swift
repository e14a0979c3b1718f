import CanonicalEncoding
import Credentials
import Crypto
import EMRScheme
import Testing

@Suite("Signatures under an identity key")
struct IdentityKeyTests {
  private let key: IdentityKey
  private let message = Array("an entry".utf8)

  init() throws { key = try IdentityKey(seed: [UInt8](1...32)) }

  @Test("test 1 of RFC 8032, 7.1")
  func vector() throws {
    let key = try IdentityKey(
      seed: try #require(
        [UInt8](hex: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")))
    #expect(
      key.publicKey.hex == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    #expect(
      key.sign([]).hex == "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821"
        + "590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")
  }

  @Test("verify(sign(m), m), and nothing else")
  func signatures() throws {
    let signature = key.sign(message)
    #expect(signature.count == 64)
    #expect(IdentityKey.isValid(signature, of: message, by: key.publicKey))
    let other = try IdentityKey(seed: [UInt8](2...33))
    #expect(!IdentityKey.isValid(signature, of: message, by: other.publicKey))
    #expect(!IdentityKey.isValid(signature, of: message + [0], by: key.publicKey))
    for index in signature.indices {
      var changed = signature
      changed[index] ^= 1
      #expect(!IdentityKey.isValid(changed, of: message, by: key.publicKey))
    }
    for count in [0, 63] {
      #expect(!IdentityKey.isValid(Array(signature.prefix(count)), of: message, by: key.publicKey))
    }
    #expect(!IdentityKey.isValid(signature + [0], of: message, by: key.publicKey))
    for count in [0, 31] {
      #expect(!IdentityKey.isValid(signature, of: message, by: Array(key.publicKey.prefix(count))))
    }
  }

  /// All encodings of all points of order 1, 2, 4 and 8.
  @Test(
    "a key under which one signature fits many messages is none",
    arguments: [
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ], [UInt8(0), 0x80])
  func smallOrder(_ digits: String, sign: UInt8) throws {
    let point = try #require([UInt8](hex: digits))
    let publicKey = Array(point.dropLast()) + [point[31] | sign]
    // R is the neutral element and S = 0, so it is valid wherever h·A is neutral, too.
    let signature = [1] + [UInt8](repeating: 0, count: 63)
    let messages = (0..<100).map { [UInt8($0)] }
    let key = try Curve25519.Signing.PublicKey(rawRepresentation: publicKey)
    #expect(messages.count { key.isValidSignature(signature, for: $0) } > 1)
    #expect(!messages.contains { IdentityKey.isValid(signature, of: $0, by: publicKey) })
  }

  @Test("a signature on one kind of object is none on another with the same fields")
  func kinds() {
    let input = VisitIDInput(patient: "p", encounter: "e", attempt: 1)
    let signature = key.sign(input)
    #expect(IdentityKey.isValid(signature, of: input, by: key.publicKey))
    #expect(!IdentityKey.isValid(signature, of: Twin(input: input), by: key.publicKey))
  }

  private struct Twin: CanonicalObject {
    static let kind = ObjectKind.sealingInfo
    let input: VisitIDInput
    init(input: VisitIDInput) { self.input = input }
    func encode(into fields: inout some FieldEncoder) { input.encode(into: &fields) }
    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      input = try VisitIDInput(from: &fields)
    }
  }

  @Test("the same seed is the same key; no seed of another length")
  func seeds() throws {
    let again = try IdentityKey(seed: key.encoded())
    #expect(again.publicKey == key.publicKey && again.sign(message) == key.sign(message))
    for count in [0, 31, 33, 64] {
      #expect(throws: CredentialError.self) {
        try IdentityKey(seed: [UInt8](repeating: 1, count: count))
      }
    }
  }
}
