extension QRCode {
  /// The colours of a drawing.
  public enum Colours: Sendable {
    /// Black on white whatever the terminal's own colours are, by escape sequences: numbers 16 and 231
    /// of the 256 colours, which no theme changes.
    case fixed
    /// Those of the reader, without escape sequences: for paper, and for dark text on a light ground.
    case own
  }

  /// The code in characters, two modules above each other in one, with its quiet zone; each line ends
  /// in a newline. It is as wide as ``size`` and the quiet zone.
  public func drawn(_ colours: Colours) -> String {
    let edges = -Self.quietZone..<size + Self.quietZone
    let (begin, end) = colours == .fixed ? ("\u{1b}[38;5;16;48;5;231m", "\u{1b}[0m") : ("", "")
    return stride(from: edges.lowerBound, to: edges.upperBound, by: 2).map { row in
      let line = edges.map { column in
        switch (isDark(row: row, column: column), isDark(row: row + 1, column: column)) {
        case (true, true): "█"
        case (true, false): "▀"
        case (false, true): "▄"
        case (false, false): " "
        }
      }
      return begin + line.joined() + end + "\n"
    }.joined()
  }
}
