package import CanonicalEncoding
import EMRScheme

/// The key that envelopes to somebody are sealed to for a week, signed by its owner: what the X3DH
/// agreement calls a signed prekey (specification 8.1).
///
/// A key on the ledger would live as long as its owner likes, and whoever steals it would read all that was
/// ever sent. This one is erased when nothing that is sealed to it can be under way any more.
package struct EnvelopeKey: CanonicalObject, Equatable {
  package static let kind = ObjectKind.envelopeKey
  package static let maximumByteCount = 1 << 10
  package static let maximumNodeCount = 16

  /// For how many seconds it may be sealed to, at most.
  package static let lifetime: UInt64 = 7 * 86_400
  /// For how many seconds more its owner keeps it: what is sealed to it in the last of them may be under
  /// way for as long as any request counts.
  package static let grace: UInt64 = 7 * 86_400

  package var genesis: Digest32
  /// A hospital, a cloud, the manager or a doctor.
  package var owner: String
  /// X25519, 32 bytes.
  package var key: [UInt8]
  /// The first second of its time, and the last, since 1970 by the owner's clock.
  package var first: UInt64
  package var last: UInt64

  package init(genesis: Digest32, owner: String, key: [UInt8], first: UInt64, last: UInt64) {
    (self.genesis, self.owner, self.key) = (genesis, owner, key)
    (self.first, self.last) = (first, last)
  }

  /// Whether it may be sealed to at a time, by a clock that may differ by ``RequestRule/skew``.
  func counts(at now: UInt64) -> Bool {
    first <= now &+ RequestRule.skew && now <= last && last - first <= Self.lifetime
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("owner", owner)
    fields.octets("key", key)
    fields.integer("first", first)
    fields.integer("last", last)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    owner = try fields.text("owner", maximum: Limits.identifierByteCount)
    key = try fields.octets("key", count: 32)
    first = try fields.integer("first", in: 0...Limits.latestTime)
    last = try fields.integer("last", in: first...Limits.latestTime)
  }
}

/// Anybody to anybody on the ledger: which key is sealed to now? The answer proves itself.
package struct FetchEnvelopeKey: RoleRequest {
  package static let name = "fetch-envelope-key"
  package typealias Reply = Signed<EnvelopeKey>

  package init() {}
  package func encode(into fields: inout some FieldEncoder) {}
  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {}
}
