package import CanonicalEncoding
package import Credentials

/// What is sealed to be kept, by others too: what it is for is the `info` of HPKE, so no message opens as
/// another. What goes to somebody at once is in an ``Envelope``.
///
/// This is what the paper calls sending securely (specification, item 20).
package struct SealedMessage: NamedValue {
  package static let name = "sealed-message"

  package enum Purpose: UInt64, Sendable {
    /// To the key of a ``RequestKeyCertificate``.
    case doctorGrant = 1
    /// To the mailbox key of a visit.
    case visitNote
  }

  var purpose: Purpose
  var genesis: Digest32
  /// What it is about: the context of a visit, where there is one; of a note, the visit.
  var subject: Digest32

  package init(_ purpose: Purpose, genesis: Digest32, about subject: Digest32) {
    self.purpose = purpose
    self.genesis = genesis
    self.subject = subject
  }

  package func seal(
    _ message: [UInt8], to publicKey: [UInt8], authenticating header: Digest32 = .zero
  ) throws(CredentialError) -> [UInt8] {
    try AgreementKey.seal(message, to: publicKey, info: info, authenticating: header.bytes)
  }

  package func open(
    _ sealed: [UInt8], with key: AgreementKey, authenticating header: Digest32 = .zero
  ) throws(CredentialError) -> [UInt8] {
    try key.open(sealed, info: info, authenticating: header.bytes)
  }

  private var info: [UInt8] { Message(self).encoded() }

  package func encode(into fields: inout some FieldEncoder) {
    fields.integer("purpose", purpose.rawValue)
    fields.digest("genesis", genesis)
    fields.digest("subject", subject)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    guard let purpose = Purpose(rawValue: try fields.integer("purpose")) else {
      throw DecodingFailure(.invalidField, "purpose is neither 1 nor 2")
    }
    self.purpose = purpose
    genesis = try fields.digest("genesis")
    subject = try fields.digest("subject")
  }
}
