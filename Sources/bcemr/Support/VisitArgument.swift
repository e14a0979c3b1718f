/// How a visit is named on the command line.
enum VisitArgument {
  /// The hexadecimal digits that name a visit, in small letters.
  ///
  /// - Throws: ``CommandFailure`` `invalid-visit` for other than 8 to 64 of them.
  static func digits(_ text: String) throws -> String {
    let digits = text.lowercased()
    guard (8...64).contains(digits.utf8.count), digits.allSatisfy(\.isHexDigit) else {
      throw CommandFailure(
        .badInput, code: "invalid-visit",
        "\(text.debugDescription): a visit is named by 64 hexadecimal digits, or the first 8 or "
          + "more of them")
    }
    return digits
  }
}
