/// Text of a file on one line of at most 120 characters, without anything that steers a terminal:
/// control characters, line separators and invisible formatting become spaces.
package func printable(_ text: String) -> String { printable(text, limit: 120) }

/// The same with another limit.
package func printable(_ text: String, limit: Int) -> String {
  var scalars = String.UnicodeScalarView()
  for scalar in text.unicodeScalars.prefix(limit) {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
      scalars.append(" ")
    default: scalars.append(scalar)
    }
  }
  let isCut = text.unicodeScalars.dropFirst(limit).first != nil
  return String(scalars) + (isCut ? "…" : "")
}
