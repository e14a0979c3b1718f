/// What one check of Table 3 gave for the scheme as printed, and for ours.
public struct RequirementResult: Codable, Sendable {
  public let row: Requirement
  public let check: RequirementCheck
  /// Who does what, in one sentence; or the property.
  public let claim: String
  public let isAttack: Bool
  /// Nil where the paper says nothing that could be run.
  public let printed: Outcome?
  public let ours: Outcome
}

/// What a run gave.
public struct Outcome: Codable, Equatable, Sendable {
  public enum Verdict: String, Codable, Sendable {
    case attackSucceeds = "attack succeeds"
    case attackFails = "attack fails"
    case holds
    case doesNotHold = "does not hold"

    /// Whether the requirement is met, as far as this check goes.
    public var isGood: Bool { self == .attackFails || self == .holds }
  }

  public let verdict: Verdict
  /// The codes with which the scheme refused, in the order of the attempts: those of `SchemeError`,
  /// or the printed check that failed.
  public let refusals: [String]
  /// What was reached, or not.
  public let detail: String
}

/// A check whose own setting does not work; so its outcome would mean nothing.
struct InvalidCheck: Error, CustomStringConvertible {
  let description: String
}
