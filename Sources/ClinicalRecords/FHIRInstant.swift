/// A FHIR `dateTime` as a point in time, to order by; a partial date is its beginning in UTC.
///
/// FHIR R4, datatypes: YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss[.f…](Z|±hh:mm).
struct FHIRInstant: Comparable {
  /// Since 1970-01-01T00:00:00Z.
  private let seconds: Int
  /// Digits after the ninth are not looked at.
  private let nanoseconds: Int

  /// Nothing if the text is not of that form or no such day exists.
  init?(_ text: String) {
    let parts = text.split(separator: "T", maxSplits: 1, omittingEmptySubsequences: false)
    let date = parts[0].split(separator: "-", omittingEmptySubsequences: false)
    guard date.count <= 3, parts.count == 1 || date.count == 3,
      let year = Self.number(date[0], digits: 4, 1...9999),
      let month = date.count > 1 ? Self.number(date[1], digits: 2, 1...12) : 1,
      let day = date.count > 2
        ? Self.number(date[2], digits: 2, 1...Self.days(in: month, of: year)) : 1
    else { return nil }
    let midnight = 86_400 * Self.daysSince1970(year: year, month: month, day: day)
    guard parts.count == 2 else {
      (seconds, nanoseconds) = (midnight, 0)
      return
    }
    guard let zoneStart = parts[1].firstIndex(where: { "Z+-".contains($0) }),
      let offset = Self.offset(parts[1][zoneStart...])
    else { return nil }
    let clock = parts[1][..<zoneStart].split(separator: ":", omittingEmptySubsequences: false)
    guard clock.count == 3,
      let hour = Self.number(clock[0], digits: 2, 0...23),
      let minute = Self.number(clock[1], digits: 2, 0...59)
    else { return nil }
    let second = clock[2].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = Self.number(second[0], digits: 2, 0...60) else { return nil }
    var fraction = 0
    if second.count == 2 {
      guard !second[1].isEmpty, second[1].utf8.allSatisfy({ 48...57 ~= $0 }) else { return nil }
      let digits = second[1].prefix(9)
      fraction = Int(digits + String(repeating: "0", count: 9 - digits.count)) ?? 0
    }
    seconds = midnight + 3_600 * hour + 60 * minute + whole - offset
    nanoseconds = fraction
  }

  static func < (a: Self, b: Self) -> Bool {
    (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds)
  }

  /// Seconds east of UTC.
  private static func offset(_ zone: Substring) -> Int? {
    if zone == "Z" { return 0 }
    let parts = zone.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let hours = number(parts[0], digits: 2, 0...14),
      let minutes = number(parts[1], digits: 2, 0...59)
    else { return nil }
    return (zone.first == "-" ? -60 : 60) * (60 * hours + minutes)
  }

  private static func number(_ text: Substring, digits: Int, _ range: ClosedRange<Int>) -> Int? {
    guard text.utf8.count == digits, text.utf8.allSatisfy({ 48...57 ~= $0 }),
      let value = Int(text), range.contains(value)
    else { return nil }
    return value
  }

  private static func days(in month: Int, of year: Int) -> Int {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
  }

  /// In years that begin with March, so that a leap day ends its year (Gregorian, proleptic).
  private static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
    let shifted = month > 2 ? year : year - 1
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    return 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
  }
}
