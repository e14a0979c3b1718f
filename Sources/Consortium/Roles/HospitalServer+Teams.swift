package import CanonicalEncoding
package import EMRScheme
import Ledger

/// A doctor whom the hospital has taken on, as the counter has written it down.
struct Employment: NamedValue {
  static let name = "employment"

  /// Of the statement that the doctor's own program shows.
  var fingerprint: Digest32
  /// What the hospital has seen diplomas of, ascending.
  var specialties: [Specialty]

  init(fingerprint: Digest32, specialties: Set<Specialty>) {
    (self.fingerprint, self.specialties) = (fingerprint, specialties.sorted())
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.digest("fingerprint", fingerprint)
    fields.list("specialties", specialties)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    fingerprint = try fields.digest("fingerprint")
    specialties = try Specialty.decodeList("specialties", &fields)
  }
}

/// The hospital's doctors, and who of them is on the team of a visit (4.3).
extension HospitalServer {
  private static let staffingKey = "staffing"
  private static let rotationKey = "rotation"
  private static func employmentKey(_ doctor: String) -> String { "employed/\(doctor)" }
  static let choicePrefix = "team/"
  static func choiceKey(_ visit: Digest32) -> String { "\(choicePrefix)\(visit)" }
  private static let namedPrefix = "named-team/"
  private static func namedKey(_ firstAttempt: Digest32) -> String {
    "\(namedPrefix)\(firstAttempt)"
  }
  /// On which day a team that was named was last of use.
  private static func namedDayKey(_ namedKey: String) -> String {
    "named-day/\(namedKey.dropFirst(namedPrefix.count))"
  }

  // MARK: Employment

  /// Takes a doctor on, or takes new keys of a doctor who has lost the former: a registration in this
  /// name is accepted if it is the one that the doctor's own program shows, and no other, so that
  /// nobody takes the name who is first.
  ///
  /// - Parameters:
  ///   - fingerprint: ``Doctor/fingerprint()``, told by the doctor in person.
  ///   - specialties: what the hospital has seen diplomas of. A registration that asserts others is
  ///     refused; of a doctor who is registered, those in force count instead.
  /// - Throws: ``ConsortiumError`` `too-large` for more than ``Specialty/countLimit``; `registered-elsewhere` or
  ///   `not-active` of whom the ledger takes no registration from this hospital, as far as this server has the
  ///   ledger.
  package func employ(
    _ doctor: String, fingerprint: Digest32, specialties: Set<Specialty> = []
  ) async throws {
    try Self.requireCount(of: specialties)
    let consortium = await node.consortium
    guard try consortium.members.location(of: doctor) == nil else {
      throw ConsortiumError(.registeredElsewhere, "\(doctor) is a member, and no doctor")
    }
    try requireRegistrable(doctor, try consortium.doctor(doctor)?.record)
    try store.save(
      Employment(fingerprint: fingerprint, specialties: specialties), Self.employmentKey(doctor))
  }

  private static func requireCount(of specialties: Set<Specialty>) throws(ConsortiumError) {
    guard specialties.count <= Specialty.countLimit else {
      throw ConsortiumError(
        .tooLarge,
        "\(specialties.count) specialties; a doctor has at most \(Specialty.countLimit)")
    }
  }

  /// That the ledger takes a registration in this name from this hospital (specification 6.3).
  private func requireRegistrable(
    _ doctor: String, _ record: DoctorRecord?
  ) throws(ConsortiumError) {
    guard let record else { return }
    guard record.statement.hospital == id else {
      throw ConsortiumError(
        .registeredElsewhere, "\(doctor) is registered at \(record.statement.hospital)")
    }
    guard record.status != .retired else {
      throw ConsortiumError(.notActive, "\(doctor) has retired, and is registered no more")
    }
  }

  /// Takes back that a doctor is expected: a registration with the fingerprint that was told is not accepted any
  /// more. Who is registered here stays, with the keys that the ledger has.
  ///
  /// - Returns: whether a registration was expected.
  @discardableResult
  package func voidExpectation(of doctor: String) async throws -> Bool {
    let registered = try await node.consortium.doctor(doctor)?.record.statement
    guard try employees().contains(doctor) else { return false }
    guard let registered, registered.hospital == id else {
      try store.write([Self.employmentKey(doctor): nil])
      return true
    }
    let employment = try readableEmployment(of: doctor)
    if employment?.fingerprint == registered.digest { return false }
    let specialties = employment?.specialties ?? registered.specialties
    try store.save(
      Employment(fingerprint: registered.digest, specialties: Set(specialties)),
      Self.employmentKey(doctor))
    return true
  }

