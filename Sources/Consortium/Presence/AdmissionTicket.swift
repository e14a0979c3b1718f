package import CanonicalEncoding
public import Credentials
import Crypto
import EMRScheme
import Foundation

/// What the counter of a hospital hands to a person whom it has identified: good for one admission in
/// that person's name.
public struct AdmissionTicket: Equatable, Sendable {
  /// 16 random bytes.
  private let secret: [UInt8]

  package init(using generator: inout some RandomNumberGenerator) {
    secret = generator.bytes(Self.byteCount)
  }

  private static let byteCount = 16
  private static let label = "TICKET"

  // MARK: As people carry it

  /// 12 words with a checksum (BIP-39).
  package var words: [String] { WordPhrase.words(for: secret) }

  /// Reads the words; case and white space make no difference.
  ///
  /// - Throws: ``CredentialError`` `unknownWord`, naming it; `wordCount`; `wordChecksum`.
  public init(words text: String) throws(CredentialError) {
    secret = try WordPhrase.secret(text, byteCount: Self.byteCount)
  }

  /// The text of a QR code.
  package var text: String { PrintedCode.text(Self.label, secret) }

  /// Reads the text of a QR code.
  ///
  /// - Throws: ``ConsortiumError`` `malformed` unless it is the text of a ticket.
  public init(text: String) throws(ConsortiumError) {
    guard let bytes = PrintedCode.bytes(text, Self.label), bytes.count == Self.byteCount else {
      throw ConsortiumError(.malformed, "this is no ticket of a hospital")
    }
    secret = bytes
  }

  // MARK: What it is good for

  /// The Ed25519 key that signs the form: HKDF-SHA256 of the ticket, with genesis and hospital in
  /// `info`. The hospital keeps only its public key.
  package func key(genesis: Digest32, hospital: String) throws(CredentialError) -> IdentityKey {
    let seed = HKDF<SHA256>.deriveKey(
      inputKeyMaterial: SymmetricKey(data: secret), salt: Array("BCEMR-V01-TICKET".utf8),
      info: genesis.bytes + Array(hospital.utf8), outputByteCount: 32)
    return try IdentityKey(seed: unsafe seed.withUnsafeBytes { unsafe Array($0) })
  }
}

// Whoever reads it in a log could use it.
extension AdmissionTicket: CustomStringConvertible, CustomDebugStringConvertible {
  public var description: String { "a ticket, not shown" }
  public var debugDescription: String { description }
}

extension AdmissionTicket: CustomReflectable {
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// What a hospital keeps of a ticket.
package struct IssuedTicket: NamedValue {
  package static let name = "issued-ticket"

  /// ID_j: of the person at the counter.
  package var identity: String
  /// Until when it can be used first, in seconds since 1970.
  package var expiresAt: UInt64
  /// The digest of the form that it was used with first.
  package var form: Digest32?
  /// What that form was answered with.
  package var answer: AdmissionOffer?

  package init(identity: String, expiresAt: UInt64) {
    (self.identity, self.expiresAt) = (identity, expiresAt)
  }

  /// Whether it was issued for a person, in whatever form the name is written.
  func isFor(_ person: String) -> Bool {
    WrittenForm.comparable(identity: identity) == WrittenForm.comparable(identity: person)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.text("identity", identity)
    fields.integer("expiresAt", expiresAt)
    fields.octets("form", form?.bytes ?? [])
    fields.optional("answer", answer)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    identity = try fields.text("identity")
    expiresAt = try fields.integer("expiresAt")
    form = Digest32(try fields.octets("form", 0...32))
    answer = try fields.optional("answer")
  }
}
