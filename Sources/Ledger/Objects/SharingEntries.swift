public import CanonicalEncoding

/// An entry about sharing one visit: who and why stand in the document, the ledger has its digest.
///
/// The documents carry 32 random bytes, so their digests say nothing and link no two visits.
public protocol SharingNotice: CanonicalObject {
  /// The visit that it is about.
  var visit: Digest32 { get }
  /// The digest of the consent; of an ``AccessRequestNotice``, of the certificate of the doctor's
  /// keys.
  var document: Digest32 { get }
  /// About one visit, by the digest of a document.
  init(visit: Digest32, document: Digest32)
}

extension SharingNotice {
  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("visit", visit)
    fields.digest("document", document)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    self.init(visit: try fields.digest("visit"), document: try fields.digest("document"))
  }
}

/// The system manager has passed a doctor's request on to the patient (4.6, step 1).
public struct AccessRequestNotice: SharingNotice, Equatable {
  public static let kind = ObjectKind.accessRequestNotice
  public let visit: Digest32
  public let document: Digest32
  public init(visit: Digest32, document: Digest32) {
    (self.visit, self.document) = (visit, document)
  }
}

/// The patient consents; signed with S_v.
public struct ConsentNotice: SharingNotice, Equatable {
  public static let kind = ObjectKind.consentNotice
  public let visit: Digest32
  /// The digest of the consent.
  public let document: Digest32
  public init(visit: Digest32, document: Digest32) {
    (self.visit, self.document) = (visit, document)
  }
}

/// The patient takes a consent back; signed with S_v. No opening happens after it.
public struct Revocation: SharingNotice, Equatable {
  public static let kind = ObjectKind.revocation
  public let visit: Digest32
  /// The digest of the consent.
  public let document: Digest32
  public init(visit: Digest32, document: Digest32) {
    (self.visit, self.document) = (visit, document)
  }
}

/// The proxy has re-encrypted the record under a consent; signed by the system manager.
public struct AccessNotice: SharingNotice, Equatable {
  public static let kind = ObjectKind.accessNotice
  public let visit: Digest32
  /// The digest of the consent.
  public let document: Digest32
  public init(visit: Digest32, document: Digest32) {
    (self.visit, self.document) = (visit, document)
  }
}
