internal import Synchronization
public import Pairings

/// A suite that remembers every point it has encoded, and so decodes none: the scheme's own code runs
/// as the paper's program over PBC did, which kept its elements in memory and checked no encoding.
/// Every operation is counted.
///
/// No point is checked: this is for measuring, and for no ledger.
public enum InMemorySuite<Base: PairingSuite>: PairingSuite {
  public typealias Scalar = Base.Scalar
  public typealias G1 = InMemoryPoint<Base.G1>
  public typealias G2 = InMemoryPoint<Base.G2>
  public typealias GT = InMemoryTarget<Base.GT>
  public typealias PreparedG2 = Base.PreparedG2

  public static var name: String { Base.name }

  public static func hashToG1(_ message: [UInt8], domain: String) -> G1 {
    Recorder.note(\.hashes) { G1(Base.hashToG1(message, domain: domain)) }
  }

  public static func prepare(_ point: G2) -> PreparedG2 {
    Recorder.note(\.preparations) { Base.prepare(point.base) }
  }

  public static func pairing(_ p: G1, _ q: G2) -> GT {
    pairingProduct([(p, prepare(q))])
  }

  public static func pairingProduct(_ pairs: [(G1, PreparedG2)]) -> GT {
    Recorder.note(pairs: pairs.count) {
      GT(Base.pairingProduct(pairs.map { ($0.0.base, $0.1) }))
    }
  }

  public static func pairingProductIsIdentity(_ pairs: [(G1, PreparedG2)]) -> Bool {
    Recorder.note(pairs: pairs.count) {
      Base.pairingProductIsIdentity(pairs.map { ($0.0.base, $0.1) })
    }
  }
}

public struct InMemoryPoint<Base: PairingSourceGroup>: PairingSourceGroup {
  public typealias Scalar = Base.Scalar
  let base: Base
  init(_ base: Base) { self.base = base }

  public static var identity: Self { Self(.identity) }
  public static var generator: Self { Self(.generator) }
  public static var encodedByteCount: Int { Base.encodedByteCount }

  public init(encoded bytes: [UInt8]) throws(PairingError) {
    guard let base = KnownPoints.point(bytes) as? Base else {
      throw PairingError(.encoding, "no point was encoded like this")
    }
    self.init(base)
  }
  public func encoded() -> [UInt8] {
    let bytes = Recorder.time { base.encoded() }
    KnownPoints.remember(base, bytes)
    return bytes
  }
  public static func encoded(_ points: [Self]) -> [[UInt8]] { points.map { $0.encoded() } }

  public var isIdentity: Bool { base.isIdentity }
  public static func + (a: Self, b: Self) -> Self { Recorder.time { Self(a.base + b.base) } }
  public static func - (a: Self, b: Self) -> Self { Recorder.time { Self(a.base - b.base) } }
  public static prefix func - (a: Self) -> Self { Self(-a.base) }

  public static func * (scalar: Scalar, point: Self) -> Self {
    Recorder.note(\.multiplications) { Self(scalar * point.base) }
  }
  public static func multiScalar(_ scalars: [Scalar], _ points: [Self]) -> Self {
    Recorder.note(\.multiplications, scalars.count) {
      Self(.multiScalar(scalars, points.map(\.base)))
    }
  }
  public static func generatorMultiplied(by scalar: Scalar) -> Self {
    Recorder.note(\.generatorMultiplications) { Self(.generatorMultiplied(by: scalar)) }
  }
  public static func multipliedVariableTime(_ scalar: Scalar, _ point: Self) -> Self {
    Recorder.note(\.publicMultiplications) { Self(.multipliedVariableTime(scalar, point.base)) }
  }
  public static func multipliedVariableTime(_ factor: UInt64, _ point: Self) -> Self {
    Recorder.time { Self(.multipliedVariableTime(factor, point.base)) }
  }
  public static func multiScalarVariableTime(_ scalars: [Scalar], _ points: [Self]) -> Self {
    Recorder.note(\.publicMultiplications, scalars.count) {
      Self(.multiScalarVariableTime(scalars, points.map(\.base)))
    }
  }
  public mutating func wipe() {
    var base = base
    base.wipe()
    self = Self(base)
  }
}

public struct InMemoryTarget<Base: PairingTargetGroup>: PairingTargetGroup {
  public typealias Scalar = Base.Scalar
  var base: Base
  init(_ base: Base) { self.base = base }

  public static var one: Self { Self(.one) }
  public var isIdentity: Bool { base.isIdentity }
  public static func * (a: Self, b: Self) -> Self { Self(a.base * b.base) }
  public func inverted() -> Self { Self(base.inverted()) }
  public func raised(to scalar: Scalar) -> Self {
    Recorder.note(\.targetExponentiations) { Self(base.raised(to: scalar)) }
  }
  public func encoded() -> [UInt8] { base.encoded() }
  public mutating func wipe() { base.wipe() }
}

/// The points that were encoded, until they are forgotten.
enum KnownPoints {
  private static let points = Mutex<[[UInt8]: any Sendable]>([:])

  static func remember(_ point: any Sendable, _ bytes: [UInt8]) {
    points.withLock { $0[bytes] = point }
  }

  static func point(_ bytes: [UInt8]) -> (any Sendable)? { points.withLock { $0[bytes] } }

  static func forgetAll() { points.withLock { $0 = [:] } }
}

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
