extension PaperFigures {
  /// The schemes that Table 5 compares, by the names it gives them.
  public enum CommunicationScheme: String, CaseIterable, Sendable {
    /// Zhang and Lin, the paper's [26].
    case zhangLin = "ZL"
    /// Cao, Zhang and others, the paper's [28].
    case caoZhang = "CZ"
    /// Saini and others, the paper's [37].
    case saini = "AS"
    case bcEMR = "BC-EMR"
  }

  /// Sizes in bits, as section 6.1 assumes them.
  private enum Size {
    static let g1 = 1024
    static let g2 = 512
    static let scalar = 160
    static let ciphertext = 160
    static let hash = 160
    static let alpha = 160
    static let timestamp = 32
    static let order = 32
    static let identity = 32
    static let gamma = 512
    static let l = 512
    static let personalData = 1024
    /// n_p, the verifiers of ZL's private blockchain; a number, and no size.
    static let verifiers = 3
  }

  /// Table 5: what one visit sends.
  ///
  /// - Parameters:
  ///   - n: doctors in the team; ZL and AS do not depend on it.
  ///   - lambda: the size of ZL's set of disease keywords; the others do not depend on it.
  /// - Returns: bits.
  public static func communicationBits(
    _ scheme: CommunicationScheme, n: Int, lambda: Int
  ) -> Int {
    switch scheme {
    case .zhangLin:
      (lambda + 12) * Size.g1 + Size.g2 + 5 * Size.scalar + 13 * (2 * Size.verifiers / 3)
        + Size.timestamp + Size.ciphertext + Size.identity + 2 * Size.hash
    case .caoZhang:
      (3 * n + 1) * Size.g1 + n * Size.scalar + 2 * (n + 1) * Size.identity + n * Size.hash
        + 2 * Size.ciphertext + (n + 1) * Size.timestamp
    case .saini:
      3 * Size.g1 + Size.identity + 4 * Size.ciphertext + Size.hash + Size.scalar
        + Size.timestamp + Size.personalData
    case .bcEMR: ownBits(n)
    }
  }

  /// In parts, which the type checker takes more easily.
  private static func ownBits(_ n: Int) -> Int {
    let points = (3 * n + 8) * Size.g1 + 2 * Size.g2 + 2 * Size.scalar
    let texts = 5 * Size.identity + (n + 6) * Size.ciphertext + 2 * Size.hash
    let evidence = (n + 2) * Size.alpha + n * Size.timestamp + (n + 1) * Size.order
    return points + texts + evidence + 2 * Size.gamma + 2 * Size.l
  }
}
