extension PaperFigures {
  /// Whose work Table 4 counts.
  public enum Side: String, CaseIterable, Codable, Sendable {
    case patient
    /// The last doctor of the team, and then the doctor elsewhere who opens the record: the formula
    /// has the work of both.
    case doctor
  }

  /// Operations as Table 4 counts them. It leaves out hashes to the group, exponentiations in the
  /// target group, and the one-time signature.
  public struct Computation: Equatable, Sendable {
    /// m: multiplications of points, where a scheme is written additively.
    public var m = 0
    /// e: exponentiations in G1. The paper takes one for two m.
    public var e = 0
    /// b: pairings.
    public var b = 0
  }

  /// Table 4.
  ///
  /// - Parameters:
  ///   - n: doctors in the team.
  ///   - lambda: the size of ZL's set of disease keywords.
  public static func computation(
    _ scheme: ComparedScheme, _ side: Side, n: Int, lambda: Int
  ) -> Computation {
    switch (scheme, side) {
    case (.zl, .patient): .init(m: 7)
    case (.zl, .doctor): .init(m: 17 + lambda, e: 7, b: 4)
    case (.cz, .patient): .init(m: n, e: 5)
    case (.cz, .doctor): .init(b: 2)
    case (.as, .patient): .init(m: 5)
    case (.as, .doctor): .init(m: 9)
    case (.bcEMR, .patient): .init(e: 2)
    case (.bcEMR, .doctor): .init(e: 11 + n, b: n + 9)
    }
  }

  /// Where the formula of BC-EMR comes from: section 4, step by step.
  public struct ComputationStep: Sendable {
    public let step: SchemeStep
    public let side: Side
    public let e: Int
    public let b: Int
    /// The paper's symbols for what is counted.
    public let what: String
    /// Why this system counts otherwise; nil where it does not.
    public let difference: String?
  }

  /// The steps whose sum is Table 4's line for BC-EMR, and beside them those that the paper leaves out.
  public static func computationSteps(n: Int) -> [ComputationStep] {
    [
      .init(
        step: .initialization, side: .patient, e: 1, b: 0, what: "PK_j", difference: nil),
      .init(
        step: .admission, side: .patient, e: 0, b: 0, what: "–",
        difference: "π proves PK_v for this visit (item 4)"),
      .init(
        step: .sharing, side: .patient, e: 1, b: 0, what: "T_α",
        difference: "Θ = t·g, so that rk is made of blinded shares and no private key is sent "
          + "(item 1)"),
      .init(
        step: .initialization, side: .doctor, e: 3, b: 0, what: "A, B, C",
        difference: "B and C are published in both source groups, which the paper has as one"),
      .init(
        step: .registration, side: .doctor, e: 0, b: 0, what: "–",
        difference: "a proof of possession, against rogue keys (item 11)"),
      .init(
        step: .groupKey, side: .doctor, e: 2, b: 0, what: "V_k, s_k", difference: nil),
      .init(
        step: .diagnose, side: .doctor, e: n + 6, b: n + 3,
        what: "Π C_i^i: n − 1; R, X, Z, W^d; B, D, E; Eq. (2): n + 1 pairings; C, F",
        difference: "Σ i·C_i is added up without n − 1 exponentiations; Y = r·g takes the place of "
          + "two in the target group, which Table 4 leaves out"),
      .init(
        step: .sharing, side: .doctor, e: 0, b: 6,
        what: "two equations of two pairings, G, and the mask",
        difference: "A' and Y = B_I/d' instead of exponents 1/d in the target group, and Θ "
          + "checked; two multiplications join both equations to one of two pairings"),
    ]
  }
}

extension PhaseTiming {
  /// What one side of Table 4 does in a step.
  public func operations(_ step: SchemeStep, _ side: PaperFigures.Side) -> OperationCount {
    let roles: [SchemeRole] = side == .patient ? [.patient] : [.lastDoctor, .receiver]
    return shares.filter { $0.step == step && roles.contains($0.role) }
      .reduce(into: OperationCount()) { $0 += $1.operations }
  }
}
