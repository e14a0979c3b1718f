package import CanonicalEncoding
import Credentials
import EMRScheme

/// Who has no server fetches what waits in a mailbox: a doctor at the own hospital, a patient, under an
/// address, at the manager's (specification 8.8).
package struct FetchMail: RoleRequest {
  package static let name = "fetch-mail"
  package typealias Reply = MailBundle

  /// The longest wait for a message, in seconds.
  package static let longestWait: UInt64 = 25

  /// For how many seconds the answer waits for a message where there is none.
  package var waiting: UInt64
  /// X25519: with the author's key it makes the address that is asked for; empty for a doctor.
  package var agreementKey: [UInt8]
  /// What a doctor has the mailbox show to who wants to seal something.
  package var envelopeKey: Signed<EnvelopeKey>?

  /// - Parameter waiting: at most ``longestWait``.
  package init(
    waiting: UInt64, agreementKey: [UInt8] = [], envelopeKey: Signed<EnvelopeKey>? = nil
  ) {
    self.waiting = min(waiting, Self.longestWait)
    (self.agreementKey, self.envelopeKey) = (agreementKey, envelopeKey)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.integer("waiting", waiting)
    fields.octets("agreementKey", agreementKey)
    fields.optional("envelopeKey", envelopeKey)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    waiting = try fields.integer("waiting", in: 0...Self.longestWait)
    agreementKey = try fields.octets("agreementKey", 0...32)
    envelopeKey = try fields.optional("envelopeKey")
  }
}

/// What was due in a mailbox: the first message of each source, then the next ones, as many as have room.
package struct MailBundle: CanonicalValue {
  /// How many there are at most.
  package static let limit = 64

  package var messages: [MailMessage]

  package init(_ messages: [MailMessage]) { self.messages = messages }

  package func encode(into fields: inout some FieldEncoder) { fields.list("messages", messages) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    messages = try fields.list("messages", maximum: Self.limit)
  }
}

/// A message as it came to the mailbox.
package struct MailMessage: CanonicalValue {
  /// By how many bytes it is longer than what it brings, at most.
  static let overhead = 64

  /// Where it came from: 16 bytes that are the same for one address, and say nothing of it.
  package var source: [UInt8]
  package var bytes: [UInt8]

  package init(source: [UInt8], bytes: [UInt8]) { (self.source, self.bytes) = (source, bytes) }

  package func encode(into fields: inout some FieldEncoder) {
    fields.octets("source", source)
    fields.octets("bytes", bytes)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    source = try fields.octets("source", count: 16)
    bytes = try fields.octets("bytes", 1...MessageLimits.plain)
  }
}

/// The answer to a message that was fetched: it is handed to who has sent that, if it still waits, and the
/// message leaves the mailbox. The reply is what comes next, if that is asked for.
package struct AnswerMail: RoleRequest {
  package static let name = "answer-mail"
  package typealias Reply = MailBundle

  /// As in ``FetchMail``.
  package var agreementKey: [UInt8]
  /// SHA-256 of the message: an answer is given to no other, whatever came between.
  package var message: Digest32
  package var answer: [UInt8]
  /// What is fetched then.
  package var next: FetchMail?

  package init(
    agreementKey: [UInt8] = [], message: Digest32, answer: [UInt8], next: FetchMail? = nil
  ) {
    (self.agreementKey, self.message, self.answer) = (agreementKey, message, answer)
    self.next = next
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.octets("agreementKey", agreementKey)
    fields.digest("message", message)
    fields.octets("answer", answer)
    fields.optional("next", next)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    agreementKey = try fields.octets("agreementKey", 0...32)
    message = try fields.digest("message")
    answer = try fields.octets("answer", 1...MessageLimits.plain)
    next = try fields.optional("next")
  }
}

/// A question to a mailbox.
package protocol MailRequest {
  var agreementKey: [UInt8] { get }
}

extension FetchMail: MailRequest {}
extension AnswerMail: MailRequest {}

extension MailRequest {
  /// The mailbox that an author may open.
  ///
  /// - Returns: the identifier of a doctor, or of an address whose keys these are.
  /// - Throws: ``ConsortiumError`` `not-entitled`.
  package func mailbox(of author: Principal?) throws -> String {
    switch author {
    case .party(let id) where agreementKey.isEmpty: return id
    case .key(let signingKey) where agreementKey.count == 32:
      return "\(Digest32(sha256: signingKey + agreementKey))"
    default: throw ConsortiumError(.notEntitled, "whoever asks has no mailbox here")
    }
  }
}
