package import CanonicalEncoding
package import Credentials

/// An object with an Ed25519 signature over its DER; nothing says yet whose.
///
/// The kind of the object is in what is signed, so no signature serves for two kinds.
package struct Signed<Object: CanonicalObject>: CanonicalValue {
  package let object: Object
  package let signature: [UInt8]

  package init(_ object: Object, by key: IdentityKey) {
    self.object = object
    signature = key.sign(object.encoded())
  }

  /// The object, if the key made the signature.
  ///
  /// - Throws: ``ConsortiumError`` `unauthenticated`.
  package func verified(by publicKey: [UInt8]) throws -> Object {
    guard IdentityKey.isValid(signature, of: object.encoded(), by: publicKey) else {
      throw ConsortiumError(.unauthenticated, "the \(Object.kind) is not signed by its author")
    }
    return object
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.object("object", encoded: object.encoded())
    fields.octets("signature", signature)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    object = try Object(encoded: try fields.object("object", maximum: Object.maximumByteCount))
    signature = try fields.octets("signature", count: 64)
  }
}
