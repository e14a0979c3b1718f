package import CanonicalEncoding
package import Credentials
import EMRScheme

/// A request on its way: who it is for can be read, and nothing else (specification 8.1).
///
/// It is sealed by HPKE to the recipient's key of this week; inside is a ``RequestContent`` that its author
/// has signed. The answer is a ``SealedAnswer`` under the key that this exchange alone has, or a bare
/// refusal of what was not understood.
package struct Envelope: CanonicalObject {
  package static let kind = ObjectKind.envelope
  package static var maximumByteCount: Int { MessageLimits.message }
  package static let maximumNodeCount = 16
  /// By how much it is longer than what it brings, at most, in bytes.
  static let overhead = 2048

  package var recipient: String
  /// The digest of the key that it is sealed to: the recipient has several.
  package var keyDigest: Digest32
  package var sealed: [UInt8]

  package init(recipient: String, keyDigest: Digest32, sealed: [UInt8]) {
    (self.recipient, self.keyDigest, self.sealed) = (recipient, keyDigest, sealed)
  }

  /// Signs and seals a request.
  ///
  /// - Parameter content: names `contact` as its recipient.
  /// - Returns: also what opens the answer.
  /// - Throws: ``CredentialError`` `invalidKey` if the contact has no such key.
  package static func seal(
    _ content: RequestContent, by key: IdentityKey, to contact: Contact
  ) throws(CredentialError) -> (envelope: Envelope, answer: AnswerKey) {
    var content = content
    content.recipientKey = Digest32(sha256: contact.agreementKey)
    return try seal(Signed(content, by: key), to: contact)
  }

  /// Seals what its author has signed.
  package static func seal(
    _ request: Signed<RequestContent>, to contact: Contact
  ) throws(CredentialError) -> (envelope: Envelope, answer: AnswerKey) {
    let keyDigest = Digest32(sha256: contact.agreementKey)
    let (sealed, answer) = try AgreementKey.sealRequest(
      request.encodedSequence(), to: contact.agreementKey,
      info: info(request.object.genesis, contact.id, keyDigest))
    return (Envelope(recipient: contact.id, keyDigest: keyDigest, sealed: sealed), answer)
  }

  /// - Parameter key: the one that ``keyDigest`` names, of who is called ``recipient``.
  /// - Throws: ``CredentialError`` `decryption`; ``DecodingFailure``; ``ConsortiumError``
  ///   `unauthenticated` if it was made for somebody else.
  package func open(
    with key: AgreementKey, genesis: Digest32
  ) throws -> (request: Signed<RequestContent>, answer: AnswerKey) {
    let (bytes, answer) = try key.openRequest(
      sealed, info: Self.info(genesis, recipient, keyDigest))
    let request: Signed<RequestContent> = try Signed(sequence: bytes)
    // Or somebody who was asked could pass it on as one to another, and who has a former key of the
    // recipient's, as one to its present key.
    guard request.object.recipient == recipient, request.object.recipientKey == keyDigest else {
      throw ConsortiumError(.unauthenticated, "the request is to \(request.object.recipient)")
    }
    return (request, answer)
  }

  private static func info(
    _ genesis: Digest32, _ recipient: String, _ keyDigest: Digest32
  ) -> [UInt8] {
    Message(EnvelopeInfo(genesis: genesis, recipient: recipient, keyDigest: keyDigest)).encoded()
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.text("recipient", recipient)
    fields.digest("keyDigest", keyDigest)
    fields.octets("sealed", sealed)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    recipient = try fields.text("recipient", maximum: Limits.identifierByteCount)
    keyDigest = try fields.digest("keyDigest")
    sealed = try fields.octets("sealed", 1...MessageLimits.message)
  }
}

/// The `info` of HPKE, so that what is outside of the seal cannot be changed, and no envelope opens as
/// anything else.
private struct EnvelopeInfo: NamedValue {
  static let name = "envelope"

  var genesis: Digest32
  var recipient: String
  var keyDigest: Digest32

  init(genesis: Digest32, recipient: String, keyDigest: Digest32) {
    (self.genesis, self.recipient, self.keyDigest) = (genesis, recipient, keyDigest)
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("recipient", recipient)
    fields.digest("keyDigest", keyDigest)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    recipient = try fields.text("recipient", maximum: Limits.identifierByteCount)
    keyDigest = try fields.digest("keyDigest")
  }
}

/// A request as its author signs it. It names its recipient and the key that it is sealed to, so nobody who
/// has read it seals it anew, to another or to another key.
package struct RequestContent: CanonicalObject {
  package static let kind = ObjectKind.requestContent
  package static var maximumByteCount: Int { MessageLimits.message }
  /// The payload is one of them: it is decoded after its author is known.
  package static let maximumNodeCount = 32

  package var genesis: Digest32
  package var recipient: String
  /// The digest of the key that it is sealed to; set by ``Envelope/seal(_:by:to:)``.
  package var recipientKey = Digest32.zero
  package var author: Principal
  /// Of a ``RoleRequest``.
  package var name: String
  /// 16 random bytes: no two requests are the same.
  package var nonce: [UInt8]
  /// When it was sent, in seconds since 1970 by the author's clock.
  package var sentAt: UInt64
  /// The DER of the request's `Message`.
  package var payload: [UInt8]

  package init(
    genesis: Digest32, recipient: String, author: Principal, name: String, nonce: [UInt8],
    sentAt: UInt64, payload: [UInt8]
  ) {
    (self.genesis, self.recipient, self.author) = (genesis, recipient, author)
    (self.name, self.nonce, self.sentAt, self.payload) = (name, nonce, sentAt, payload)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("recipient", recipient)
    fields.digest("recipientKey", recipientKey)
    fields.value("author", author)
    fields.text("name", name)
    fields.octets("nonce", nonce)
    fields.integer("sentAt", sentAt)
    fields.octets("payload", payload)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    recipient = try fields.text("recipient", maximum: Limits.identifierByteCount)
    recipientKey = try fields.digest("recipientKey")
    author = try fields.value("author")
    name = try fields.text("name", maximum: 64)
    nonce = try fields.octets("nonce", count: 16)
    sentAt = try fields.integer("sentAt", in: 0...Limits.latestTime)
    payload = try fields.octets("payload", 1...MessageLimits.message)
  }
}

/// The answer to an ``Envelope``: a ``ReplyMessage`` under the ``AnswerKey`` of the exchange.
package struct SealedAnswer: CanonicalObject {
  package static let kind = ObjectKind.sealedAnswer
  package static var maximumByteCount: Int { MessageLimits.message }
  package static let maximumNodeCount = 8

  package var sealed: [UInt8]

  package init(sealed: [UInt8]) { self.sealed = sealed }

  package func encode(into fields: inout some FieldEncoder) { fields.octets("sealed", sealed) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    sealed = try fields.octets("sealed", 1...MessageLimits.message)
  }
}
