public import Pairings

/// Table 3 of the paper as attacks that run, on the scheme as printed and on ours.
public enum Requirements {
  /// Runs every check on the suites that the evaluation shows: the printed scheme needs a symmetric
  /// one, and ours runs on the default.
  public static func run() throws -> [RequirementResult] {
    try run(printed: TypeA160x512.self, ours: BLS12381.self)
  }

  /// Runs every check, in the order of the rows.
  ///
  /// - Throws: an error if a check does not function by itself: that is no outcome.
  public static func run<Printed: PairingSuite, Ours: PairingSuite>(
    printed: Printed.Type, ours: Ours.Type
  ) throws -> [RequirementResult] where Printed.G1 == Printed.G2 {
    try RequirementCheck.allCases.map { check in
      var attacker = PrintedAttacker<Printed>()
      var ownAttacker = Attacker<Ours>()
      return RequirementResult(
        row: check.row, check: check, claim: check.claim, isAttack: check.isAttack,
        printed: try attacker.outcome(of: check), ours: try ownAttacker.outcome(of: check))
    }
  }
}
