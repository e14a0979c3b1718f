/// Which doctors of a hospital are on duty, and when.
public struct DutyRoster: Sendable, Equatable {
  /// Hours that come back every week.
  public struct Shift: Sendable, Equatable {
    /// Named as in files.
    public enum Day: String, Sendable, CaseIterable, Codable {
      case monday = "mon"
      case tuesday = "tue"
      case wednesday = "wed"
      case thursday = "thu"
      case friday = "fri"
      case saturday = "sat"
      case sunday = "sun"
    }

    /// On which it begins.
    public let days: Set<Day>
    /// Minutes of the day, 0 to 1,440. A shift that does not end after it begins ends the next day.
    public let from: Int
    /// The first minute that is not part of it any more, counted as ``from``.
    public let to: Int

    /// Nil for minutes that no day has.
    public init?(days: Set<Day>, from: Int, to: Int) {
      guard (0..<DutyRoster.dayMinutes).contains(from), (0...DutyRoster.dayMinutes).contains(to)
      else { return nil }
      (self.days, self.from, self.to) = (days, from, to)
    }

    /// - Parameter minute: of the week, from Monday 00:00.
    func contains(_ minute: Int) -> Bool {
      let length = to > from ? to - from : to + DutyRoster.dayMinutes - from
      return Day.allCases.enumerated().contains { number, day in
        let begin = number * DutyRoster.dayMinutes + from
        return days.contains(day)
          && (minute - begin + DutyRoster.weekMinutes) % DutyRoster.weekMinutes < length
      }
    }
  }

  /// When one doctor is on duty.
  public enum Duty: Sendable, Equatable {
    case always
    case never
    case shifts([Shift])
  }

  static let dayMinutes = 24 * 60
  static let weekMinutes = 7 * dayMinutes
  /// The farthest that clocks on land are from UTC.
  static let offsetLimit = 14 * 60

  /// By identifier; who is not in it is not on duty.
  public let duties: [String: Duty]
  /// How far the hospital's clocks are ahead of UTC, in minutes. It does not change with the season:
  /// the hospital changes it.
  public let utcOffsetMinutes: Int

  /// Nil for an offset of more than 14 hours.
  public init?(duties: [String: Duty], utcOffsetMinutes: Int = 0) {
    guard (-Self.offsetLimit...Self.offsetLimit).contains(utcOffsetMinutes) else { return nil }
    (self.duties, self.utcOffsetMinutes) = (duties, utcOffsetMinutes)
  }

  /// - Parameter seconds: since 1970, in UTC.
  public func isOnDuty(_ doctor: String, at seconds: UInt64) -> Bool {
    switch duties[doctor] {
    case nil, .never: return false
    case .always: return true
    case .shifts(let shifts):
      // 1970 began on a Thursday.
      let minute =
        Int(seconds / 60 % UInt64(Self.weekMinutes)) + 3 * Self.dayMinutes + Self.weekMinutes
        + utcOffsetMinutes
      return shifts.contains { $0.contains(minute % Self.weekMinutes) }
    }
  }
}
