import CanonicalEncoding
import EMRScheme
import Foundation

/// A hospital's roster and rule, as JSON that the hospital writes (docs/command-line.md).
public struct StaffingPlan: Sendable, Equatable {
  /// Nil: all who are employed are on duty at all times.
  public var roster: DutyRoster?
  public var rule: TeamRule

  /// The longest file that is read.
  public static let byteLimit = 1 << 20
  private static let clauseLimit = 256
  private static let conditionLimit = 256

  public init(roster: DutyRoster? = nil, rule: TeamRule) {
    (self.roster, self.rule) = (roster, rule)
  }

  /// Reads a plan.
  ///
  /// - Parameter teamSize: n where the file says no `team_size`.
  /// - Throws: ``ConsortiumError`` `invalid-staffing`, saying where.
  public init(json: [UInt8], teamSize: Int = 3) throws(ConsortiumError) {
    guard json.count <= Self.byteLimit else {
      throw Self.error("the file has more than \(Self.byteLimit) bytes")
    }
    let file: File
    do {
      file = try JSONDecoder().decode(File.self, from: Data(json))
    } catch {
      throw Self.error(Self.explain(error))
    }
    roster = try file.roster.map { (entries) throws(ConsortiumError) in
      try Self.roster(entries, utcOffsetMinutes: file.utcOffsetMinutes ?? 0)
    }
    guard file.roster != nil || file.utcOffsetMinutes == nil else {
      throw Self.error("utc_offset_minutes is for a roster")
    }
    let clauses = file.rules ?? []
    guard clauses.count <= Self.clauseLimit else {
      throw Self.error("there are more than \(Self.clauseLimit) rules")
    }
    var rules: [TeamRule.Clause] = []
    for (index, clause) in clauses.enumerated() {
      rules.append(try Self.clause(clause, "rules[\(index)]"))
    }
    guard let rule = TeamRule(clauses: rules, teamSize: file.teamSize ?? teamSize) else {
      throw Self.error("team_size is 1 to \(Limits.teamSize)")
    }
    self.rule = rule
  }

  /// The JSON of this plan: for people, as far as that is not too long to be read.
  package func json() throws -> [UInt8] {
    let json = try json([.prettyPrinted])
    return json.count <= Self.byteLimit ? json : try stored()
  }

  /// What is stored of this plan: the shortest JSON, which is read back.
  ///
  /// - Throws: ``ConsortiumError`` `invalid-staffing` where it cannot be.
  package func stored() throws -> [UInt8] {
    let json = try json([])
    _ = try Self(json: json)
    return json
  }

