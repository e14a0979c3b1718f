import CanonicalEncoding
import Consortium
import EMRScheme
import Testing

/// A hospital's doctors, roster and rule, as far as they make a team; no ledger and no clock.
@Suite("Which team a patient gets")
struct TeamRuleTests {
  static func specialty(_ code: String) -> Specialty {
    guard let specialty = Specialty(system: "urn:test", code: code) else {
      fatalError("\(code) is no code")
    }
    return specialty
  }

  static let (heart, lungs, bones) = (specialty("heart"), specialty("lungs"), specialty("bones"))

  static func candidate(
    _ doctor: String, _ specialties: Specialty..., isOnDuty: Bool = true, mayAct: Bool = true
  ) -> TeamCandidate {
    TeamCandidate(
      doctor: doctor, specialties: Set(specialties), isOnDuty: isOnDuty, mayAct: mayAct)
  }

  static func symptoms(_ codes: String..., text: String = "") -> Symptoms {
    let codes = codes.compactMap { Symptoms.Code(system: "http://snomed.info/sct", code: $0) }
    guard let symptoms = Symptoms(codes: codes, text: text) else { fatalError("out of bounds") }
    return symptoms
  }

  static func code(_ code: String) -> Specialty {
    guard let code = Specialty(system: "http://snomed.info/sct", code: code) else {
      fatalError("no code")
    }
    return code
  }

  static func rule(_ clauses: TeamRule.Clause?..., teamSize: Int = 2) throws -> TeamRule {
    try #require(TeamRule(clauses: clauses.compactMap(\.self), teamSize: teamSize))
  }

  static let chest = TeamRule.Clause(
    name: "chest pain", codes: [code("29857009")], words: ["chest pain"],
    specialties: [heart, lungs])
  static let fracture = TeamRule.Clause(
    name: "fracture", prefixes: [code("1256")], words: ["broken"], specialties: [bones])

  static let staff = [
    candidate("ada", heart), candidate("ben", lungs), candidate("cyn", bones),
    candidate("dan", heart, lungs), candidate("eve"),
  ]

  static func team(
    _ rule: TeamRule, _ symptoms: Symptoms, of staff: [TeamCandidate] = staff,
    by rotation: DoctorRotation = DoctorRotation()
  ) -> Result<[String], TeamRefusal> {
    do {
      return .success(try rule.team(for: symptoms, of: staff, by: rotation).doctors)
    } catch {
      return .failure(error)
    }
  }

  static func turn(_ teams: [String]...) -> DoctorRotation {
    var rotation = DoctorRotation()
    for team in teams { rotation.note(team, employed: Set(staff.map(\.doctor))) }
    return rotation
  }

  // MARK: The rule

