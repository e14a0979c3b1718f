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

private func shown(_ text: Substring.UnicodeScalarView, keepsLines: Bool) -> String {
  var scalars = String.UnicodeScalarView()
  for scalar in text {
    if keepsLines, scalar == "\n" {
      scalars.append(scalar)
      continue
    }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
      scalars.append(" ")
    default: scalars.append(scalar)
    }
  }
  return String(scalars)
}
