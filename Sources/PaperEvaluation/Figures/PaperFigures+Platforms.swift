extension PaperFigures {
  /// A line of Table 1, by the number that the paper's references give the scheme.
  public struct Platform: Sendable {
    public let scheme: String
    /// F1: payment for the blockchain platform.
    public let needsPayment: Bool
    /// F2: the consensus mechanism.
    public let consensus: String
    /// F3: less pressure on the main chain.
    public let relievesMainChain: Bool
    /// F4: the demand for computing power.
    public let demand: String
    /// F5: a private blockchain.
    public let hasPrivateChain: Bool
  }

  /// Table 1, as it is printed.
  public static let table1: [Platform] = [
    row("[22]", true, "POW", false, "Big", false),
    row("[23]", false, "DPOS", true, "Small", true),
    row("[24]", false, "DPOS", true, "Small", true),
    row("[25]", false, "Improved DPOS", true, "Small", true),
    row("[26]", false, "DBFT", true, "Big", true),
    row("[28]", true, "Improved DPOS", true, "Small", true),
    row("[36]", false, "Improved DPOS", true, "Small", false),
    row("[37]", false, "POW", true, "Small", false),
    row("BC-EMR", false, "Improved DPOS", true, "Small", true),
  ]

  private static func row(
    _ scheme: String, _ f1: Bool, _ f2: String, _ f3: Bool, _ f4: String, _ f5: Bool
  ) -> Platform {
    Platform(
      scheme: scheme, needsPayment: f1, consensus: f2, relievesMainChain: f3, demand: f4,
      hasPrivateChain: f5)
  }
}
