import CanonicalEncoding
import Crypto
import EMRScheme
import Pairings
import TestSupport
import Testing

/// `Vectors/group-key.json`, which `scripts/vectors/group_key_appendix.py` makes from the specification.
private struct GroupKeyVector: Decodable {
  struct Exchange: Decodable {
    var identitySeed, identityKey, secret: Hex
    var answer, confirmation, acknowledgement, delivery: Hex
  }
  struct Refused: Decodable {
    var message, name: String
    var der: Hex
  }

  var context, hospitalIdentitySeed, hospitalIdentityKey, hospitalSecret, offer: Hex
  var exchanges: [Exchange]
  var groupKey, findingsKey: Hex
  var refused: [Refused]

  static func read() throws -> Self {
    try #require(VectorFile<Self>("group-key", in: .module).cases.first)
  }

  /// Both sides, with the secrets of the vector.
  func sides() throws -> Sides {
    let context = try VisitContext(encoded: context.bytes)
    var secret = try FixedScalar(Scalar(encoded: hospitalSecret.bytes))
    return Sides(
      hospital: try HospitalKeyExchange(
        context: context, identityKey: .init(rawRepresentation: hospitalIdentitySeed.bytes),
        doctorKeys: exchanges.map(\.identityKey.bytes), using: &secret),
      doctors: try exchanges.enumerated().map { index, exchange in
        try DoctorKeyExchange(
          context: context, position: index + 1,
          identityKey: .init(rawRepresentation: exchange.identitySeed.bytes),
          hospitalKey: hospitalIdentityKey.bytes)
      })
  }

  struct Sides {
    var hospital: HospitalKeyExchange<BLS12381>
    var doctors: [DoctorKeyExchange<BLS12381>]
  }

  /// What one side has sent is the vector's message, but for a signature, of which there may be several.
  static func expectSame(
    _ made: [UInt8], _ message: Hex, signature: Range<Int>? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    func unsigned(_ bytes: [UInt8]) -> [UInt8] {
      guard let signature, bytes.count >= signature.upperBound else { return bytes }
      return Array(bytes[..<signature.lowerBound] + bytes[signature.upperBound...])
    }
    #expect(unsigned(made) == unsigned(message.bytes), sourceLocation: sourceLocation)
  }
}

@Suite("A group key that a second implementation agreed on")
struct GroupKeyVectorTests {
  @Test("each side takes every message, and makes its own")
  func messages() throws {
    let vector = try GroupKeyVector.read()
    var sides = try vector.sides()
    GroupKeyVector.expectSame(sides.hospital.offer(), vector.offer)
    for (index, exchange) in vector.exchanges.enumerated() {
      var secret = try FixedScalar(Scalar(encoded: exchange.secret.bytes))
      // Behind 7f 2d 79 30 77, the version, and V with its header; in a confirmation behind the version.
      GroupKeyVector.expectSame(
        try sides.doctors[index].answer(offer: vector.offer.bytes, using: &secret),
        exchange.answer, signature: 60..<124)
      GroupKeyVector.expectSame(
        try sides.hospital.confirm(answer: exchange.answer.bytes, from: index + 1),
        exchange.confirmation, signature: 10..<74)
      GroupKeyVector.expectSame(
        try sides.doctors[index].acknowledge(confirmation: exchange.confirmation.bytes),
        exchange.acknowledgement)
      try sides.hospital.acknowledge(exchange.acknowledgement.bytes, from: index + 1)
    }
    #expect(try sides.hospital.groupKey().encoded() == vector.groupKey.bytes)
    for (index, exchange) in vector.exchanges.enumerated() {
      GroupKeyVector.expectSame(try sides.hospital.deliver(to: index + 1), exchange.delivery)
      let key = try sides.doctors[index].receive(delivery: exchange.delivery.bytes)
      #expect(key.encoded() == vector.groupKey.bytes)
    }
  }

  @Test("findings are sealed under the key that follows from it")
  func findings() throws {
    let vector = try GroupKeyVector.read()
    let visit = try #require(VectorFile<VisitOfTwo>("visit", in: .module).cases.first)
    let context = try VisitContext(encoded: vector.context.bytes)
    let finding = try #require(RecordPlaintext(encoded: visit.plaintext.bytes).findings.first)
    let sealed = try GroupKey(encoded: vector.groupKey.bytes, context: context, BLS12381.self)
      .seal([finding])
    let chain = FindingChain(
      contextDigest: context.digest,
      commitments: [FindingCommitment](to: [finding], contextDigest: context.digest))
    let box = try AES.GCM.SealedBox(
      nonce: AES.GCM.Nonce(data: [UInt8](repeating: 0, count: 12)),
      ciphertext: sealed.ciphertext.dropLast(16), tag: sealed.ciphertext.suffix(16))
    let padded = try AES.GCM.open(
      box, using: SymmetricKey(data: vector.findingsKey.bytes), authenticating: chain.encoded())
    #expect(!padded.isEmpty)
  }

  private struct VisitOfTwo: Decodable { var plaintext: Hex }

  @Test("[attack] item 10: what is no right message of an exchange is refused, on either side")
  func refused() throws {
    let vector = try GroupKeyVector.read()
    let first = vector.exchanges[0]
    for each in vector.refused {
      var sides = try vector.sides()
      var secret = try FixedScalar(Scalar(encoded: first.secret.bytes))
      let der = each.der.bytes
      // All before it, as it has to be.
      if each.message != "offer" {
        _ = try sides.doctors[0].answer(offer: vector.offer.bytes, using: &secret)
      }
      if each.message == "acknowledgement" {
        _ = try sides.hospital.confirm(answer: first.answer.bytes, from: 1)
      }
      if each.message == "delivery" {
        _ = try sides.doctors[0].acknowledge(confirmation: first.confirmation.bytes)
      }
      #expect(throws: SchemeError.self, "\(each.message): \(each.name)") {
        switch each.message {
        case "offer": _ = try sides.doctors[0].answer(offer: der, using: &secret)
        case "answer": _ = try sides.hospital.confirm(answer: der, from: 1)
        case "confirmation": _ = try sides.doctors[0].acknowledge(confirmation: der)
        case "acknowledgement": try sides.hospital.acknowledge(der, from: 1)
        case "delivery": _ = try sides.doctors[0].receive(delivery: der)
        default: Issue.record("\(each.message) is no message")
        }
      }
    }
  }
}