  private func json(_ formatting: JSONEncoder.OutputFormatting) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
    return Array(try encoder.encode(File(self)))
  }

  private static func error(_ message: String) -> ConsortiumError {
    ConsortiumError(.invalidStaffing, message)
  }

  /// What is wrong with a file, and where.
  private static func explain(_ error: any Error) -> String {
    func place(_ path: [any CodingKey]) -> String {
      path.isEmpty
        ? "the file"
        : path.map { key in key.intValue.map { "[\($0)]" } ?? ".\(key.stringValue)" }
          .joined().drop { $0 == "." }.description
    }
    switch error as? DecodingError {
    case .keyNotFound(let key, let context):
      return "\(place(context.codingPath)) lacks \(key.stringValue)"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      return "\(place(context.codingPath)) is of another type"
    case .dataCorrupted(let context):
      return context.codingPath.isEmpty
        ? "this is no JSON" : "\(place(context.codingPath)): \(context.debugDescription)"
    default: return "this is no JSON"
    }
  }

  private static func roster(
    _ entries: [File.Duty], utcOffsetMinutes: Int
  ) throws(ConsortiumError) -> DutyRoster {
    var duties: [String: DutyRoster.Duty] = [:]
    for (index, entry) in entries.enumerated() {
      let duty: DutyRoster.Duty
      if entry.isOff == true {
        duty = .never
      } else if let shifts = entry.shifts {
        var hours: [DutyRoster.Shift] = []
        for (number, shift) in shifts.enumerated() {
          hours.append(try Self.shift(shift, "roster[\(index)].shifts[\(number)]"))
        }
        duty = .shifts(hours)
      } else {
        duty = .always
      }
      guard duties.updateValue(duty, forKey: entry.doctor) == nil else {
        throw error("roster[\(index)]: the doctor stands twice")
      }
    }
    guard let roster = DutyRoster(duties: duties, utcOffsetMinutes: utcOffsetMinutes) else {
      throw error("utc_offset_minutes is -840 to 840")
    }
    return roster
  }

  private static func shift(
    _ shift: File.Shift, _ place: String
  ) throws(ConsortiumError) -> DutyRoster.Shift {
    guard let from = minutes(shift.from), let to = minutes(shift.to),
      let found = DutyRoster.Shift(
        days: Set(shift.days), from: from, to: to)
    else { throw error("\(place): from and to are times as 08:00, to at most 24:00") }
    return found
  }

  /// Of a time of the day as `08:30`.
  private static func minutes(_ text: String) -> Int? {
    let digits = Array(text.utf8)
    guard digits.count == 5, digits[2] == UInt8(ascii: ":") else { return nil }
    let numbers = [digits[0], digits[1], digits[3], digits[4]].map { Int($0) - 48 }
    guard numbers.allSatisfy({ (0...9).contains($0) }), numbers[2] < 6 else { return nil }
    let minutes = (numbers[0] * 10 + numbers[1]) * 60 + numbers[2] * 10 + numbers[3]
    return minutes <= DutyRoster.dayMinutes ? minutes : nil
  }

  private static func time(_ minutes: Int) -> String {
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(two(minutes / 60)):\(two(minutes % 60))"
  }

  private static func clause(
    _ rule: File.Rule, _ place: String
  ) throws(ConsortiumError) -> TeamRule.Clause {
    func codes(_ texts: [String]?, _ name: String) throws(ConsortiumError) -> [Specialty] {
      let texts = texts ?? []
      guard texts.count <= conditionLimit else {
        throw error("\(place).\(name) has more than \(conditionLimit)")
      }
      var found: [Specialty] = []
      for (index, text) in texts.enumerated() {
        guard let code = Specialty(text) else {
          throw error("\(place).\(name)[\(index)] is not system|code")
        }
        found.append(code)
      }
      return found
    }
    let words = rule.words ?? []
    guard words.count <= conditionLimit, words.allSatisfy({ $0.utf8.count <= 256 }) else {
      throw error("\(place).words are more than \(conditionLimit), or one is longer than 256 bytes")
    }
    let specialties = try codes(rule.specialties, "specialties")
    guard
      let clause = TeamRule.Clause(
        name: rule.name, codes: Set(try codes(rule.codes, "codes")),
        prefixes: Set(try codes(rule.prefixes, "prefixes")), words: Set(words),
        specialties: specialties, teamSize: rule.teamSize)
    else {
      throw error(
        "\(place) needs a name of 1 to 64 bytes, a code, prefix or word to match, at most "
          + "\(Limits.teamSize) specialties, and a team_size of 1 to \(Limits.teamSize)")
    }
    return clause
  }
}

extension StaffingPlan {
  /// The file as it is written. A key that it does not know is a mistake, not a comment.
  private struct File: Codable {
    struct Shift: Codable {
      enum CodingKeys: String, CodingKey, CaseIterable { case days, from, to }

      var days: [DutyRoster.Shift.Day]
      var from: String
      var to: String

      init(_ shift: DutyRoster.Shift) {
        days = DutyRoster.Shift.Day.allCases.filter(shift.days.contains)
        (from, to) = (StaffingPlan.time(shift.from), StaffingPlan.time(shift.to))
      }

      init(from decoder: any Decoder) throws {
        let values = try decoder.container(knowing: CodingKeys.self)
        days = try values.decode([DutyRoster.Shift.Day].self, forKey: .days)
        from = try values.decode(String.self, forKey: .from)
        to = try values.decode(String.self, forKey: .to)
      }
    }

