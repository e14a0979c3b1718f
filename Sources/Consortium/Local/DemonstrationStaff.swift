public import EMRScheme

/// What the doctors of a demonstration's hospitals are specialists in, and the rule of these hospitals. All
/// codes are SNOMED CT's.
public enum DemonstrationStaff {
  private static let snomed = "http://snomed.info/sct"

  /// By the doctors' numbers; then from the front again.
  private static let kinds = [
    ("394814009", "general practice"), ("394579002", "cardiology"),
    ("394583002", "endocrinology"), ("773568002", "emergency medicine"),
    ("418112009", "pulmonary medicine"), ("394537008", "paediatrics"),
    ("394585009", "obstetrics and gynaecology"), ("394801008", "orthopaedics"),
    ("394587001", "psychiatry"),
  ]

  static func specialties(ofDoctor number: Int) -> Set<Specialty> {
    Set(order([kinds[(number - 1) % kinds.count].1]))
  }

  private static func order(_ names: [String]) -> [Specialty] {
    names.compactMap { name in
      kinds.first { $0.1 == name }.flatMap { Specialty(system: snomed, code: $0.0) }
    }
  }

  /// The name of one of these specialties; of any other its code.
  public static func name(of specialty: Specialty) -> String {
    kinds.first { specialty.system == snomed && specialty.code == $0.0 }?.1
      ?? specialty.description
  }

  /// A rule for what histories of general hospitals are about; nil for a size that no team has. Every doctor
  /// is on duty at all times.
  static func plan(teamSize: Int) -> StaffingPlan? {
    func clause(
      _ name: String, _ codes: [String], words: Set<String>, _ specialties: [String]
    ) -> TeamRule.Clause? {
      TeamRule.Clause(
        name: name, codes: Set(codes.compactMap { Specialty(system: snomed, code: $0) }),
        words: words, specialties: order(specialties))
    }
    let clauses = [
      clause(
        "emergency", ["50849002", "183460006"], words: ["emergency"],
        ["emergency medicine", "general practice"]),
      clause(
        "heart and circulation", ["59621000", "38341003", "29857009", "53741008"],
        words: ["hypertension", "chest pain", "heart"], ["cardiology", "general practice"]),
      clause(
        "metabolism", ["44054006", "15777000", "302866003"],
        words: ["diabetes", "prediabetes", "hypoglycemia"], ["endocrinology", "general practice"]),
      clause(
        "airways", ["195967001", "10509002", "444814009", "195662009", "13645005"],
        words: ["asthma", "bronchitis", "sinusitis", "pharyngitis", "rhinitis"],
        ["pulmonary medicine", "general practice"]),
      clause(
        "general", ["185349003", "185345009", "185347001", "162673000"],
        words: ["check up", "general examination", "symptom", "problem", "follow up"],
        ["general practice"]),
    ]
    return TeamRule(clauses: clauses.compactMap(\.self), teamSize: teamSize)
      .map { StaffingPlan(rule: $0) }
  }
}
