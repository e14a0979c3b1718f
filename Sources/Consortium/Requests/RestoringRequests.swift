package import CanonicalEncoding
import EMRScheme
package import Ledger

/// Patient to hospital or cloud, under a key of this occasion: the openings on a hospital's chain from a
/// leaf on. By nonce and S_v a patient knows the own ones; to all others they say nothing.
package struct FindVisits: RoleRequest {
  package static let name = "find-visits"
  package typealias Reply = FoundVisits

  package var hospital: String
  /// The index of the first leaf that is looked at.
  package var from: UInt64

  package init(hospital: String, from: UInt64) { (self.hospital, self.from) = (hospital, from) }

  package func encode(into fields: inout some FieldEncoder) {
    fields.text("hospital", hospital)
    fields.integer("from", from)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    from = try fields.integer("from", in: 0...LedgerLimits.size)
  }
}

/// The openings among some leaves of a chain.
package struct FoundVisits: CanonicalValue {
  /// How many leaves one answer looks at.
  package static let leafLimit = 4096
  /// And how many bytes of them, but at least one leaf.
  package static let byteLimit = 1 << 20
  /// So many leaves, if there are more, are looked at whatever their lengths.
  package static let leastLeaves = UInt64(byteLimit / Leaf.maximumByteCount)

  package var visits: [FoundVisit]
  /// The index behind the leaves that were looked at.
  package var next: UInt64
  /// How many leaves there are.
  package var size: UInt64

  package init(visits: [FoundVisit], next: UInt64, size: UInt64) {
    (self.visits, self.next, self.size) = (visits, next, size)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.list("visits", visits)
    fields.integer("next", next)
    fields.integer("size", size)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    visits = try fields.list("visits", maximum: Self.leafLimit)
    next = try fields.integer("next", in: 0...LedgerLimits.size)
    size = try fields.integer("size", in: 0...LedgerLimits.size)
  }
}

/// What a context says of whose visit it is.
package struct FoundVisit: CanonicalValue {
  /// The identifier, which only who can make PK_v from the nonce takes out of it: with identifiers
  /// anybody could have visits proven.
  package var hiddenVisit: Digest32
  package var keyNonce: Digest32
  /// S_v.
  package var signingKey: [UInt8]

  /// - Parameter visitKey: PK_v, encoded.
  package init(visit: Digest32, keyNonce: Digest32, signingKey: [UInt8], visitKey: [UInt8]) {
    (self.keyNonce, self.signingKey) = (keyNonce, signingKey)
    hiddenVisit = Self.masked(visit, keyNonce, visitKey)
  }

  /// The identifier.
  ///
  /// - Parameter visitKey: PK_v, encoded.
  package func visit(_ visitKey: [UInt8]) -> Digest32 {
    Self.masked(hiddenVisit, keyNonce, visitKey)
  }

  /// ⊕ SHA-256(PK_v ‖ nonce): PK_v is on the chain alone.
  private static func masked(
    _ visit: Digest32, _ nonce: Digest32, _ visitKey: [UInt8]
  ) -> Digest32 {
    let mask = Digest32(sha256: visitKey + nonce.bytes)
    return Digest32(zip(visit.bytes, mask.bytes).map { $0 ^ $1 }) ?? .zero
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("hiddenVisit", hiddenVisit)
    fields.digest("keyNonce", keyNonce)
    fields.octets("signingKey", signingKey)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    hiddenVisit = try fields.digest("hiddenVisit")
    keyNonce = try fields.digest("keyNonce")
    signingKey = try fields.octets("signingKey", count: 32)
  }
}

/// Patient to cloud: keep this note of my visit, in the place of an older one.
package struct KeepNote: RoleRequest {
  package static let name = "keep-note"
  package typealias Reply = Done

  package var note: KeptNote

  package init(_ note: KeptNote) { self.note = note }

  package func encode(into fields: inout some FieldEncoder) { fields.value("note", note) }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    note = try fields.value("note")
  }
}

/// A ``VisitNote`` as a cloud has it.
package struct KeptNote: NamedValue, Equatable {
  package static let name = "kept-note"
  package static let byteLimit = 1 << 16

  /// The note's own, so that a cloud puts none in the place of a newer one.
  package var counter: UInt64
  /// A ``SealedMessage`` to the mailbox key of the visit.
  package var sealed: [UInt8]

  package init(counter: UInt64, sealed: [UInt8]) {
    (self.counter, self.sealed) = (counter, sealed)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.integer("counter", counter)
    fields.octets("sealed", sealed)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    counter = try fields.integer("counter", in: 1...LedgerLimits.size)
    sealed = try fields.octets("sealed", 1...Self.byteLimit)
  }
}

/// Patient to cloud: the note of my visit.
package struct FetchNote: RoleRequest {
  package static let name = "fetch-note"
  package typealias Reply = FetchedNote

  package init() {}
  package func encode(into fields: inout some FieldEncoder) {}
  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {}
}

/// How a visit stands at a cloud, and its note if there is one.
package struct FetchedNote: CanonicalValue {
  package var status: VisitRecord.Status
  package var note: KeptNote?

  package init(status: VisitRecord.Status, note: KeptNote?) {
    (self.status, self.note) = (status, note)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.integer("status", status.rawValue)
    fields.optional("note", note)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    guard let status = VisitRecord.Status(rawValue: try fields.integer("status")) else {
      throw DecodingFailure(.invalidField, "status is not one of 1 to 3")
    }
    self.status = status
    note = try fields.optional("note")
  }
}
