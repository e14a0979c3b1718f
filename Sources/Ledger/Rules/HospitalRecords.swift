public import CanonicalEncoding
public import EMRScheme

/// A visit as the rules remember it.
public struct VisitRecord: Sendable, Equatable {
  /// How far the visit is.
  public enum Status: UInt64, Sendable { case open = 1, abandoned, complete }

  public var status: Status
  public var contextDigest: Digest32
  /// S_v.
  public var signingKey: [UInt8]
  /// a_k: how often each doctor of the team has signed.
  public var attempts: [UInt64]
  /// The index of the ``VisitOpening``.
  public var opening: UInt64
  /// The index of the ``VisitCompletion``, once the visit is complete.
  public var completion: UInt64?
  public var recordDigest: Digest32?
  public var receipt: VisitReceipt.Verdict?
}

extension VisitRecord: StateRecord {
  public func encode(into fields: inout some FieldEncoder) {
    fields.integer("status", status.rawValue)
    fields.digest("contextDigest", contextDigest)
    fields.octets("signingKey", signingKey)
    fields.list("attempts", attempts.map(Number.init))
    fields.integer("opening", opening)
    fields.optional("completion", completion.map(Number.init))
    fields.octets("recordDigest", recordDigest?.bytes ?? [])
    fields.integer("receipt", receipt?.rawValue ?? 0)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    guard let status = Status(rawValue: try fields.integer("status")) else {
      throw DecodingFailure(.invalidField, "status is not one of 1 to 3")
    }
    self.status = status
    contextDigest = try fields.digest("contextDigest")
    signingKey = try fields.octets("signingKey", count: 32)
    attempts = try fields.list("attempts", maximum: Limits.teamSize, of: Number.self).map(\.number)
    opening = try fields.integer("opening")
    completion = try fields.optional("completion", of: Number.self)?.number
    recordDigest = Digest32(try fields.octets("recordDigest", 0...32))
    receipt = VisitReceipt.Verdict(rawValue: try fields.integer("receipt", in: 0...2))
  }

  private struct Number: CanonicalValue {
    var number: UInt64
    init(_ number: UInt64) { self.number = number }
    func encode(into fields: inout some FieldEncoder) { fields.integer("number", number) }
    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      number = try fields.integer("number")
    }
  }
}

extension VisitContext: StateValue {
  package static var isReadOften: Bool { true }
  package var stateBytes: [UInt8] { encoded() }
  package init(stateBytes bytes: [UInt8]) throws(DecodingFailure) { try self.init(encoded: bytes) }
}

extension PartialSignature: StateValue {
  package var stateBytes: [UInt8] { encoded() }
  package init(stateBytes bytes: [UInt8]) throws(DecodingFailure) { try self.init(encoded: bytes) }
}

/// A consent as the rules remember it.
public struct ConsentRecord: Sendable, Equatable {
  public var visit: Digest32
  /// The index of the ``ConsentNotice``.
  public var index: UInt64
  public var isRevoked = false
  public var isUsed = false

  init(visit: Digest32, index: UInt64) { (self.visit, self.index) = (visit, index) }
}

extension ConsentRecord: StateRecord {
  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("visit", visit)
    fields.integer("index", index)
    fields.integer("isRevoked", isRevoked ? 1 : 0)
    fields.integer("isUsed", isUsed ? 1 : 0)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    visit = try fields.digest("visit")
    index = try fields.integer("index")
    isRevoked = try fields.integer("isRevoked", in: 0...1) == 1
    isUsed = try fields.integer("isUsed", in: 0...1) == 1
  }
}

extension StateKey {
  static func visit(_ visit: Digest32) -> Self { Self("visit/", visit.bytes) }
  /// The context of an open visit.
  static func context(_ visit: Digest32) -> Self { Self("context/", visit.bytes) }
  /// The latest signature of D_k of an open visit.
  static func signature(_ visit: Digest32, position: Int) -> Self {
    Self("signature/", visit.bytes, [UInt8(clamping: position)])
  }
  static func visitKey(_ key: [UInt8]) -> Self { Self("visit-key/", Digest32(sha256: key).bytes) }
  static func pseudonym(_ pseudonym: Digest32) -> Self { Self("pseudonym/", pseudonym.bytes) }
  static func request(_ document: Digest32) -> Self { Self("request/", document.bytes) }
  static func consent(_ document: Digest32) -> Self { Self("consent/", document.bytes) }
  /// Where a consent was taken back of which there was no notice; by the visit too, so that nobody takes
  /// back what another patient gives.
  static func takenBack(_ document: Digest32, of visit: Digest32) -> Self {
    Self("taken-back/", visit.bytes, document.bytes)
  }

  /// Where the abandonment of a visit stands.
  static func abandonment(_ visit: Digest32) -> Self { Self("abandonment/", visit.bytes) }
  /// Where the receipt of a visit stands.
  static func receipt(_ visit: Digest32) -> Self { Self("receipt/", visit.bytes) }
  /// How many consents of a visit are without the notice of a request.
  static func unnoted(_ visit: Digest32) -> Self { Self("unnoted/", visit.bytes) }

  /// How many entries there are about sharing a visit, and the index of each.
  static func sharingCount(_ visit: Digest32) -> Self { Self("sharing/", visit.bytes) }
  static func sharing(_ visit: Digest32, number: UInt64) -> Self {
    Self("shared/", visit.bytes, number.stateBytes)
  }

  /// The index of an item, by the digest of its entry.
  static func item(_ entry: Digest32) -> Self { Self("item/", entry.bytes) }
}
