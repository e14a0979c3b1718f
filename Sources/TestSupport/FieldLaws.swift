package import Pairings

/// The laws of a field, for the base field, its extensions and the scalar field.
package enum FieldLaws<F: Field> {
  /// - Parameter random: a uniform element.
  package static func all(
    random: @escaping @Sendable (inout SeededGenerator) -> F
  ) -> [Law] {
    let sample: @Sendable (inout SeededGenerator) -> F = { generator in
      switch UInt8.random(in: 0..<16, using: &generator) {
      case 0: .zero
      case 1: .one
      case 2: -.one
      default: random(&generator)
      }
    }
    let law = { (equation: String, holds: @escaping @Sendable (F, F, F) -> Bool) in
      Law(equation) { holds(sample(&$0), sample(&$0), sample(&$0)) }
    }
    return [
      law("a + b == b + a") { a, b, _ in a + b == b + a },
      law("(a + b) + c == a + (b + c)") { a, b, c in (a + b) + c == a + (b + c) },
      law("a + 0 == a") { a, _, _ in a + .zero == a },
      law("a + (−a) == 0") { a, _, _ in (a + -a).isZero },
      law("a − b == a + (−b)") { a, b, _ in a - b == a + -b },
      law("2a == a + a") { a, _, _ in a.doubled() == a + a },
      law("a·b == b·a") { a, b, _ in a * b == b * a },
      law("(a·b)·c == a·(b·c)") { a, b, c in (a * b) * c == a * (b * c) },
      law("a·(b + c) == a·b + a·c") { a, b, c in a * (b + c) == a * b + a * c },
      law("a·1 == a") { a, _, _ in a * .one == a },
      law("a² == a·a") { a, _, _ in a.squared() == a * a },
      law("a·a⁻¹ == 1, and 0⁻¹ == 0") { a, _, _ in
        a.isZero ? a.inverted().isZero : a * a.inverted() == .one
      },
      law("inverted([a, b, c]) == [a⁻¹, b⁻¹, c⁻¹]") { a, b, c in
        F.inverted([a, b, c]) == [a.inverted(), b.inverted(), c.inverted()]
      },
      law("select(a == b, c, a) chooses by the mask") { a, b, c in
        F.select(a.equals(a), c, b) == c && F.select((a + .one).equals(a), c, b) == b
      },
    ]
  }
}

/// The laws of the integers modulo the group order, as the scheme sees them.
package enum ScalarFieldLaws<S: ScalarField> {
  package static var all: [Law] { arithmetic + codec }

  private static var arithmetic: [Law] {
    let law = { (equation: String, holds: @escaping @Sendable (S, S, S) -> Bool) in
      Law(equation) { holds(.sample(using: &$0), .sample(using: &$0), .sample(using: &$0)) }
    }
    return [
      law("a + b == b + a") { a, b, _ in a + b == b + a },
      law("(a + b) + c == a + (b + c)") { a, b, c in (a + b) + c == a + (b + c) },
      law("a + 0 == a") { a, _, _ in a + .zero == a },
      law("a + (−a) == 0") { a, _, _ in (a + -a).isZero },
      law("a − b == a + (−b)") { a, b, _ in a - b == a + -b },
      law("a·b == b·a") { a, b, _ in a * b == b * a },
      law("(a·b)·c == a·(b·c)") { a, b, c in (a * b) * c == a * (b * c) },
      law("a·(b + c) == a·b + a·c") { a, b, c in a * (b + c) == a * b + a * c },
      law("a·1 == a") { a, _, _ in a * .one == a },
      law("a·a⁻¹ == 1, and 0⁻¹ == 0") { a, _, _ in
        a.isZero ? a.inverted().isZero : a * a.inverted() == .one
      },
      Law("S(m) + S(n) == S(m + n)") { generator in
        let m = UInt64.random(in: 0...(.max / 2), using: &generator)
        let n = UInt64.random(in: 0...(.max / 2), using: &generator)
        return S(m) + S(n) == S(m + n)
      },
      Law("random() ∈ [1, p − 1]") { !S.random(using: &$0).isZero },
      Law("wipe() leaves 0") { generator in
        var scalar = S.random(using: &generator)
        scalar.wipe()
        return scalar.isZero
      },
    ]
  }

  private static var codec: [Law] {
    [
      Law("decode(encode(a)) == a") { generator in
        let a = S.sample(using: &generator)
        return try S(encoded: a.encoded()) == a
      },
      Law("reduce(encode(a)) == a") { generator in
        let a = S.sample(using: &generator)
        return S(reducing: a.encoded()) == a
      },
      Law("reduce(b ‖ c) == reduce(b)·256^|c| + reduce(c)") { generator in
        let (b, c) = (generator.bytes(S.encodedByteCount), generator.bytes(7))
        return S(reducing: b + c) == S(reducing: b) * S(1 << 56) + S(reducing: c)
      },
      Law("decode refuses p, p + 1 and all ones") { generator in
        let largest = (-S.one).encoded()
        let order = largest.incremented()
        return [order, order.incremented(), largest.map { _ in 0xff }].allSatisfy { bytes in
          refusal(of: bytes, by: S.init(encoded:)) == .notCanonical
        }
      },
      Law("decode refuses a missing or an extra byte") { generator in
        let bytes = S.sample(using: &generator).encoded()
        return [[], Array(bytes.dropFirst()), [0] + bytes].allSatisfy { bytes in
          refusal(of: bytes, by: S.init(encoded:)) == .length
        }
      },
    ]
  }
}

extension ScalarField {
  /// A random scalar, and now and then one of those where carries and windows end.
  package static func sample(using generator: inout SeededGenerator) -> Self {
    switch UInt8.random(in: 0..<16, using: &generator) {
    case 0: .zero
    case 1: .one
    case 2: -.one
    case 3: Self(.random(in: .min ... .max, using: &generator))
    case 4: Self(reducing: generator.bytes(16))
    case 5: Self(.max) * Self(.max)
    default: .random(using: &generator)
    }
  }
}

/// The code of the error a decoder throws, or nil if it accepts the bytes.
func refusal<Value>(
  of bytes: [UInt8], by decode: ([UInt8]) throws(PairingError) -> Value
) -> PairingError.Code? {
  do {
    _ = try decode(bytes)
    return nil
  } catch {
    return error.code
  }
}

extension [UInt8] {
  /// The next big-endian integer.
  fileprivate func incremented() -> Self {
    var bytes = self
    for index in bytes.indices.reversed() {
      bytes[index] &+= 1
      if bytes[index] != 0 { break }
    }
    return bytes
  }
}
