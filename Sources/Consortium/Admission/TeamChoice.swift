public import CanonicalEncoding
public import EMRScheme

/// The team of a visit in the order s, and why it is this one; the hospital keeps it.
public struct TeamChoice: NamedValue, Equatable {
  package static let name = "team-choice"

  /// What decided.
  public enum Ground: Sendable, Equatable {
    /// Somebody at the counter named the team.
    case clerk
    /// A clause of the hospital's rule, by its name.
    case rule(String)
    /// No clause matched what the patient complains of.
    case rotation
  }

  /// One doctor of the team.
  public struct Place: CanonicalValue, Equatable {
    public let doctor: String
    /// For which the rule wanted this doctor; nil where the clerk named the doctor, or the rotation.
    public let specialty: Specialty?

    init(_ doctor: String, for specialty: Specialty? = nil) {
      (self.doctor, self.specialty) = (doctor, specialty)
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.text("doctor", doctor)
      fields.optional("specialty", specialty)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      doctor = try fields.text("doctor", maximum: Limits.identifierByteCount)
      specialty = try fields.optional("specialty")
    }
  }

  public let ground: Ground
  /// k = 1 … n.
  public let places: [Place]

  /// The identifiers of the team, in the order s.
  public var doctors: [String] { places.map(\.doctor) }

  init(_ ground: Ground, _ places: [Place]) { (self.ground, self.places) = (ground, places) }

  public func encode(into fields: inout some FieldEncoder) {
    switch ground {
    case .clerk: fields.integer("ground", 1)
    case .rule: fields.integer("ground", 2)
    case .rotation: fields.integer("ground", 3)
    }
    if case .rule(let name) = ground { fields.text("rule", name) }
    fields.list("places", places)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    switch try fields.integer("ground", in: 1...3) {
    case 1: ground = .clerk
    case 2: ground = .rule(try fields.text("rule"))
    default: ground = .rotation
    }
    places = try fields.list("places", maximum: Limits.teamSize)
  }
}

/// Why there is no team. It names no symptom: whoever asked knows them, and nobody else shall.
public enum TeamRefusal: Error, CanonicalValue, Hashable {
  /// The rule wants one more specialist than there are doctors on duty who may act.
  case noSpecialist(Specialty)
  /// Fewer doctors are on duty and may act than the team has.
  case tooFewDoctors
  /// Somebody whom the clerk named is not of this hospital, is suspended, or has retired.
  case notEntitled

  /// As a clause of a sentence.
  public var reason: String {
    switch self {
    case .noSpecialist(let specialty): "too few doctors on duty are specialists in \(specialty)"
    case .tooFewDoctors: "too few doctors are on duty"
    case .notEntitled: "a doctor whom the counter named may not act"
    }
  }

  public func encode(into fields: inout some FieldEncoder) {
    var missing: Specialty?
    switch self {
    case .noSpecialist(let specialty):
      fields.integer("reason", 1)
      missing = specialty
    case .tooFewDoctors: fields.integer("reason", 2)
    case .notEntitled: fields.integer("reason", 3)
    }
    fields.optional("specialty", missing)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    let reason = try fields.integer("reason", in: 1...3)
    switch (reason, try fields.optional("specialty", of: Specialty.self)) {
    case (1, let specialty?): self = .noSpecialist(specialty)
    case (2, nil): self = .tooFewDoctors
    case (3, nil): self = .notEntitled
    default: throw DecodingFailure(.invalidField, "a specialty goes with another reason")
    }
  }
}

/// Whose turn it is: the doctors who were on a team, those first who were on one the longest ago. Who was
/// on none comes before.
public struct DoctorRotation: NamedValue, Equatable {
  package static let name = "doctor-rotation"
  private static let countLimit = 1 << 14

  public private(set) var doctors: [String]

  /// Nobody was on a team yet.
  public init() { doctors = [] }

  /// Takes note of a team. Who is not employed any more is forgotten.
  public mutating func note(_ team: [String], employed: Set<String>) {
    let team = team.filter(employed.contains)
    doctors.removeAll { team.contains($0) || !employed.contains($0) }
    doctors += team
  }

  /// In the order of their turns; those who were on no team by their names.
  func sorted(_ candidates: [TeamCandidate]) -> [TeamCandidate] {
    let turns = Dictionary(
      uniqueKeysWithValues: doctors.enumerated().map { ($0.element, $0.offset) })
    return candidates.map { ($0, turns[$0.doctor] ?? -1) }.sorted { one, other in
      one.1 == other.1
        ? one.0.doctor.utf8.lexicographicallyPrecedes(other.0.doctor.utf8) : one.1 < other.1
    }.map(\.0)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.list("doctors", doctors.map { TeamChoice.Place($0) })
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    let list = try fields.list(
      "doctors", maximum: Self.countLimit, of: TeamChoice.Place.self
    ).map(\.doctor)
    guard Set(list).count == list.count else {
      throw DecodingFailure(.invalidField, "a doctor has two turns")
    }
    doctors = list
  }
}
