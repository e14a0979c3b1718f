public import CanonicalEncoding
import Credentials

/// Where a patient is reached: made for one occasion, so that nothing links it with another, and told in
/// person to who is to ask.
public struct PatientAddress: CanonicalValue, Hashable {
  /// Ed25519: signs what the patient asks under this address.
  public let signingKey: [UInt8]
  /// X25519.
  public let agreementKey: [UInt8]

  init(_ keys: PatientAddressKeys) {
    (signingKey, agreementKey) = (keys.signing.publicKey, keys.agreement.publicKey)
  }

  /// What couriers call it: SHA-256 of both keys, one after the other, in 64 small hexadecimal digits.
  public var id: String { "\(Digest32(sha256: signingKey + agreementKey))" }

  // MARK: As people carry it

  private static let label = "ADDRESS"

  /// The text of a QR code: 117 characters, all of them alphanumeric to QR.
  public var text: String { PrintedCode.text(Self.label, signingKey + agreementKey) }

  /// Reads the text of a QR code; case and white space around it make no difference.
  ///
  /// - Throws: ``ConsortiumError`` `malformed` unless it is the text of an address.
  public init(text: String) throws(ConsortiumError) {
    guard let bytes = PrintedCode.bytes(text, Self.label), bytes.count == 64 else {
      throw ConsortiumError(.malformed, "this is no address of a patient")
    }
    (signingKey, agreementKey) = (Array(bytes[..<32]), Array(bytes[32...]))
  }

  package var contact: Contact { Contact(id: id, agreementKey: agreementKey) }

  public func encode(into fields: inout some FieldEncoder) {
    fields.octets("signingKey", signingKey)
    fields.octets("agreementKey", agreementKey)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    signingKey = try fields.octets("signingKey", count: 32)
    agreementKey = try fields.octets("agreementKey", count: 32)
  }
}