  /// Whether this hospital registers a statement.
  ///
  /// - Throws: ``ConsortiumError`` `not-employed`, `wrong-fingerprint`, `registered-elsewhere`, `not-active` or
  ///   `wrong-specialties`.
  func requireEmployed(_ statement: RegistrationStatement) async throws {
    guard statement.hospital == id,
      let employment = try employment(of: statement.doctor)
    else { throw ConsortiumError(.notEmployed, "\(statement.doctor) does not work here") }
    let known = try await node.consortium.doctor(statement.doctor)?.record
    try requireRegistrable(statement.doctor, known)
    guard statement.digest == employment.fingerprint else {
      throw ConsortiumError(
        .wrongFingerprint, "these are not the keys that \(statement.doctor) has shown")
    }
    guard statement.specialties == known?.specialties ?? employment.specialties else {
      throw ConsortiumError(
        .wrongSpecialties, "\(statement.doctor) asserts other specialties than the hospital knows")
    }
  }

  /// What was written down of a doctor; nil for who was not taken on.
  func employment(of doctor: String) throws -> Employment? {
    try store.load(Self.employmentKey(doctor))
  }

  /// The same; nil too where it cannot be read.
  func readableEmployment(of doctor: String) throws -> Employment? {
    try store.readable(Self.employmentKey(doctor))
  }

  /// Of what is kept of doctors and of teams that were named, the keys of rows that cannot be read.
  func damagedTeams() throws -> [String] {
    try store.damaged(withPrefix: Self.employmentKey(""), as: Employment.self)
      + store.damaged(withPrefix: Self.namedPrefix, as: TeamChoice.self)
  }

  /// The doctors that this hospital has taken on, in ascending order.
  func employees() throws -> [String] { try Self.employees(in: store) }

  /// The same, by the store of a hospital's server; of other roles' stores nobody.
  package static func employees(in store: any RoleStore) throws -> [String] {
    let prefix = employmentKey("")
    return try store.keys(withPrefix: prefix).map { String($0.dropFirst(prefix.count)) }
  }

  /// Says on the ledger what a doctor of this hospital is a specialist in from now on.
  ///
  /// - Returns: whether it was something else before.
  /// - Throws: the ``Refusal``; ``ConsortiumError`` `too-large` for more than ``Specialty/countLimit``.
  @discardableResult
  package func setSpecialties(
    of doctor: String, _ specialties: Set<Specialty>
  ) async throws -> Bool {
    try Self.requireCount(of: specialties)
    try await node.catchUp()
    guard let record = try await node.consortium.doctor(doctor)?.record,
      record.statement.hospital == id
    else { throw ConsortiumError(.unknownDoctor, "\(doctor) is not registered here") }
    let change = DoctorSpecialties(
      doctor: doctor, specialties: specialties, number: record.specialtyChanges + 1)
    if record.specialties == change.specialties { return false }
    return try await node.submit(try await entry(change))
  }

  // MARK: Roster and rule

  /// Who is on duty, and which condition gets which team, from the next admission on.
  ///
  /// - Throws: ``ConsortiumError`` `invalid-staffing` for a plan that could not be read again.
  package func setStaffing(_ plan: StaffingPlan) throws {
    try store.write([Self.staffingKey: try plan.stored()])
  }

  /// What was set; without that all are on duty, and a team has three doctors by turns.
  package func staffing() throws -> StaffingPlan {
    try StaffingPlan(json: try store.value(forKey: Self.staffingKey) ?? Array("{}".utf8))
  }

  // MARK: The counter

  /// What a clerk decides at the counter, above rule and roster: the team of an Encounter in the order s;
  /// nil takes that back. It holds for every attempt until the visit is complete, or for the days that a ticket
  /// is good and kept, after it was named or a visit was last offered by it.
  ///
  /// - Throws: ``ConsortiumError`` `no-team` if one of them may not act. That is checked once more at
  ///   the admission.
  package func assign(
    _ team: [String]?, toEncounter encounter: String, of identity: String
  ) async throws {
    let key = namedKey(identity, encounter)
    guard let team else { return try store.write([key: nil, Self.namedDayKey(key): nil]) }
    let doctors = try await doctors()
    do {
      let choice = try named(team, doctors)
      try store.write([key: Message(choice).encoded(), Self.namedDayKey(key): today])
    } catch let refusal as TeamRefusal {
      let entitled = candidates(doctors, nil).filter(\.mayAct).map(\.doctor)
      let others = team.filter { !entitled.contains($0) }
      throw ConsortiumError(
        .noTeam,
        others.isEmpty
          ? refusal.reason
          : "\(others.joined(separator: ", ")): not of this hospital, not registered, suspended or retired"
      )
    }
  }

