import TerminalText

/// A `date`, `dateTime` or `instant` of FHIR R4: YYYY, YYYY-MM, YYYY-MM-DD, or
/// YYYY-MM-DDThh:mm:ss[.f…](Z|±hh:mm).
struct FHIRDateTime: Comparable {
  /// What a field allows.
  enum Grammar {
    /// Without a time.
    case date
    case dateTime
    /// With a time.
    case instant
  }

  enum Precision: Int, Comparable {
    case year, month, day, time

    static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
  }

  /// Why a text is no date of FHIR; for people.
  struct Problem: Error, Equatable {
    let description: String
  }

  let precision: Precision
  /// The day as written, since 1970-01-01; of a partial date its first.
  let day: Int
  private let year: Int
  private let month: Int
  /// Since 1970-01-01T00:00:00Z; of a partial date its beginning in UTC.
  let seconds: Int
  /// Digits after the ninth are not looked at.
  private let nanoseconds: Int

  init(_ text: String, _ grammar: Grammar = .dateTime) throws(Problem) {
    let parts = text.split(separator: "T", maxSplits: 1, omittingEmptySubsequences: false)
    let date = parts[0].split(separator: "-", omittingEmptySubsequences: false)
    guard date.count <= 3, let year = Self.number(date[0], digits: 4),
      let month = date.count > 1 ? Self.number(date[1], digits: 2) : 1,
      let day = date.count > 2 ? Self.number(date[2], digits: 2) : 1
    else { throw Problem(description: "is not of the form YYYY-MM-DD") }
    guard (1...9999).contains(year), (1...12).contains(month),
      (1...Self.days(in: month, of: year)).contains(day)
    else { throw Problem(description: "is no day of the calendar") }
    (self.year, self.month) = (year, month)
    self.day = Self.daysSince1970(year: year, month: month, day: day)
    guard parts.count == 2 else {
      guard grammar != .instant else { throw Problem(description: "has no time") }
      precision = [.year, .month, .day][date.count - 1]
      (seconds, nanoseconds) = (86_400 * self.day, 0)
      return
    }
    guard grammar != .date else { throw Problem(description: "has a time, where none is allowed") }
    guard date.count == 3 else { throw Problem(description: "has a time, but no day") }
    let clock = try Self.clock(parts[1])
    precision = .time
    (seconds, nanoseconds) = (86_400 * self.day + clock.seconds, clock.nanoseconds)
  }

  private init(_ time: Self, precision: Precision) {
    self.precision = precision
    (day, year, month) = (time.day, time.year, time.month)
    (seconds, nanoseconds) = (time.seconds, time.nanoseconds)
  }

  /// The day of this time, as it was written; a partial date is what it is.
  var dayAsWritten: Self { Self(self, precision: min(precision, .day)) }

  /// The order of visits: points in time, a partial date being its beginning in UTC.
  static func < (a: Self, b: Self) -> Bool {
    (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds)
  }

  static func == (a: Self, b: Self) -> Bool {
    (a.seconds, a.nanoseconds) == (b.seconds, b.nanoseconds)
  }

  /// Whether this is before another as far as both are known: as points in time if both have one, else
  /// as days, months or years, as they were written.
  func isCertainlyBefore(_ other: Self) -> Bool {
    let common = min(precision, other.precision)
    if common == .time { return self < other }
    if common == .day { return day < other.day }
    return common == .month
      ? (year, month) < (other.year, other.month) : year < other.year
  }

  // MARK: The parts of the text

  private static func clock(
    _ text: Substring
  ) throws(Problem) -> (seconds: Int, nanoseconds: Int) {
    guard let zoneStart = text.firstIndex(where: { "Z+-".contains($0) }) else {
      throw Problem(description: "has a time, but no time zone")
    }
    guard let offset = offset(text[zoneStart...]) else {
      throw Problem(description: "has no zone of the form Z or ±hh:mm, up to 14:00")
    }
    let clock = text[..<zoneStart].split(separator: ":", omittingEmptySubsequences: false)
    guard clock.count == 3 else { throw Problem(description: "has no time of the form hh:mm:ss") }
    let second = clock[2].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let hour = number(clock[0], digits: 2), let minute = number(clock[1], digits: 2),
      let whole = number(second[0], digits: 2)
    else { throw Problem(description: "has no time of the form hh:mm:ss") }
    guard hour < 24, minute < 60, whole <= 60 else {
      throw Problem(description: "has no time from 00:00:00 to 23:59:60")
    }
    var fraction = 0
    if second.count == 2 {
      guard !second[1].isEmpty, second[1].utf8.allSatisfy({ 48...57 ~= $0 }) else {
        throw Problem(description: "has no digits behind the point")
      }
      let digits = second[1].prefix(9)
      fraction = Int(digits + String(repeating: "0", count: 9 - digits.count)) ?? 0
    }
    return (3_600 * hour + 60 * minute + whole - offset, fraction)
  }

  /// Seconds east of UTC.
  private static func offset(_ zone: Substring) -> Int? {
    if zone == "Z" { return 0 }
    let parts = zone.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
    guard zone.first != "Z", parts.count == 2, let hours = number(parts[0], digits: 2),
      let minutes = number(parts[1], digits: 2), minutes < 60, 60 * hours + minutes <= 14 * 60
    else { return nil }
    return (zone.first == "-" ? -60 : 60) * (60 * hours + minutes)
  }

  private static func number(_ text: Substring, digits: Int) -> Int? {
    guard text.utf8.count == digits, text.utf8.allSatisfy({ 48...57 ~= $0 }) else { return nil }
    return Int(text)
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

extension JSONValue {
  /// This value as a date.
  ///
  /// - Throws: ``ClinicalRecordError`` with `invalidDate`, which names path and text.
  func date(_ grammar: FHIRDateTime.Grammar) throws(ClinicalRecordError) -> FHIRDateTime {
    guard let string else { throw error(.invalidDate, "a date is not a string") }
    do {
      return try FHIRDateTime(string, grammar)
    } catch {
      throw self.error(.invalidDate, "the date \(printable(string)) \(error.description)")
    }
  }
}
