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

  public static var uniformByteCount: Int { Base.uniformByteCount }

  public static func mapToG1(_ uniform: [UInt8]) -> G1 {
    Recorder.note(\.hashes) { G1(Base.mapToG1(uniform)) }
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
