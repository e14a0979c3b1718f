import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("What doctors are specialists in")
struct SpecialtyTests {
  static let hospital = "hospital-1"
  static let team = LedgerFixture.team
  static let (first, last) = (team[0], team[2])

  static func specialty(_ code: String) throws -> Specialty {
    try #require(Specialty(system: "http://snomed.info/sct", code: code))
  }

  /// Says it in an entry; the code of the refusal, if it is refused.
  private static func say(
    _ codes: Set<String>, of doctor: String, _ number: UInt64, by party: String = hospital,
    key: IdentityKey? = nil, _ ledger: inout LedgerFixture
  ) throws -> String? {
    try ledger.append(
      DoctorSpecialties(
        doctor: doctor, specialties: Set(try codes.map(specialty)), number: number),
      on: "consortium", by: party, key: key)
  }

  private static func codes(_ doctor: String, _ ledger: LedgerFixture) throws -> [String]? {
    try ledger.reader.finalDoctor(doctor)?.specialties.map(\.code)
  }

  @Test("[attack] specialties are said by the own hospital alone, and no old entry says them again")
  func onlyTheHospital() throws {
    var ledger = try LedgerFixture.withTeam()
    #expect(try Self.codes(Self.first, ledger) == [])
    for other in ["hospital-2", "cloud", "manager", Self.first, Self.last] {
      #expect(try Self.say(["1"], of: Self.first, 1, by: other, &ledger) == "not-entitled")
    }
    let own = try #require(ledger.doctors[Self.first]).identity
    #expect(try Self.say(["1"], of: Self.first, 1, key: own, &ledger) == "wrong-signature")
    #expect(try Self.say(["1"], of: "nobody", 1, &ledger) == "unknown-doctor")
    #expect(try Self.say(["1"], of: Self.hospital, 1, &ledger) == "unknown-doctor")
    // What holds already, and numbers that are not the next.
    #expect(try Self.say([], of: Self.first, 1, &ledger) == "wrong-specialties")
    for number: UInt64 in [2, 3, UInt64(Int64.max)] {
      #expect(try Self.say(["1"], of: Self.first, number, &ledger) == "wrong-specialties")
    }
    #expect(try Self.say(["1", "2"], of: Self.first, 1, &ledger) == nil)
    try ledger.closeConsortiumBlock()
    #expect(try Self.codes(Self.first, ledger) == ["1", "2"])
    #expect(try Self.say(["2"], of: Self.first, 2, &ledger) == nil)
    try ledger.closeConsortiumBlock()
    // The first, put there again, and one that was held back.
    #expect(try Self.say(["1", "2"], of: Self.first, 1, &ledger) == "entry-known")
    for number: UInt64 in [1, 2] {
      #expect(try Self.say(["3"], of: Self.first, number, &ledger) == "wrong-specialties")
    }
    #expect(try Self.codes(Self.first, ledger) == ["2"])
    #expect(try Self.codes(Self.last, ledger) == [])
    // Nothing else of the doctor has changed.
    let record = try #require(try ledger.reader.finalDoctor(Self.first))
    #expect(record.identityKey == own.publicKey)
    #expect((record.status, record.statusChanges) == (.active, 0))
    #expect(record.version == 2)
  }

