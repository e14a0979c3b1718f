import ArgumentParser

/// A file that is written to standard output instead, where its path is `-`.
enum PipedOutput {
  static func isMeant(by path: String) -> Bool { path == "-" }

  /// Looks whether standard output can take a file.
  ///
  /// - Parameters:
  ///   - option: how the path is given, as `-o -`.
  ///   - what: the file, for people.
  ///   - others: options that need standard output, or a file of that name, and whether they are given.
  /// - Throws: `ValidationError` if one of them is, or if it is a terminal.
  static func check(
    _ path: String, as option: String, of what: String, without others: [(String, isGiven: Bool)]
  ) throws {
    guard isMeant(by: path) else { return }
    guard !others.contains(where: \.isGiven) else {
      let names = others.map(\.0).joined(separator: " and ")
      throw ValidationError("\(option): standard output is for \(what) alone, without \(names)")
    }
    guard !SystemFile.Stream.output.isTerminal else {
      throw ValidationError("\(option): \(what) is no text; send standard output elsewhere")
    }
  }
}
