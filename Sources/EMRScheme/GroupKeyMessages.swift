internal import CanonicalEncoding

/// 4.3 (1), hospital to doctor: U_i.
struct GroupKeyOffer: CanonicalObject {
  static let kind = ObjectKind.groupKeyOffer
  var u: [UInt8]

  init(u: [UInt8]) { self.u = u }

  func encode(into fields: inout some FieldEncoder) { fields.octets("u", u) }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    u = try fields.octets("u", Limits.pointByteCounts)
  }
}

/// 4.3 (2), doctor to hospital: V_k, with the doctor's signature of the transcript.
struct GroupKeyAnswer: CanonicalObject {
  static let kind = ObjectKind.groupKeyAnswer
  var v: [UInt8]
  var signature: [UInt8]

  init(v: [UInt8], signature: [UInt8]) { (self.v, self.signature) = (v, signature) }

  func encode(into fields: inout some FieldEncoder) {
    fields.octets("v", v)
    fields.octets("signature", signature)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    v = try fields.octets("v", Limits.pointByteCounts)
    signature = try fields.octets("signature", count: 64)
  }
}

/// 4.3 (3), hospital to doctor: MAC_i, with the hospital's signature of the transcript.
struct GroupKeyConfirmation: CanonicalObject {
  static let kind = ObjectKind.groupKeyConfirmation
  var signature: [UInt8]
  var code: [UInt8]

  init(signature: [UInt8], code: [UInt8]) { (self.signature, self.code) = (signature, code) }

  func encode(into fields: inout some FieldEncoder) {
    fields.octets("signature", signature)
    fields.octets("code", code)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    signature = try fields.octets("signature", count: 64)
    code = try fields.octets("code", count: 32)
  }
}

/// 4.3 (4), doctor to hospital: MAC_k†.
struct GroupKeyAcknowledgement: CanonicalObject {
  static let kind = ObjectKind.groupKeyAcknowledgement
  var code: [UInt8]

  init(code: [UInt8]) { self.code = code }

  func encode(into fields: inout some FieldEncoder) { fields.octets("code", code) }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    code = try fields.octets("code", count: 32)
  }
}

/// 4.3 (5), hospital to doctor: M, the sealed group key.
struct GroupKeyDelivery: CanonicalObject {
  static let kind = ObjectKind.groupKeyDelivery
  var sealedKey: [UInt8]

  init(sealedKey: [UInt8]) { self.sealedKey = sealedKey }

  func encode(into fields: inout some FieldEncoder) { fields.octets("sealedKey", sealedKey) }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    sealedKey = try fields.octets("sealedKey", 1...2048)
  }
}