  @Test("[attack] a change that was held back counts no more after a registration anew")
  func registrationAnew() throws {
    var ledger = try LedgerFixture()
    try ledger.closeConsortiumBlock()
    let (heart, lungs) = (try Self.specialty("1"), try Self.specialty("2"))
    #expect(try ledger.register("ada", at: Self.hospital, specialties: [heart]) == nil)
    try ledger.closeConsortiumBlock()
    #expect(try Self.codes("ada", ledger) == ["1"])
    #expect(try Self.say(["2"], of: "ada", 1, &ledger) == nil)
    let known = try #require(ledger.doctors["ada"]).registration.statement
    #expect(
      try ledger.register(
        "ada", at: Self.hospital, replacing: known.digest, specialties: [heart, lungs]) == nil)
    try ledger.closeConsortiumBlock()
    #expect(try Self.codes("ada", ledger) == ["1", "2"])
    #expect(try Self.say(["2"], of: "ada", 2, &ledger) == "wrong-specialties")
    #expect(try Self.say(["2"], of: "ada", 3, &ledger) == nil)
    try ledger.closeConsortiumBlock()
    #expect(try Self.codes("ada", ledger) == ["2"])
    // By the block: what held before is what held before.
    for (height, codes): (UInt64, [String]) in [(1, ["1"]), (2, ["1", "2"]), (3, ["2"])] {
      #expect(try ledger.reader.doctor("ada", at: height)?.specialties.map(\.code) == codes)
    }
  }

  @Test("specialties of who is suspended can change, those of who has retired cannot")
  func standing() throws {
    var ledger = try LedgerFixture.withTeam()
    func change(_ status: DoctorStatus, _ number: UInt64) throws -> String? {
      try ledger.append(
        DoctorStatusChange(doctor: Self.first, status: status, number: number),
        on: "consortium", by: Self.hospital)
    }
    #expect(try Self.say(["1"], of: Self.first, 1, &ledger) == nil)
    #expect(try change(.suspended, 1) == nil)
    #expect(try Self.say(["2"], of: Self.first, 2, &ledger) == nil)
    try ledger.closeConsortiumBlock()
    #expect(try ledger.reader.finalDoctor(Self.first)?.status == .suspended)
    #expect(try change(.retired, 2) == nil)
    #expect(try Self.say(["1"], of: Self.first, 3, &ledger) == "wrong-specialties")
    try ledger.closeConsortiumBlock()
    #expect(try Self.codes(Self.first, ledger) == ["2"])
  }

  @Test("changes of specialties spend a quota of their own, not the one that stops a thief")
  func quota() throws {
    var numbers = Members.Numbers()
    (numbers.signerQuota, numbers.supernodeQuota) = (2, 3)
    var ledger = try LedgerFixture.withTeam(numbers: numbers, epochLength: 4)
    for number: UInt64 in 1...3 {
      #expect(try Self.say(["\(number)"], of: Self.first, number, &ledger) == nil)
    }
    #expect(try Self.say(["4"], of: Self.first, 4, &ledger) == "quota-spent")
    #expect(try Self.say(["4"], of: Self.last, 1, &ledger) == "quota-spent")
    #expect(
      try ledger.append(
        DoctorStatusChange(doctor: Self.first, status: .suspended, number: 1), on: "consortium",
        by: Self.hospital) == nil)
    for _ in 0..<4 { try ledger.closeConsortiumBlock() }
    #expect(try Self.say(["4"], of: Self.first, 4, &ledger) == nil)
  }

  @Test("[attack] a list that is not ascending, has one twice, is too long or no code is no entry")
  func malformed() throws {
    let (one, two) = (try Self.specialty("1"), try Self.specialty("2"))
    func decodes(_ specialties: [Specialty]) throws -> Bool {
      var body = DoctorSpecialties(doctor: "ada", specialties: [], number: 1)
      body.specialties = specialties
      var statement = RegistrationStatement(
        genesis: .zero, suite: "s", doctor: "d", hospital: "h", a: [1], b1: [1], b2: [1], c1: [1],
        c2: [1], identityKey: [UInt8](repeating: 1, count: 32))
      statement.specialties = specialties
      let isBody = (try? DoctorSpecialties(encoded: body.encoded())) != nil
      let isStatement = (try? RegistrationStatement(encoded: statement.encoded())) != nil
      #expect(isBody == isStatement)
      return isBody
    }
    #expect(try decodes([]))
    #expect(try decodes([one, two]))
    #expect(try !decodes([two, one]))
    #expect(try !decodes([one, one]))
    let many = try (10...18).map { try Self.specialty("\($0)") }
    #expect(try decodes(many.dropLast()))
    #expect(try !decodes(many))
    // The bytes of one that has a space, or the separator, in its code.
    for byte in [UInt8(ascii: " "), UInt8(ascii: "|"), 0, 0x7f, 0xc3] {
      var bytes = DoctorSpecialties(doctor: "ada", specialties: [one], number: 1).encoded()
      let place = try #require(bytes.lastIndex(of: UInt8(ascii: "1")))
      bytes[place] = byte
      #expect(throws: DecodingFailure.self) { try DoctorSpecialties(encoded: bytes) }
    }
    // The system comes first in the order, byte for byte.
    let upper = try #require(Specialty(system: "A", code: "9"))
    let lower = try #require(Specialty(system: "a", code: "1"))
    #expect(upper < lower)
    #expect(try decodes([upper, lower]))
  }
}
