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

  /// The only one of the visits that were found to begin with some digits.
  ///
  /// - Parameters:
  ///   - path: where they were looked for.
  ///   - hint: what to know if there is none.
  ///   - option: which names the hospital.
  /// - Throws: ``CommandFailure`` `unknown-visit`, `several-visits`.
  static func only<Found>(
    _ found: [Found], named digits: String, in path: String, hint: String, option: String,
    place: (Found) -> (visit: String, hospital: String)
  ) throws -> Found {
    guard let first = found.first else {
      throw CommandFailure(
        .badInput, code: "unknown-visit", "\(path): there is no visit \(digits)", hint: hint)
    }
    guard found.count == 1 else {
      let places = found.prefix(4).map(place).map { "\($0.visit) of \($0.hospital)" }
      throw CommandFailure(
        .badInput, code: "several-visits",
        "\(path): \(found.count) visits begin so: \(places.joined(separator: ", "))",
        hint: "give more digits, or the hospital with \(option)")
    }
    return first
  }
}
