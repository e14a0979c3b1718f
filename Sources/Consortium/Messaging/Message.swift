package import CanonicalEncoding
import EMRScheme
import Ledger

/// A value with a name of its own, so that it can stand alone: sent, stored or signed.
package protocol NamedValue: CanonicalValue {
  static var name: String { get }
  /// The longest `Message` of it; what is sent has the limit of all.
  static var messageByteCount: Int { get }
}

extension NamedValue {
  package static var messageByteCount: Int { MessageLimits.message }
}

/// The canonical object `{name, payload}`; its DER is what crosses the courier and what roles keep.
package struct Message<Payload: NamedValue>: CanonicalObject {
  package static var kind: ObjectKind { .message }
  package static var maximumByteCount: Int { Payload.messageByteCount }

  package var payload: Payload

  package init(_ payload: Payload) { self.payload = payload }

  package func encode(into fields: inout some FieldEncoder) {
    fields.text("name", Payload.name)
    fields.value("payload", payload)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    guard try fields.text("name", maximum: 64) == Payload.name else {
      throw DecodingFailure(.wrongKind, "expected \(Payload.name)")
    }
    payload = try fields.value("payload")
  }
}

package enum MessageLimits {
  /// A hospital's blocks, to be confirmed: with tag and length of each leaf, the checkpoint, and what names
  /// them.
  package static let closedBlocks =
    LedgerLimits.closedBytes + 4 * LedgerLimits.leafListCount + LedgerLimits.noteByteCount
    + 1 << 10
  /// The longest message: these, in an envelope.
  package static let message = MessageLimits.closedBlocks + 2 * Envelope.overhead
  /// The longest one of all others.
  package static let plain = 1 << 21
  /// The longest text of a person that has no other limit, in bytes of UTF-8.
  private static let text = 256

  /// - Throws: ``ConsortiumError`` `too-large` for a text that its recipient would not read.
  static func requireText(_ texts: String...) throws(ConsortiumError) {
    for text in texts where text.utf8.count > Self.text {
      throw ConsortiumError(.tooLarge, "a text of \(text.utf8.count) bytes, limit \(Self.text)")
    }
  }
}

/// A request with the type of its reply.
package protocol RoleRequest: NamedValue {
  associatedtype Reply: CanonicalValue
}

extension RoleRequest {
  /// States, for the compiler, that this is a reply to such a request.
  package func reply(_ reply: Reply) -> any CanonicalValue { reply }
}

/// A request as it arrives, of a kind that its recipient takes.
struct IncomingRequest: CanonicalObject {
  static let kind = ObjectKind.message
  static let maximumByteCount = MessageLimits.message
  /// Room for a list of leaves.
  static let maximumNodeCount = 1 << 18

  var request: any RoleRequest

  func encode(into fields: inout some FieldEncoder) {
    fields.text("name", type(of: request).name)
    fields.value("payload", request)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    let name = try fields.text("name", maximum: 64)
    guard let rule = RequestTable.byName[name] else {
      throw DecodingFailure(.invalidField, "there is no such request")
    }
    request = try Self.payload(rule.type, &fields)
  }

  /// - Parameter rule: of the kind that its author has named.
  init(encoded bytes: [UInt8], as rule: RequestRule) throws {
    guard FieldDecoder.leadingText(of: Self.kind, in: bytes, maximum: 64) == rule.name else {
      throw DecodingFailure(.wrongKind, "expected \(rule.name)")
    }
    self = try Self(encoded: bytes)
  }

  private static func payload<Request: RoleRequest>(
    _ type: Request.Type, _ fields: inout FieldDecoder
  ) throws(DecodingFailure) -> any RoleRequest {
    try fields.value("payload", as: type)
  }
}

/// The answer to a request, or why there is none.
package struct ReplyMessage<Payload: CanonicalValue>: CanonicalObject {
  package static var kind: ObjectKind { .message }
  package static var maximumByteCount: Int { MessageLimits.message }
  /// Room for the entries about a visit, or a block and its proof.
  package static var maximumNodeCount: Int { 1 << 20 }

  /// An error has at most so many bytes.
  static var errorByteCount: Int { 2048 }

  package var result: Result<Payload, ConsortiumError>

  package init(_ result: Result<Payload, ConsortiumError>) { self.result = result }

  package func encode(into fields: inout some FieldEncoder) {
    switch result {
    case .success(let payload):
      fields.text("name", "reply")
      fields.value("payload", payload)
    case .failure(let error):
      fields.text("name", "error")
      fields.value("payload", error)
    }
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    switch try fields.text("name", maximum: 64) {
    case "reply": result = .success(try fields.value("payload"))
    case "error": result = .failure(try fields.value("payload"))
    default: throw DecodingFailure(.wrongKind, "expected a reply")
    }
  }
}

/// The reply that says no more than that it was done.
package struct Done: CanonicalValue {
  package init() {}
  package func encode(into fields: inout some FieldEncoder) {}
  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {}
}

/// The reply that is one string of bytes.
package struct Octets: CanonicalValue {
  package var bytes: [UInt8]

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  package func encode(into fields: inout some FieldEncoder) { fields.octets("bytes", bytes) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    bytes = try fields.octets("bytes", 0...1 << 16)
  }
}
