/// Reads the XML that S3 answers with: elements and text, as it is written there. Attributes are passed over;
/// what declares types or entities of its own is refused.
package struct XMLEvents {
  package enum Event: Equatable {
    case begin(String)
    /// With the text that stood in it, if it had no elements.
    case end(String, text: String)
  }

  /// This is none that S3 would write.
  package struct Malformed: Error {}

  private static let depthLimit = 16

  /// - Throws: ``Malformed``, and what the closure throws.
  package static func read(_ bytes: [UInt8], _ body: (Event) throws -> Void) throws {
    var (rest, open, text) = (bytes[...], [String](), [UInt8]())
    while !rest.isEmpty {
      guard rest.first == UInt8(ascii: "<") else {
        let end = rest.firstIndex(of: UInt8(ascii: "<")) ?? rest.endIndex
        text += rest[..<end]
        rest = rest[end...]
        continue
      }
      guard let end = rest.firstIndex(of: UInt8(ascii: ">")) else { throw Malformed() }
      let tag = rest[rest.index(after: rest.startIndex)..<end]
      rest = rest[rest.index(after: end)...]
      switch tag.first {
      case UInt8(ascii: "?"): continue
      case UInt8(ascii: "!"), nil: throw Malformed()
      case UInt8(ascii: "/"):
        guard let name = open.popLast(), try Self.name(tag.dropFirst()) == name else {
          throw Malformed()
        }
        try body(.end(name, text: try plain(text)))
        text = []
      default:
        let name = try name(tag)
        guard open.count < depthLimit else { throw Malformed() }
        try body(.begin(name))
        text = []
        if tag.last == UInt8(ascii: "/") {
          try body(.end(name, text: ""))
        } else {
          open.append(name)
        }
      }
    }
    guard open.isEmpty else { throw Malformed() }
  }

  private static func name(_ tag: ArraySlice<UInt8>) throws(Malformed) -> String {
    let name = tag.prefix { $0 > UInt8(ascii: " ") && $0 != UInt8(ascii: "/") }
    guard !name.isEmpty, let text = String(validating: name, as: UTF8.self) else {
      throw Malformed()
    }
    return text
  }

  /// Text with its references resolved.
  private static func plain(_ bytes: [UInt8]) throws(Malformed) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw Malformed() }
    guard text.contains("&") else { return text }
    var parts = text.split(separator: "&", omittingEmptySubsequences: false)[...]
    var plain = String(parts.popFirst() ?? "")
    for part in parts {
      guard let end = part.firstIndex(of: ";") else { throw Malformed() }
      plain += try character(part[..<end])
      plain += part[part.index(after: end)...]
    }
    return plain
  }

  private static func character(_ name: Substring) throws(Malformed) -> String {
    switch name {
    case "amp": return "&"
    case "lt": return "<"
    case "gt": return ">"
    case "quot": return "\""
    case "apos": return "'"
    default:
      let isHexadecimal = name.hasPrefix("#x")
      let digits = name.dropFirst(isHexadecimal ? 2 : 1)
      guard name.hasPrefix("#"), let code = UInt32(digits, radix: isHexadecimal ? 16 : 10),
        let scalar = UnicodeScalar(code)
      else { throw Malformed() }
      return String(scalar)
    }
  }
}
