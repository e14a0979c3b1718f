import ArgumentParser

/// An epoch as it is named on the command line.
enum EpochArgument {
  /// - Throws: `ValidationError` for what is no number, or below 0.
  static func number(_ text: String) throws -> UInt64 {
    guard let number = UInt64(text) else {
      throw ValidationError("an epoch is a number, 0 or more")
    }
    return number
  }
}
