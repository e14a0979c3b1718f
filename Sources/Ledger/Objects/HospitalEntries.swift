public import CanonicalEncoding

/// Moves the base of a hospital's chain to a later final consortium block: from here on the whole
/// block is judged by its directory and time. Only a block's first item; signed by the hospital.
public struct BaseAdvance: CanonicalObject, Equatable {
  public static let kind = ObjectKind.baseAdvance

  public var base: BlockReference

  public init(base: BlockReference) { self.base = base }

  public func encode(into fields: inout some FieldEncoder) { fields.value("base", base) }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    base = try fields.value("base")
  }
}

/// The hospital's answer to a ``Demand`` whose entry the rules refuse; the rules check that they do,
/// and with this code.
public struct Refused: CanonicalObject, Equatable {
  public static let kind = ObjectKind.refused

  /// The digest of the demanded entry.
  public var entry: Digest32
  /// The code of the ``Refusal``.
  public var code: String

  public init(entry: Digest32, code: String) { (self.entry, self.code) = (entry, code) }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("entry", entry)
    fields.text("code", code)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    entry = try fields.digest("entry")
    code = try fields.identifier("code")
  }
}