  private func namedKey(_ identity: String, _ encounter: String) -> String {
    let first = firstVisit(of: identity, encounter: encounter)
    return Self.namedKey(first.visitID(under: keys.visitIdentifiers))
  }

  // MARK: Teams

  /// The order s of a visit, and what becomes of the store with it.
  struct Team {
    let signers: [VisitContext.Signer]
    let choice: TeamChoice
    fileprivate let rotation: DoctorRotation
    /// Of what was named at the counter, that it was of use.
    fileprivate let use: [String: [UInt8]?]

    /// To be written with the offer.
    func changes(_ visit: Digest32) -> [String: [UInt8]?] {
      var changes = use
      changes[HospitalServer.rotationKey] = Message(rotation).encoded()
      changes[HospitalServer.choiceKey(visit)] = Message(choice).encoded()
      return changes
    }
  }

  /// The team for a patient: whom the counter has named, else whom the rule finds among those on duty.
  ///
  /// It does not suspend, nor does who offers a visit to this team until the offer is stored with the rotation: what
  /// is admitted meanwhile would have the same turn.
  /// - Parameter doctors: ``doctors()``.
  /// - Throws: ``TeamRefusal``.
  @inline(never)
  func team(for form: AdmissionForm, of doctors: [String: DoctorRecord]) throws -> Team {
    // One that cannot be read begins anew: it says who comes next, and keeps nobody from being admitted.
    var rotation: DoctorRotation = try store.readable(Self.rotationKey) ?? DoctorRotation()
    let key = namedKey(form.identity, form.encounter)
    let assigned: TeamChoice? = try store.load(key)
    let choice =
      if let assigned {
        try named(assigned.doctors, doctors)
      } else {
        try found(form.symptoms, doctors, rotation)
      }
    rotation.note(choice.doctors, employed: Set(doctors.keys))
    return Team(
      signers: choice.doctors.compactMap { doctors[$0]?.statement.signer }, choice: choice,
      rotation: rotation, use: assigned == nil ? [:] : [Self.namedDayKey(key): today])
  }

  // Not inlined: the optimizer of Swift 6.3.1 crashes where their typed errors meet an async body.

  @inline(never)
  private func named(
    _ team: [String], _ doctors: [String: DoctorRecord]
  ) throws -> TeamChoice {
    try TeamRule.team(namedByClerk: team, of: candidates(doctors, try staffing().roster))
  }

  @inline(never)
  private func found(
    _ symptoms: Symptoms, _ doctors: [String: DoctorRecord], _ rotation: DoctorRotation
  ) throws -> TeamChoice {
    let plan = try staffing()
    return try plan.rule.team(
      for: symptoms, of: candidates(doctors, plan.roster), by: rotation)
  }

  /// Nothing that was named at the counter is needed any more for an Encounter whose visit is complete.
  func forgetNamedTeam(_ form: AdmissionForm) throws {
    let key = namedKey(form.identity, form.encounter)
    if try store.value(forKey: key) != nil {
      try store.write([key: nil, Self.namedDayKey(key): nil])
    }
  }

  private var today: [UInt8] { (inbox.clock() / Self.secondsOfDay).stateBytes }

  /// Forgets teams that were named at the counter, once the last ticket is over that can have been for them.
  func forgetNamedTeams() throws {
    let now = inbox.clock() / Self.secondsOfDay
    for key in try store.keys(withPrefix: Self.namedPrefix) {
      let dayKey = Self.namedDayKey(key)
      // One that an earlier program has kept, or a clock that was ahead, is of today.
      guard let day = try store.readableBytes(dayKey).flatMap({ try? UInt64(stateBytes: $0) }),
        day <= now
      else {
        try store.write([dayKey: today])
        continue
      }
      if day &+ 1 &+ Self.daysKept < now { try store.write([key: nil, dayKey: nil]) }
    }
  }

  /// Why a visit has the team that it has; nil of a visit that this hospital has not offered.
  package func teamChoice(of visit: Digest32) throws -> TeamChoice? {
    try store.load(Self.choiceKey(visit))
  }

  /// Of those who are employed, what the final directory says.
  func doctors() async throws -> [String: DoctorRecord] {
    let consortium = await node.consortium
    var found: [String: DoctorRecord] = [:]
    for doctor in try employees() { found[doctor] = try consortium.finalDoctor(doctor) }
    return found
  }

  private func candidates(
    _ doctors: [String: DoctorRecord], _ roster: DutyRoster?
  ) -> [TeamCandidate] {
    let now = inbox.clock()
    return doctors.map { doctor, record in
      TeamCandidate(
        doctor: doctor, specialties: Set(record.specialties),
        isOnDuty: roster?.isOnDuty(doctor, at: now) ?? true,
        mayAct: record.status == .active && record.statement.hospital == id)
    }
  }
}
