public import CanonicalEncoding

/// What a doctor is a specialist in: a code, and the system that it is of, as `394579002` of
/// `http://snomed.info/sct`, or of a hospital's own.
public struct Specialty: CanonicalValue, Hashable, Comparable {
  /// 1 to 96 bytes of printable ASCII without a space or `|`.
  public let system: String
  /// 1 to 32 bytes of the same.
  public let code: String

  /// How many a doctor has at most.
  public static let countLimit = 8
  private static let systemLimit = 96
  private static let codeLimit = 32

  /// Nil for what is no such code.
  public init?(system: String, code: String) {
    guard Self.isPart(system, Self.systemLimit), Self.isPart(code, Self.codeLimit) else {
      return nil
    }
    (self.system, self.code) = (system, code)
  }

  /// From `system|code`.
  public init?(_ text: String) {
    let parts = text.split(separator: "|", omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    self.init(system: String(parts[0]), code: String(parts[1]))
  }

  /// `system|code`.
  public var description: String { "\(system)|\(code)" }

  private static func isPart(_ text: String, _ limit: Int) -> Bool {
    (1...limit).contains(text.utf8.count)
      && text.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "|") }
  }

  /// By system, then code, byte for byte.
  public static func < (one: Self, other: Self) -> Bool {
    one.system == other.system
      ? one.code.utf8.lexicographicallyPrecedes(other.code.utf8)
      : one.system.utf8.lexicographicallyPrecedes(other.system.utf8)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("system", system)
    fields.text("code", code)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    system = try fields.text("system", maximum: Self.systemLimit)
    code = try fields.text("code", maximum: Self.codeLimit)
    guard Self.isPart(system, Self.systemLimit), Self.isPart(code, Self.codeLimit) else {
      throw DecodingFailure(.invalidField, "a specialty is no code of a system")
    }
  }

  /// Those of one doctor: ascending, each once, so that the same ones are always the same bytes.
  public static func decodeList(
    _ name: String, _ fields: inout FieldDecoder
  ) throws(DecodingFailure) -> [Specialty] {
    let list = try fields.list(name, maximum: countLimit, of: Self.self)
    guard zip(list, list.dropFirst()).allSatisfy({ $0 < $1 }) else {
      throw DecodingFailure(.invalidField, "\(name) are not in ascending order")
    }
    return list
  }
}

extension Specialty: CustomStringConvertible {}
