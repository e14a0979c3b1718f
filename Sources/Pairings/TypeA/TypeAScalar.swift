/// An integer modulo the order p of the suites of one level.
protocol TypeAScalar: ScalarField {
  associatedtype Value: TypeAField
  var value: Value { get set }
  init(_ value: Value)
}

extension TypeAScalar {
  public static var zero: Self { Self(Value.zero) }
  public static var one: Self { Self(Value.one) }
  public static var encodedByteCount: Int { Value.encodedByteCount }

  public init(_ value: UInt64) { self.init(Value(value)) }
  public init(encoded bytes: [UInt8]) throws(PairingError) {
    self.init(try Value(encoded: bytes))
  }
  public init(reducing bytes: [UInt8]) { self.init(Value(reducing: bytes)) }
  public func encoded() -> [UInt8] { value.encoded() }

  public static func + (a: Self, b: Self) -> Self { Self(a.value + b.value) }
  public static func - (a: Self, b: Self) -> Self { Self(a.value - b.value) }
  public static func * (a: Self, b: Self) -> Self { Self(a.value * b.value) }
  public static prefix func - (a: Self) -> Self { Self(-a.value) }
  public func inverted() -> Self { Self(value.inverted()) }
  public var isZero: Bool { value.isZero }
  public static func == (a: Self, b: Self) -> Bool { a.value == b.value }
  public mutating func wipe() { zeroize(&value) }
}
