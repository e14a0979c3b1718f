import TerminalText

/// A code of a system, as FHIR's Coding; the display is for people, as the texts of ``Visit``.
public struct Coding: Hashable, Sendable {
  /// A URL, as `http://snomed.info/sct`.
  public let system: String
  /// As the system has it.
  public let code: String
  /// What people call it; empty if the file says nothing.
  public let display: String

  /// All in a CodeableConcept, or in several, that have system and code.
  static func all(in concept: JSONValue?) -> [Coding] {
    let codings = concept?.values(at: "coding") ?? []
    return codings.compactMap { coding in
      let fields = coding.members
      guard let system = fields["system"]?.string, let code = fields["code"]?.string else {
        return nil
      }
      return Coding(
        system: system, code: code, display: printable(fields["display"]?.string ?? ""))
    }
  }
}

extension Visit {
  /// What brought the patient here, as far as the history says: the Encounter's `reasonCode` and `type`,
  /// then the `code` of each Condition of the visit, each once.
  public func complaints() -> [Coding] {
    let fields = encounter?.value.members
    var codings = Coding.all(in: fields?["reasonCode"]) + Coding.all(in: fields?["type"])
    for resource in others where resource.type == "Condition" {
      codings += Coding.all(in: resource.value["code"])
    }
    var seen: Set<Coding> = []
    return codings.filter { seen.insert($0).inserted }
  }
}
