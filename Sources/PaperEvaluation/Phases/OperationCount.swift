internal import Synchronization

/// How often a piece of work used each expensive operation of a suite.
public struct OperationCount: Codable, Equatable, Sendable {
  public init() {}

  /// Of a generator, by a table.
  public internal(set) var generatorMultiplications = 0
  /// Of another point, by a secret.
  public internal(set) var multiplications = 0
  /// Of a point by a public scalar.
  public internal(set) var publicMultiplications = 0
  /// To G1.
  public internal(set) var hashes = 0
  /// Miller loops, alone or in a product.
  public internal(set) var pairings = 0
  public internal(set) var finalExponentiations = 0
  /// Lines computed ahead, which a pairing needs once for its second point.
  public internal(set) var preparations = 0
  public internal(set) var targetExponentiations = 0

  private static let kinds: [any WritableKeyPath<OperationCount, Int> & Sendable] = [
    \.generatorMultiplications, \.multiplications, \.publicMultiplications, \.hashes, \.pairings,
    \.finalExponentiations, \.preparations, \.targetExponentiations,
  ]

  public static func += (a: inout OperationCount, b: OperationCount) {
    for kind in kinds { a[keyPath: kind] += b[keyPath: kind] }
  }

  /// What the paper calls exponentiations: all multiplications of points by scalars.
  public var exponentiations: Int {
    generatorMultiplications + multiplications + publicMultiplications
  }
}

/// Counts and times the operations of the groups while one piece of work runs.
enum Recorder {
  struct Readings: Sendable {
    var operations = OperationCount()
    /// Spent in the groups, and not in ciphers, signatures, hashes or encodings around them.
    var nanoseconds: UInt64 = 0
  }

  private struct State {
    var readings = Readings()
    var clock: @Sendable () -> UInt64 = { 0 }
  }

  private static let state = Mutex(State())

  /// One piece of work is recorded at a time.
  static func record(
    _ clock: @escaping @Sendable () -> UInt64, _ work: () throws -> Void
  ) rethrows -> Readings {
    state.withLock { $0 = State(clock: clock) }
    try work()
    return state.withLock { $0.readings }
  }

  static func time<Value>(_ operation: () -> Value) -> Value {
    let clock = state.withLock { $0.clock }
    let start = clock()
    let value = operation()
    let elapsed = clock() - start
    state.withLock { $0.readings.nanoseconds += elapsed }
    return value
  }

  static func note<Value>(
    _ kind: any WritableKeyPath<OperationCount, Int> & Sendable, _ count: Int = 1,
    _ operation: () -> Value
  ) -> Value {
    state.withLock { $0.readings.operations[keyPath: kind] += count }
    return time(operation)
  }

  static func note<Value>(pairs count: Int, _ operation: () -> Value) -> Value {
    state.withLock { $0.readings.operations.pairings += count }
    return note(\.finalExponentiations, 1, operation)
  }
}
