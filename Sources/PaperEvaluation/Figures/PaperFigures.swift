/// What the paper prints.
public enum PaperFigures {
  /// Table 6: milliseconds for n = 3, at the levels 1 to 3.
  public static func table6(_ step: SchemeStep) -> [Double]? {
    switch step {
    case .initialization: [62.78, 280.17, 704.80]
    case .groupKey: [83.30, 405.80, 905.90]
    case .diagnose: [296.60, 1366.90, 2220.30]
    case .storage: [30.10, 167.14, 307.40]
    case .sharing: [193.30, 971.50, 2125.50]
    case .registration, .admission, .custody: nil
    }
  }
}