  @Test("the order follows the rule, and the first clause that matches decides")
  func order() throws {
    let rule = try Self.rule(Self.chest, Self.fracture)
    let reversed = try Self.rule(
      TeamRule.Clause(
        name: "reversed", codes: [Self.code("29857009")], specialties: [Self.lungs, Self.heart]))
    let chest = Self.symptoms("29857009")
    #expect(Self.team(rule, chest) == .success(["ada", "ben"]))
    #expect(Self.team(reversed, chest) == .success(["ben", "ada"]))
    // Both clauses match; the first in the rule, not the first symptom, decides.
    #expect(Self.team(rule, Self.symptoms("125605004", "29857009")) == .success(["ada", "ben"]))
    let choice = try rule.team(
      for: Self.symptoms("125605004"), of: Self.staff, by: DoctorRotation())
    #expect(choice.ground == .rule("fracture"))
    #expect(choice.doctors == ["cyn", "ada"])
    #expect(choice.places.map(\.specialty) == [Self.bones, nil])
    // A prefix is of its own system, and of a code's beginning.
    #expect(Self.team(rule, Self.symptoms("0125605004")) == .success(["ada", "ben"]))
    let other = try #require(Symptoms.Code(system: "urn:other", code: "125605004"))
    let elsewhere = try #require(Symptoms(codes: [other]))
    #expect(
      try rule.team(for: elsewhere, of: Self.staff, by: DoctorRotation()).ground == .rotation)
  }

  @Test(
    "[attack] more doctors are employed than a byte counts: all have their turn, also in what is kept"
  )
  func manyDoctors() throws {
    let names = (1000..<1600).map { "doctor-\($0)" }
    let staff = names.map { Self.candidate($0) }
    let rule = try Self.rule(teamSize: 2)
    var rotation = DoctorRotation()
    var turns: [String] = []
    for _ in 0..<names.count {
      let team = try rule.team(
        for: Self.symptoms(text: "nothing"), of: staff, by: rotation
      ).doctors
      turns += team
      rotation.note(team, employed: Set(names))
    }
    // Twice round, in one order.
    #expect(turns == names + names)
    let kept = Message(rotation).encoded()
    #expect(try Message<DoctorRotation>(encoded: kept).payload == rotation)
  }

  @Test("words match as words, whatever their case, in the patient's text and beside a code")
  func words() throws {
    let rule = try Self.rule(Self.chest, Self.fracture)
    func ground(_ symptoms: Symptoms) throws -> TeamChoice.Ground {
      try rule.team(for: symptoms, of: Self.staff, by: DoctorRotation()).ground
    }
    for text in ["Chest pain since noon", "a CHEST,\u{2028}pain", "so: (chest) pain!"] {
      #expect(try ground(Self.symptoms(text: text)) == .rule("chest pain"))
    }
    for text in ["pain in the chest", "chestpain", "orchest pain", "chest", ""] {
      #expect(try ground(Self.symptoms(text: text)) == .rotation)
    }
    let display = try #require(
      Symptoms.Code(system: "urn:x", code: "1", display: "Acute chest pain (finding)"))
    #expect(try ground(try #require(Symptoms(codes: [display]))) == .rule("chest pain"))
    #expect(TeamRule.Clause(name: "x", words: ["!"], specialties: []) == nil)
    #expect(TeamRule.Clause(name: "x", specialties: []) == nil)
  }

  @Test("[attack] what a patient writes is words, and no code, doctor, specialty or rule")
  func hostileText() throws {
    let rule = try Self.rule(Self.chest, Self.fracture)
    func choice(_ symptoms: Symptoms) throws -> TeamChoice {
      try rule.team(for: symptoms, of: Self.staff, by: DoctorRotation())
    }
    let plain = try choice(Self.symptoms(text: "nothing"))
    #expect(plain.ground == .rotation)
    for text in [
      "http://snomed.info/sct|29857009", "29857009", "1256", "eve", "urn:test|bones", "fracture",
      #"{"codes":["http://snomed.info/sct|29857009"],"specialties":["urn:test|bones"]}"#,
      "ignore the rule and take eve and dan", "\u{0}\u{1b}[2J\u{202e}\u{feff}",
      String(repeating: "chest ", count: 300), String(repeating: "e\u{301}", count: 600),
      #"", "off": true, ""#,
    ] {
      #expect(try choice(Self.symptoms(text: text)) == plain, "\(text.debugDescription)")
    }
    // Beside a code as little; and a code of strange characters is a code that no rule has.
    for display in ["http://snomed.info/sct|29857009", "eve"] {
      let code = try #require(
        Symptoms.Code(system: "urn:x", code: "29857009", display: display))
      #expect(try choice(try #require(Symptoms(codes: [code]))) == plain)
    }
    let strange = try #require(Symptoms.Code(system: "http://snomed.info/sct|", code: "a b\n|"))
    #expect(try choice(try #require(Symptoms(codes: [strange]))) == plain)
  }

  // MARK: Who may be chosen

  @Test("[attack] who is off duty, suspended or retired is on no team, whatever the rule wants")
  func whoMayAct() throws {
    let rule = try Self.rule(Self.chest, teamSize: 2)
    let chest = Self.symptoms("29857009")
    for out in [
      Self.candidate("ada", Self.heart, isOnDuty: false),
      Self.candidate("ada", Self.heart, mayAct: false),
      Self.candidate("ada", Self.heart, isOnDuty: false, mayAct: false),
    ] {
      let staff = [out] + Self.staff.dropFirst()
      #expect(Self.team(rule, chest, of: staff) == .success(["dan", "ben"]))
      // As the only one: refused, and the refusal names the specialty.
      #expect(
        Self.team(rule, chest, of: [out, Self.candidate("ben", Self.lungs), Self.candidate("eve")])
          == .failure(.noSpecialist(Self.heart)))
      // By rotation neither, however long it has been.
      #expect(
        Self.team(rule, Self.symptoms(), of: staff, by: Self.turn(["ben", "cyn", "dan", "eve"]))
          == .success(["ben", "cyn"]))
      #expect(
        Self.team(rule, Self.symptoms(), of: [out, Self.candidate("eve")])
          == .failure(.tooFewDoctors))
    }
  }

  @Test("a clerk's choice stands above rule and roster, but not for who may not act")
  func clerk() throws {
    let staff = [
      Self.candidate("ada", Self.heart), Self.candidate("ben", isOnDuty: false),
      Self.candidate("cyn", mayAct: false),
    ]
    let choice = try TeamRule.team(namedByClerk: ["ben", "ada"], of: staff)
    #expect(choice.ground == .clerk)
    #expect(choice.doctors == ["ben", "ada"])
    for names in [
      ["cyn"], ["ada", "cyn"], ["stranger"], ["ada", "ada"], [], (0...16).map { "ada-\($0)" },
    ] {
      #expect(throws: TeamRefusal.notEntitled) {
        try TeamRule.team(namedByClerk: names, of: staff)
      }
    }
    let seventeen = (0...16).map { Self.candidate("d\($0)") }
    #expect(throws: TeamRefusal.notEntitled) {
      try TeamRule.team(namedByClerk: seventeen.map(\.doctor), of: seventeen)
    }
  }

  @Test("a refusal names the specialty that is missing")
  func refusals() throws {
    let both = try Self.rule(
      TeamRule.Clause(
        name: "two", words: ["two"], specialties: [Self.heart, Self.heart, Self.bones],
        teamSize: 3))
    let two = Self.symptoms(text: "two")
    #expect(Self.team(both, two) == .success(["ada", "dan", "cyn"]))
    #expect(
      Self.team(both, two, of: Array(Self.staff.dropFirst()))
        == .failure(.noSpecialist(Self.heart)))
    #expect(
      Self.team(both, two, of: Self.staff.filter { $0.doctor != "cyn" })
        == .failure(.noSpecialist(Self.bones)))
    #expect(
      TeamRefusal.noSpecialist(Self.heart).reason
        == "too few doctors on duty are specialists in urn:test|heart")
    // Specialties beyond the size of the team count for nothing.
    let one = try Self.rule(
      TeamRule.Clause(
        name: "one", words: ["two"], specialties: [Self.heart, Self.specialty("none")],
        teamSize: 1))
    #expect(Self.team(one, two) == .success(["ada"]))
  }

  // MARK: Laws

  @Test("nobody is taken for a place in such a way that a later place stays empty")
  func laterPlaces() throws {
    let rule = try Self.rule(
      TeamRule.Clause(name: "x", words: ["x"], specialties: [Self.heart, Self.lungs]))
    // Dan's turn it is, and he alone knows lungs.
    let staff = [Self.candidate("ada", Self.heart), Self.candidate("dan", Self.heart, Self.lungs)]
    #expect(
      Self.team(rule, Self.symptoms(text: "x"), of: staff, by: Self.turn(["ada"]))
        == .success(["ada", "dan"]))
  }

  @Test("equal complaints get equal teams but for whose turn it is")
  func equalInputs() throws {
    var generator = SystemRandomNumberGenerator()
    let rule = try Self.rule(Self.chest, Self.fracture, teamSize: 3)
    for symptoms in [
      Self.symptoms("29857009"), Self.symptoms(text: "broken"), Self.symptoms(),
    ] {
      let expected = Self.team(rule, symptoms, by: Self.turn(["ada", "eve"]))
      for _ in 0..<50 {
        // The order in which the hospital lists its doctors is no input.
        #expect(
          Self.team(
            rule, symptoms, of: Self.staff.shuffled(using: &generator),
            by: Self.turn(["ada", "eve"])) == expected)
      }
    }
    // Turns decide among equals alone: two know hearts, one bones.
    let chest = Self.symptoms("29857009")
    #expect(Self.team(rule, chest, by: Self.turn(["ada"])) == .success(["dan", "ben", "cyn"]))
    #expect(Self.team(rule, chest, by: Self.turn(["dan"])) == .success(["ada", "ben", "cyn"]))
    for turn in [Self.turn(["cyn"]), Self.turn(["ada", "ben", "cyn", "dan", "eve"])] {
      guard case .success(let team) = Self.team(rule, Self.symptoms(text: "broken"), by: turn)
      else {
        Issue.record("refused")
        return
      }
      #expect(team.first == "cyn")
    }
  }

  @Test("a random rule gives a team that keeps it, or none can be had")
  func randomTeams() throws {
    var generator = SystemRandomNumberGenerator()
    let kinds = [Self.heart, Self.lungs, Self.bones]
    for _ in 0..<400 {
      let staff = (0..<Int.random(in: 0...6, using: &generator)).map { number in
        TeamCandidate(
          doctor: "d\(number)",
          specialties: Set(kinds.filter { _ in Bool.random(using: &generator) }),
          isOnDuty: Int.random(in: 0..<4, using: &generator) > 0,
          mayAct: Int.random(in: 0..<4, using: &generator) > 0)
      }
      let wanted = (0..<Int.random(in: 0...3, using: &generator)).compactMap { _ in
        kinds.randomElement(using: &generator)
      }
      let size = Int.random(in: max(1, wanted.count)...4, using: &generator)
      let rule = try Self.rule(
        TeamRule.Clause(name: "x", words: ["x"], specialties: wanted, teamSize: size))
      let able = staff.filter { $0.isOnDuty && $0.mayAct }
      switch Self.team(rule, Self.symptoms(text: "x"), of: staff) {
      case .success(let team):
        #expect(team.count == size)
        #expect(Set(team).count == size)
        #expect(team.allSatisfy { name in able.contains { $0.doctor == name } })
        for (doctor, specialty) in zip(team, wanted) {
          #expect(
            able.contains { $0.doctor == doctor && $0.specialties.contains(specialty) })
        }
      case .failure(let refusal):
        #expect(
          able.count < size || !Self.canFill(wanted[...], able),
          "\(refusal) though there is a team")
      }
    }
  }

  /// By trying all.
  private static func canFill(_ wanted: ArraySlice<Specialty>, _ staff: [TeamCandidate]) -> Bool {
    guard let first = wanted.first else { return true }
    return staff.indices.contains { index in
      var rest = staff
      return rest.remove(at: index).specialties.contains(first)
        && canFill(wanted.dropFirst(), rest)
    }
  }

  @Test("whoever was on a team has a turn only after all others who are able to")
  func turns() throws {
    let rule = try Self.rule(teamSize: 2)
    var rotation = DoctorRotation()
    var counts: [String: Int] = [:]
    for _ in 0..<50 {
      let team = try rule.team(for: Self.symptoms(), of: Self.staff, by: rotation)
      #expect(team.ground == .rotation)
      rotation.note(team.doctors, employed: Set(Self.staff.map(\.doctor)))
      for doctor in team.doctors { counts[doctor, default: 0] += 1 }
    }
    #expect(counts.values.allSatisfy { $0 == 20 })
    // Who has left is forgotten, and nobody has two turns.
    rotation.note(["ada"], employed: ["ada", "ben"])
    #expect(rotation.doctors == ["ben", "ada"])
    let twice = try DoctorRotation(sequence: rotation.encodedSequence())
    #expect(twice == rotation)
  }

  // MARK: The roster

  @Test("hours are of the hospital's clocks, begin on their days, and may end on the next")
  func hours() throws {
    // Thursday 1970-01-01 00:00 UTC.
    func at(_ day: UInt64, _ hour: UInt64, _ minute: UInt64 = 0) -> UInt64 {
      (day * 24 + hour) * 3600 + minute * 60
    }
    let day = try #require(DutyRoster.Shift(days: [.thursday], from: 480, to: 960))
    let night = try #require(DutyRoster.Shift(days: [.sunday], from: 1320, to: 360))
    let roster = try #require(
      DutyRoster(duties: [
        "day": .shifts([day]), "night": .shifts([night]), "always": .always, "ill": .never,
        "none": .shifts([]),
      ]))
    for (time, isOnDuty) in [
      (at(0, 7, 59), false), (at(0, 8), true), (at(0, 15, 59), true), (at(0, 16), false),
      (at(1, 9), false), (at(7, 9), true), (at(7 * 2900, 9), true),
    ] {
      #expect(roster.isOnDuty("day", at: time) == isOnDuty)
    }
    // From Sunday 22:00 to Monday 06:00.
    for (time, isOnDuty) in [
      (at(3, 21, 59), false), (at(3, 22), true), (at(4, 0), true), (at(4, 5, 59), true),
      (at(4, 6), false), (at(3, 5), false),
    ] {
      #expect(roster.isOnDuty("night", at: time) == isOnDuty)
    }
    for time in [0, at(3, 3), UInt64.max] {
      #expect(roster.isOnDuty("always", at: time))
      for absent in ["ill", "none", "stranger", ""] {
        #expect(!roster.isOnDuty(absent, at: time))
      }
    }
    // An hour ahead of UTC, the day begins at 07:00 UTC; at the first moment there is it is Wednesday
    // in the west.
    let east = try #require(DutyRoster(duties: ["day": .shifts([day])], utcOffsetMinutes: 60))
    #expect(east.isOnDuty("day", at: at(0, 7)))
    #expect(!east.isOnDuty("day", at: at(0, 15)))
    let evening = try #require(DutyRoster.Shift(days: [.wednesday], from: 600, to: 1440))
    let west = try #require(DutyRoster(duties: ["day": .shifts([evening])], utcOffsetMinutes: -840))
    #expect(west.isOnDuty("day", at: 0))
    #expect(DutyRoster(duties: [:], utcOffsetMinutes: 841) == nil)
    #expect(DutyRoster.Shift(days: [.monday], from: 1440, to: 0) == nil)
    #expect(DutyRoster.Shift(days: [.monday], from: -1, to: 0) == nil)
    #expect(DutyRoster.Shift(days: [.monday], from: 0, to: 1441) == nil)
  }

  // MARK: As a file

  private static let file = """
    {
      "utc_offset_minutes": 60,
      "team_size": 2,
      "roster": [
        {"doctor": "ada"},
        {"doctor": "ben", "off": true},
        {"doctor": "cyn", "shifts": [{"days": ["mon", "fri"], "from": "22:00", "to": "06:30"}]}
      ],
      "rules": [
        {
          "name": "chest pain", "codes": ["http://snomed.info/sct|29857009"],
          "prefixes": ["http://hl7.org/fhir/sid/icd-10|I2"], "words": ["chest pain"],
          "specialties": ["urn:test|heart"], "team_size": 3
        }
      ]
    }
    """

  @Test("a plan is what its file says, and is written as it was read")
  func planFile() throws {
    let plan = try StaffingPlan(json: Array(Self.file.utf8))
    let roster = try #require(plan.roster)
    #expect(roster.utcOffsetMinutes == 60)
    #expect(roster.duties["ada"] == .always)
    #expect(roster.duties["ben"] == .never)
    let night = try #require(DutyRoster.Shift(days: [.monday, .friday], from: 1320, to: 390))
    #expect(roster.duties["cyn"] == .shifts([night]))
    #expect(plan.rule.teamSize == 2)
    let clause = try #require(plan.rule.clauses.first)
    #expect(clause.name == "chest pain")
    #expect(clause.codes == [Self.code("29857009")])
    #expect(clause.prefixes.map(\.description) == ["http://hl7.org/fhir/sid/icd-10|I2"])
    #expect(clause.words == ["chest pain"])
    #expect(clause.specialties == [Self.heart])
    #expect(clause.teamSize == 3)
    #expect(try StaffingPlan(json: plan.json()) == plan)
    let empty = try StaffingPlan(json: Array("{}".utf8), teamSize: 5)
    #expect(empty.roster == nil)
    #expect(empty.rule.clauses.isEmpty)
    #expect(empty.rule.teamSize == 5)
    #expect(try StaffingPlan(json: empty.json()) == empty)
    // An empty roster is nobody on duty, not everybody.
    let nobody = try StaffingPlan(json: Array(#"{"roster": []}"#.utf8))
    #expect(nobody.roster?.isOnDuty("ada", at: 0) == false)
  }

  @Test("a plan with a mistake is refused, with the place of it")
  func planMistakes() throws {
    for (wrong, right, place) in [
      ("\"off\"", "\"of\"", "roster[1].of"), ("urn:test|heart", "heart", "rules[0].specialties[0]"),
      ("sct|29857009", "sct|2985|7009", "rules[0].codes[0]"),
      ("\"words\"", "\"wrods\"", "rules[0].wrods"), ("22:00", "24:00", "roster[2].shifts[0]"),
      ("22:00", "22:60", "roster[2].shifts[0]"), ("22:00", "2200", "roster[2].shifts[0]"),
      ("06:30", "24:01", "roster[2].shifts[0]"), ("\"mon\"", "\"monday\"", "days[0]"),
      ("\"ben\"", "\"ada\"", "roster[1]"), ("\"chest pain\", \"codes", "\"\", \"codes", "rules[0]"),
      ("\"team_size\": 2", "\"team_size\": 0", "team_size"),
      ("\"team_size\": 3", "\"team_size\": 17", "rules[0]"),
      ("\"utc_offset_minutes\": 60", "\"utc_offset_minutes\": 900", "utc_offset_minutes"),
      ("\"doctor\": \"ada\"", "\"shifts\": []", "lacks doctor"), ("true", "1", "roster[1].off"),
      ("{\n", "[\n", "JSON"),
    ] {
      let text = Self.file.replacing(wrong, with: right, maxReplacements: 1)
      #expect(text != Self.file)
      #expect {
        try StaffingPlan(json: Array(text.utf8))
      } throws: { error in
        guard let error = error as? ConsortiumError else { return false }
        return error.code == .invalidStaffing && error.message.contains(place)
      }
    }
    for text in ["", "[]", "null", "{", #"{"utc_offset_minutes": 60}"#] {
      #expect(throws: ConsortiumError.self) { try StaffingPlan(json: Array(text.utf8)) }
    }
    #expect(throws: ConsortiumError.self) {
      try StaffingPlan(json: [UInt8](repeating: 0x20, count: 1 << 20 + 1))
    }
  }

  // MARK: Codes

  @Test("symptoms and specialties have bounds, and symptoms are not shown")
  func bounds() throws {
    let long = String(repeating: "x", count: 97)
    #expect(Symptoms.Code(system: "", code: "1") == nil)
    #expect(Symptoms.Code(system: "urn:x", code: "") == nil)
    #expect(Symptoms.Code(system: long, code: "1") == nil)
    #expect(Symptoms.Code(system: "urn:x", code: long) == nil)
    #expect(Symptoms.Code(system: "urn:x", code: "1", display: long + long) == nil)
    let code = try #require(Symptoms.Code(system: "urn:x", code: "secret"))
    #expect(Symptoms(codes: Array(repeating: code, count: 33)) == nil)
    #expect(Symptoms(codes: [], text: String(repeating: "x", count: 2049)) == nil)
    let full = try #require(
      Symptoms(
        codes: Array(repeating: code, count: 32), text: String(repeating: "secret.", count: 290)))
    #expect(try Symptoms(sequence: full.encodedSequence()) == full)
    var told = ""
    dump([full], to: &told)
    told += "\(full) \(full.codes) \(String(reflecting: full)) \(String(describing: (full, 1)))"
    #expect(!told.contains("secret"))
    for text in ["", "a", "a|", "|b", "a|b|c", "a b|c", "a|b\n", "ä|b", long + "|b", "a|" + long] {
      #expect(Specialty(text) == nil)
    }
    #expect(Specialty("urn:x|1")?.description == "urn:x|1")
  }
}
