extension PaperFigures {
  /// Sizes in bits of what Table 5 counts.
  public struct ElementSizes: Equatable, Sendable {
    /// A point, |G1|.
    public var point: Int
    /// An element of the target group, which the paper writes |G2|.
    public var target: Int
    public var scalar: Int
    /// |x|, of the ciphertext space.
    public var ciphertext: Int
    public var hash: Int
    public var alpha: Int
    public var timestamp: Int
    /// |s|, of the order.
    public var order: Int
    public var identity: Int
    public var gamma: Int
    /// l, the length of a verification key.
    public var key: Int
    /// |D_p|, of AS.
    public var personalData: Int
    /// n_p, the verifiers of ZL's private blockchain; a number, and no size.
    public let verifiers = 3

    /// As section 6.1 assumes them.
    public static let paper = ElementSizes(
      point: 1024, target: 512, scalar: 160, ciphertext: 160, hash: 160, alpha: 160, timestamp: 32,
      order: 32, identity: 32, gamma: 512, key: 512, personalData: 1024)
  }

  /// Table 5: what one visit sends.
  ///
  /// - Parameters:
  ///   - n: doctors in the team; ZL and AS do not depend on it.
  ///   - lambda: the size of ZL's set of disease keywords; the others do not depend on it.
  /// - Returns: bits.
  public static func communicationBits(
    _ scheme: ComparedScheme, n: Int, lambda: Int, sizes: ElementSizes = .paper
  ) -> Int {
    switch scheme {
    case .zl:
      (lambda + 12) * sizes.point + sizes.target + 5 * sizes.scalar
        + 13 * (2 * sizes.verifiers / 3) + sizes.timestamp + sizes.ciphertext + sizes.identity
        + 2 * sizes.hash
    case .cz:
      (3 * n + 1) * sizes.point + n * sizes.scalar + 2 * (n + 1) * sizes.identity
        + n * sizes.hash + 2 * sizes.ciphertext + (n + 1) * sizes.timestamp
    case .as:
      3 * sizes.point + sizes.identity + 4 * sizes.ciphertext + sizes.hash + sizes.scalar
        + sizes.timestamp + sizes.personalData
    case .bcEMR: ownBits(n, sizes)
    }
  }

  /// In parts, which the type checker takes more easily.
  private static func ownBits(_ n: Int, _ sizes: ElementSizes) -> Int {
    let points = (3 * n + 8) * sizes.point + 2 * sizes.target + 2 * sizes.scalar
    let texts = 5 * sizes.identity + (n + 6) * sizes.ciphertext + 2 * sizes.hash
    let evidence = (n + 2) * sizes.alpha + n * sizes.timestamp + (n + 1) * sizes.order
    return points + texts + evidence + 2 * sizes.gamma + 2 * sizes.key
  }
}
