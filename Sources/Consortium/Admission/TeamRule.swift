public import EMRScheme

/// A doctor as the rule sees one.
public struct TeamCandidate: Sendable, Equatable {
  /// The doctor's identifier.
  public let doctor: String
  /// Those that the ledger has of the doctor.
  public let specialties: Set<Specialty>
  /// By the hospital's roster, now.
  public let isOnDuty: Bool
  /// Registered by this hospital, neither suspended nor retired.
  public let mayAct: Bool

  public init(doctor: String, specialties: Set<Specialty>, isOnDuty: Bool, mayAct: Bool) {
    (self.doctor, self.specialties) = (doctor, specialties)
    (self.isOnDuty, self.mayAct) = (isOnDuty, mayAct)
  }
}

/// How a hospital comes from what a patient complains of to a team and its order s (4.3).
///
/// The first clause that matches decides. It names specialties in the order of the places: each place goes
/// to a doctor on duty who may act and has the specialty. Whoever of several is taken, and who gets the
/// places that no specialty is named for, is decided by turns. So equal complaints get equal teams but for
/// whose turn it is.
public struct TeamRule: Sendable, Equatable {
  /// What a condition looks like, and which specialties it wants.
  public struct Clause: Sendable, Equatable {
    /// For people: what is matched, 1 to 64 bytes.
    public let name: String
    /// Codes that match as they are.
    public let codes: Set<Specialty>
    /// Codes of which every one matches that begins so, of the same system.
    public let prefixes: Set<Specialty>
    /// Words, or several in a row, that match anywhere in the patient's words or beside a code, whatever
    /// their case.
    public let words: Set<String>
    /// Of the places in their order. Those beyond the size of the team count for nothing.
    public let specialties: [Specialty]
    /// n; nil for that of the rule.
    public let teamSize: Int?
    private let phrases: [[String]]

    /// Nil for a clause that matches nothing, or has bounds that no team has.
    public init?(
      name: String, codes: Set<Specialty> = [], prefixes: Set<Specialty> = [],
      words: Set<String> = [], specialties: [Specialty], teamSize: Int? = nil
    ) {
      phrases = words.map(TeamRule.words)
      guard (1...64).contains(name.utf8.count), phrases.allSatisfy({ !$0.isEmpty }),
        !codes.isEmpty || !prefixes.isEmpty || !words.isEmpty,
        (teamSize ?? 1) >= 1, (teamSize ?? 1) <= Limits.teamSize,
        specialties.count <= Limits.teamSize
      else { return nil }
      (self.name, self.codes, self.prefixes) = (name, codes, prefixes)
      (self.words, self.specialties, self.teamSize) = (words, specialties, teamSize)
    }

    fileprivate func matches(_ symptoms: Symptoms, _ texts: [[String]]) -> Bool {
      for symptom in symptoms.codes {
        // A code that no specialty could have is in no rule either.
        if let code = Specialty(system: symptom.system, code: symptom.code),
          codes.contains(code)
        {
          return true
        }
        if prefixes.contains(where: {
          $0.system == symptom.system && symptom.code.utf8.starts(with: $0.code.utf8)
        }) {
          return true
        }
      }
      return phrases.contains { phrase in texts.contains { Self.contains(phrase, in: $0) } }
    }

    private static func contains(_ phrase: [String], in text: [String]) -> Bool {
      guard phrase.count <= text.count else { return false }
      return (0...(text.count - phrase.count)).contains { start in
        text[start...].starts(with: phrase)
      }
    }
  }

  public let clauses: [Clause]
  /// n where no clause says another, 1 to 16.
  public let teamSize: Int

  /// Nil for a size that no team has.
  public init?(clauses: [Clause] = [], teamSize: Int = 3) {
    guard (1...Limits.teamSize).contains(teamSize) else { return nil }
    (self.clauses, self.teamSize) = (clauses, teamSize)
  }

  /// The words of a text, whatever is between them.
  private static func words(_ text: String) -> [String] {
    text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
  }

  /// The team for a patient, in the order s.
  ///
  /// - Parameter rotation: whose turn it is.
  public func team(
    for symptoms: Symptoms, of candidates: [TeamCandidate], by rotation: DoctorRotation
  ) throws(TeamRefusal) -> TeamChoice {
    let texts = ([symptoms.text] + symptoms.codes.map(\.display)).map(Self.words)
    let clause = clauses.first { $0.matches(symptoms, texts) }
    let size = clause?.teamSize ?? teamSize
    let wanted = (clause?.specialties ?? []).prefix(size)
    var pool = rotation.sorted(candidates.filter { $0.isOnDuty && $0.mayAct })
    for count in wanted.indices.map({ $0 + 1 })
    where !Self.canFill(wanted.prefix(count), from: pool) {
      throw .noSpecialist(wanted[count - 1])
    }
    guard pool.count >= size else { throw .tooFewDoctors }
    var places: [TeamChoice.Place] = []
    for (index, specialty) in wanted.enumerated() {
      // Whose turn it is, unless a later place would stay empty.
      let position = pool.indices.first { candidate in
        guard pool[candidate].specialties.contains(specialty) else { return false }
        var rest = pool
        rest.remove(at: candidate)
        return Self.canFill(wanted.dropFirst(index + 1), from: rest)
      }
      guard let position else { throw .noSpecialist(specialty) }
      places.append(.init(pool.remove(at: position).doctor, for: specialty))
    }
    places += pool.prefix(size - places.count).map { .init($0.doctor) }
    return TeamChoice(clause.map { .rule($0.name) } ?? .rotation, places)
  }

  /// The team that somebody at the counter has named, whom no rule and no roster binds: on duty or not,
  /// but never somebody who may not act.
  public static func team(
    namedByClerk names: [String], of candidates: [TeamCandidate]
  ) throws(TeamRefusal) -> TeamChoice {
    let entitled = Set(candidates.filter(\.mayAct).map(\.doctor))
    guard (1...Limits.teamSize).contains(names.count), Set(names).count == names.count,
      names.allSatisfy(entitled.contains)
    else { throw .notEntitled }
    return TeamChoice(.clerk, names.map { .init($0) })
  }

  /// Whether each of these places can have a doctor of its own (a matching, by augmenting paths).
  private static func canFill(
    _ wanted: ArraySlice<Specialty>, from pool: [TeamCandidate]
  ) -> Bool {
    /// By the doctor's place in the pool: which of the wanted the doctor has.
    var taken: [Int: Int] = [:]
    func find(_ place: Int, _ seen: inout Set<Int>) -> Bool {
      for (index, candidate) in pool.enumerated()
      where candidate.specialties.contains(wanted[place]) && seen.insert(index).inserted {
        if let other = taken[index], !find(other, &seen) { continue }
        taken[index] = place
        return true
      }
      return false
    }
    return wanted.indices.allSatisfy { place in
      var seen: Set<Int> = []
      return find(place, &seen)
    }
  }
}
