/// The text of a reference, taken apart (FHIR R4, "References between resources" and "Resolving references
/// in Bundles").
enum ReferenceForm: Equatable {
  /// `#id`: within the resource that refers; `#` alone is that resource.
  case contained(id: String)
  /// `type?name=value&…`, percent-decoded.
  case conditional(type: String, parameters: [Parameter])
  /// `type/id`, relative to the server of who refers. A version is left away: whatever its version, it is
  /// the same resource.
  case relative(type: String, id: String)
  /// A URL or a URN, without version and fragment; type and id if it ends in `/type/id`.
  case absolute(String, type: String?, id: String?)
  /// Nothing that FHIR allows.
  case illegal

  struct Parameter: Equatable {
    let name: String
    let value: String
  }

  init(_ text: String) {
    if text.hasPrefix("#") {
      self = .contained(id: String(text.dropFirst()))
    } else if let question = text.firstIndex(of: "?") {
      self = Self.conditional(text, question)
    } else if Self.hasScheme(text) {
      self = Self.absolute(text)
    } else {
      let parts = Self.withoutVersion(text).split(separator: "/", omittingEmptySubsequences: false)
      let isLegal = parts.count == 2 && Self.isType(parts[0]) && !parts[1].isEmpty
      self = isLegal ? .relative(type: String(parts[0]), id: String(parts[1])) : .illegal
    }
  }

  private static func conditional(_ text: String, _ question: String.Index) -> Self {
    // The type is what stands before the question mark, behind the last slash.
    let type = text[..<question].split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    let query = text[text.index(after: question)...]
    let parameters = query.split(separator: "&").map { part in
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return (percentDecoded(pair[0]), percentDecoded(pair.count > 1 ? pair[1] : ""))
    }
    guard isType(type), !parameters.isEmpty else { return .illegal }
    var decoded: [Parameter] = []
    for (name, value) in parameters {
      guard let name, let value else { return .illegal }
      decoded.append(Parameter(name: name, value: value))
    }
    return .conditional(type: String(type), parameters: decoded)
  }

  private static func absolute(_ text: String) -> Self {
    let url = String(withoutVersion(text.prefix { $0 != "#" }))
    let parts = url.split(separator: "/", omittingEmptySubsequences: false)
    guard base(url) != nil, let id = parts.last else { return .absolute(url, type: nil, id: nil) }
    return .absolute(url, type: String(parts[parts.count - 2]), id: String(id))
  }

  /// As `urn:` or `https:`.
  private static func hasScheme(_ text: String) -> Bool {
    guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return false }
    let scheme = text.utf8[..<colon]
    return !scheme.isEmpty
      && scheme.allSatisfy {
        (0x61...0x7a).contains($0 | 0x20) || (0x30...0x39).contains($0) || $0 == 0x2b
          || $0 == 0x2d || $0 == 0x2e
      }
  }

  private static func withoutVersion(_ text: some StringProtocol) -> Substring {
    let text = Substring(text)
    guard let range = text.utf8.lastRange(of: "/_history/".utf8), range.lowerBound > text.startIndex
    else { return text }
    return text[..<range.lowerBound]
  }

  /// A name of a resource type begins with a capital letter.
  private static func isType(_ text: some StringProtocol) -> Bool {
    guard let first = text.utf8.first, (0x41...0x5a).contains(first) else { return false }
    return text.utf8.allSatisfy { (0x61...0x7a).contains($0 | 0x20) }
  }

  /// The server in `server/type/id`, if the URL is of that form.
  static func base(_ url: String) -> Substring? {
    guard url.utf8.firstRange(of: "://".utf8) != nil,
      let slash = url.utf8.lastIndex(of: UInt8(ascii: "/")),
      let before = url.utf8[..<slash].lastIndex(of: UInt8(ascii: "/")),
      isType(url[url.utf8.index(after: before)..<slash]),
      url.utf8.index(after: slash) < url.endIndex
    else { return nil }
    return url[..<before]
  }

  /// Nil if it is not UTF-8 after all.
  static func percentDecoded(_ text: some StringProtocol) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      else { return nil }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }

  /// The same for all that differ in `http` or `https`, or, in a `urn:uuid:`, in capital letters alone.
  static func folded(_ url: String) -> String {
    if url.utf8.count > 9, url.prefix(9).lowercased() == "urn:uuid:" { return url.lowercased() }
    if url.hasPrefix("http://") { return String(url.dropFirst(5)) }
    if url.hasPrefix("https://") { return String(url.dropFirst(6)) }
    return url
  }
}

extension BidirectionalCollection where Element: Equatable {
  /// Where another collection begins and ends in this one for the last time.
  fileprivate func lastRange(of other: some Collection<Element>) -> Range<Index>? {
    var start = endIndex
    while start != startIndex {
      formIndex(before: &start)
      if self[start...].starts(with: other) {
        return start..<index(start, offsetBy: other.count)
      }
    }
    return nil
  }
}
