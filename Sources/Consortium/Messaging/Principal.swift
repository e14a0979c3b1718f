package import CanonicalEncoding
package import Credentials
import EMRScheme

/// Who signs a request.
package enum Principal: CanonicalValue, Hashable {
  /// A hospital, a cloud, the manager or a doctor, with the identity key that the ledger has.
  case party(String)
  /// The patient of a visit, with its S_v.
  case patient(visit: Digest32, hospital: String)
  /// Whoever holds this Ed25519 key: somebody who is to be registered or admitted, or a patient under an
  /// address.
  case key([UInt8])

  package func encode(into fields: inout some FieldEncoder) {
    switch self {
    case .party(let id):
      fields.integer("principal", 1)
      fields.text("party", id)
    case .patient(let visit, let hospital):
      fields.integer("principal", 2)
      fields.digest("subject", visit)
      fields.text("hospital", hospital)
    case .key(let key):
      fields.integer("principal", 3)
      fields.octets("subject", key)
    }
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    switch try fields.integer("principal", in: 1...3) {
    case 1: self = .party(try fields.text("party", maximum: Limits.identifierByteCount))
    case 2:
      self = .patient(
        visit: try fields.digest("subject"),
        hospital: try fields.text("hospital", maximum: Limits.identifierByteCount))
    default: self = .key(try fields.octets("subject", count: 32))
    }
  }
}

/// A principal with the key that it signs with.
package struct Author: Sendable {
  package let principal: Principal
  package let key: IdentityKey

  package init(_ principal: Principal, _ key: IdentityKey) {
    (self.principal, self.key) = (principal, key)
  }
}
