public import CanonicalEncoding
import TransparencyLog

/// One leaf of a chain's tree: an item, or the header that closes a block of items (specification
/// 6.1).
///
/// Its bytes are a tag, 1 for an item and 2 for a header, and the DER of the object; at most 65,535
/// in all, so that C2SP's entry bundles hold every leaf.
public enum Leaf: Sendable, Equatable {
  case item(Entry)
  case header(BlockHeader)

  /// In bytes, with the tag.
  public static let maximumByteCount = ChainLogLimits.leafByteCount

  private static let itemTag: UInt8 = 1
  private static let headerTag: UInt8 = 2

  /// The tag, and the DER of the object.
  public func encoded() -> [UInt8] {
    switch self {
    case .item(let entry): [Self.itemTag] + entry.encoded()
    case .header(let header): [Self.headerTag] + header.encoded()
    }
  }

  /// Whether the bytes of a leaf are those of a header, by their tag.
  package static func isHeader(_ bytes: [UInt8]) -> Bool { bytes.first == headerTag }

  /// The entry in the bytes of a leaf, if it is an item.
  package static func entry(in bytes: [UInt8]) -> Entry? {
    if case .item(let entry)? = try? Leaf(encoded: bytes) { entry } else { nil }
  }

  /// The header in the bytes of a leaf, if it is one.
  package static func header(in bytes: [UInt8]) -> BlockHeader? {
    if case .header(let header)? = try? Leaf(encoded: bytes) { header } else { nil }
  }

  /// The leaf of an item whose DER is known.
  static func encoded(item entry: [UInt8]) -> [UInt8] { [itemTag] + entry }

  /// - Throws: ``DecodingFailure`` unless these are the bytes of one leaf.
  public init(encoded bytes: [UInt8]) throws(DecodingFailure) {
    guard bytes.count <= Self.maximumByteCount else {
      throw DecodingFailure(.tooLarge, "a leaf of \(bytes.count) bytes")
    }
    switch bytes.first {
    case Self.itemTag: self = .item(try Entry(encoded: Array(bytes.dropFirst())))
    case Self.headerTag: self = .header(try BlockHeader(encoded: Array(bytes.dropFirst())))
    default: throw DecodingFailure(.malformed, "a leaf is neither an item nor a header")
    }
  }
}
