/// Text of a file on one line of at most 120 characters, without anything that steers a terminal:
/// control characters, line separators and invisible formatting become spaces.
package func printable(_ text: String) -> String { printable(text, limit: 120) }

/// The same with another limit.
package func printable(_ text: String, limit: Int) -> String {
  let isCut = text.unicodeScalars.dropFirst(limit).first != nil
  return shown(text.unicodeScalars.prefix(limit), keepsLines: false) + (isCut ? "…" : "")
}

/// Text of several lines, each without anything that steers a terminal.
package func printableLines(_ text: String) -> String {
  // Nearly all that is printed is of this kind.
  if text.utf8.allSatisfy({ (0x20...0x7e).contains($0) || $0 == 0x0a }) { return text }
  return shown(text.unicodeScalars[...], keepsLines: true)
}

/// JSON that steers no terminal and is the same JSON: in its strings, which alone have them, characters that
/// ``printable(_:)`` makes spaces are escaped.
package func printableJSON(_ text: [UInt8]) -> [UInt8] {
  if text.allSatisfy({ $0 < 0x7f }) { return text }
  var shown: [UInt8] = []
  shown.reserveCapacity(text.count)
  for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
    guard scalar.value >= 0x7f, steers(scalar) else {
      shown += Array(String(Character(scalar)).utf8)
      continue
    }
    for unit in String(Character(scalar)).utf16 {
      let digits = String(unit, radix: 16)
      shown += Array("\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8)
    }
  }
  return shown
}

/// Text in which what steers a terminal or cannot be seen stands by its number, as `[U+202E]`, but line feeds and
/// tabs.
package func printableByNumber(_ text: String) -> String {
  if text.utf8.allSatisfy({ (0x20...0x7e).contains($0) || $0 == 0x0a || $0 == 0x09 }) {
    return text
  }
  return text.unicodeScalars.reduce(into: "") { shown, scalar in
    guard steers(scalar), scalar != "\n", scalar != "\t" else {
      return shown.unicodeScalars.append(scalar)
    }
    let digits = String(scalar.value, radix: 16, uppercase: true)
    shown += "[U+\(String(repeating: "0", count: max(0, 4 - digits.count)))\(digits)]"
  }
}

private func steers(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: true
  default: false
  }
}

private func shown(_ text: Substring.UnicodeScalarView, keepsLines: Bool) -> String {
  var scalars = String.UnicodeScalarView()
  for scalar in text {
    if keepsLines, scalar == "\n" {
      scalars.append(scalar)
      continue
    }
    scalars.append(steers(scalar) ? " " : scalar)
  }
  return String(scalars)
}
