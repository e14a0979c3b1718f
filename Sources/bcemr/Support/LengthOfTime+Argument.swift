import ArgumentParser
import TerminalText

extension LengthOfTime {
  /// A length of time as it is given on the command line.
  ///
  /// - Throws: `ValidationError` for what is none.
  static func argument(_ text: String) throws -> Self {
    guard let time = Self(text) else {
      throw ValidationError("this is no number of seconds, 0 to \(Int(longest))")
    }
    return time
  }
}