    struct Duty: Codable {
      enum CodingKeys: String, CodingKey, CaseIterable {
        case doctor, shifts
        case isOff = "off"
      }

      var doctor: String
      var isOff: Bool?
      var shifts: [Shift]?

      init(_ doctor: String, _ duty: DutyRoster.Duty) {
        self.doctor = doctor
        if case .never = duty { isOff = true }
        if case .shifts(let hours) = duty { shifts = hours.map(Shift.init) }
      }

      init(from decoder: any Decoder) throws {
        let values = try decoder.container(knowing: CodingKeys.self)
        doctor = try values.decode(String.self, forKey: .doctor)
        isOff = try values.decodeIfPresent(Bool.self, forKey: .isOff)
        shifts = try values.decodeIfPresent([Shift].self, forKey: .shifts)
      }
    }

    struct Rule: Codable {
      enum CodingKeys: String, CodingKey, CaseIterable {
        case name, codes, prefixes, words, specialties
        case teamSize = "team_size"
      }

      var name: String
      var codes: [String]?
      var prefixes: [String]?
      var words: [String]?
      var specialties: [String]
      var teamSize: Int?

      init(_ clause: TeamRule.Clause) {
        func texts(_ codes: Set<Specialty>) -> [String]? {
          codes.isEmpty ? nil : codes.sorted().map(\.description)
        }
        (name, codes, prefixes) = (clause.name, texts(clause.codes), texts(clause.prefixes))
        words = clause.words.isEmpty ? nil : clause.words.sorted()
        specialties = clause.specialties.map(\.description)
        teamSize = clause.teamSize
      }

      init(from decoder: any Decoder) throws {
        let values = try decoder.container(knowing: CodingKeys.self)
        name = try values.decode(String.self, forKey: .name)
        codes = try values.decodeIfPresent([String].self, forKey: .codes)
        prefixes = try values.decodeIfPresent([String].self, forKey: .prefixes)
        words = try values.decodeIfPresent([String].self, forKey: .words)
        specialties = try values.decode([String].self, forKey: .specialties)
        teamSize = try values.decodeIfPresent(Int.self, forKey: .teamSize)
      }
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
      case roster, rules
      case utcOffsetMinutes = "utc_offset_minutes"
      case teamSize = "team_size"
    }

    var roster: [Duty]?
    var rules: [Rule]?
    var utcOffsetMinutes: Int?
    var teamSize: Int?

    init(_ plan: StaffingPlan) {
      roster = plan.roster.map { roster in
        roster.duties.sorted { $0.key < $1.key }.map { Duty($0.key, $0.value) }
      }
      utcOffsetMinutes = plan.roster?.utcOffsetMinutes
      rules = plan.rule.clauses.map(Rule.init)
      teamSize = plan.rule.teamSize
    }

    init(from decoder: any Decoder) throws {
      let values = try decoder.container(knowing: CodingKeys.self)
      roster = try values.decodeIfPresent([Duty].self, forKey: .roster)
      rules = try values.decodeIfPresent([Rule].self, forKey: .rules)
      utcOffsetMinutes = try values.decodeIfPresent(Int.self, forKey: .utcOffsetMinutes)
      teamSize = try values.decodeIfPresent(Int.self, forKey: .teamSize)
    }
  }
}

/// Any key of an object.
private struct AnyKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }

  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { return nil }
}

extension Decoder {
  /// The members of an object that has no others than these.
  fileprivate func container<Key: CodingKey & CaseIterable>(
    knowing keys: Key.Type
  ) throws -> KeyedDecodingContainer<Key> {
    let known = Set(Key.allCases.map(\.stringValue))
    for key in try container(keyedBy: AnyKey.self).allKeys
    where !known.contains(key.stringValue) {
      throw DecodingError.dataCorrupted(
        .init(codingPath: codingPath + [key], debugDescription: "there is no such member"))
    }
    return try container(keyedBy: Key.self)
  }
}
