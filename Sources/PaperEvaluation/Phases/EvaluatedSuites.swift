import Pairings

/// The suites of the evaluation, by the sizes of p and q in bits.
public struct EvaluatedSuite: Sendable {
  /// How the paper's "q" is read: as it is printed in 6.2, or as the field size usual for the security
  /// of p. Its Table 6 fits the first better, its Table 5 the second.
  public enum Reading: String, Codable, Sendable {
    case printed, usual
  }

  /// 1, 2 or 3; 0 for BLS12-381, which is ours.
  public let level: Int
  public let reading: Reading?
  public let measurement: SuiteMeasurement
  /// Bits of p and of q.
  public let orderBits: Int
  public let fieldBits: Int
  /// What this system sends on the suite, in the terms of Table 5; for BLS12-381 with points of G1.
  public let elementSizes: PaperFigures.ElementSizes

  public var name: String { measurement.suite }

  public static let all = [
    EvaluatedSuite(BLS12381.self, 0, nil, 255, 381),
    EvaluatedSuite(TypeA160x512.self, 1, .usual, 160, 512),
    EvaluatedSuite(TypeA224x1024.self, 2, .usual, 224, 1024),
    EvaluatedSuite(TypeA256x1536.self, 3, .usual, 256, 1536),
    EvaluatedSuite(TypeA160x1024.self, 1, .printed, 160, 1024),
    EvaluatedSuite(TypeA224x2048.self, 2, .printed, 224, 2048),
    EvaluatedSuite(TypeA256x3072.self, 3, .printed, 256, 3072),
  ]

  private init<Suite: PairingSuite>(
    _ suite: Suite.Type, _ level: Int, _ reading: Reading?, _ orderBits: Int, _ fieldBits: Int
  ) {
    self.level = level
    self.reading = reading
    measurement = SuiteMeasurement(suite)
    self.orderBits = orderBits
    self.fieldBits = fieldBits
    elementSizes = .init(
      point: 8 * Suite.G1.encodedByteCount, target: 8 * Suite.GT.one.encoded().count,
      scalar: 8 * Suite.Scalar.encodedByteCount, ciphertext: 256, hash: 256, alpha: 256,
      timestamp: 64, order: 64, identity: 256, gamma: 256, key: 256, personalData: 1024)
  }
}
