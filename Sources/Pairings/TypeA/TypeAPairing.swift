/// e(P, Q) = f_{p,Q}(φ(P))^((q² − 1)/p) with the distortion φ(x, y) = (−x, i·y), as in PBC.
extension TypeASuite {
  public static func prepare(_ point: Point) -> Lines {
    Lines(MillerLines(point.cleared.edwards, suite: Self.self))
  }

  public static func pairing(_ p: Point, _ q: Point) -> Target {
    pairingProduct([(p, prepare(q))])
  }

  public static func pairingProduct(_ pairs: [(Point, Lines)]) -> Target {
    if pairs.isEmpty { return .one }
    let unitary = Unitary(millerLoop(pairs))
    return Target(
      unitary.value.raisedUnitary(
        to: cofactor, bitCount: 64 * cofactor.count,
        inverseOfTwiceImaginary: unitary.inverseOfTwiceImaginary, half: constants.half))
  }

  public static func pairingProductIsIdentity(_ pairs: [(Point, Lines)]) -> Bool {
    if pairs.isEmpty { return true }
    // An element of norm 1 is 1 if and only if its trace is 2.
    let trace = Unitary(millerLoop(pairs)).value.traceOfPower(cofactor)
    return trace.equals(Field.one.doubled()).declassified
  }

  /// Π f_{p,Qᵢ}(φ(Pᵢ)) up to factors in F_q. All loops share their squarings. Where a point is the
  /// identity, the lines of its pair count as 1.
  private static func millerLoop(_ pairs: [(Point, Lines)]) -> GaussianExtension<Field> {
    let points = EdwardsPoint.weierstrass(
      pairs.map(\.0.edwards), squareRootOf2: constants.squareRootOf2)
    let lines = pairs.map(\.1.lines)
    var f = GaussianExtension<Field>.one
    var step = 0
    func multiplyByLines() {
      for index in points.indices {
        let skipped = points[index].isIdentity | lines[index].isIdentity
        f = lines[index].lines[step].multiplied(f, at: points[index], unless: skipped)
      }
      step += 1
    }
    for position in (0..<order.a).reversed() {
      if step > 0 { f = f.squared() }
      multiplyByLines()
      // The last addition meets −Q: its line is vertical, and so in F_q.
      if position == order.b { multiplyByLines() }
    }
    return f
  }
}

/// f^(q − 1) = f̄/f = f̄²/N(f), which has norm 1: the first part of the final exponentiation. The second,
/// to the power h, is left to ladders.
private struct Unitary<F: Field> {
  let value: GaussianExtension<F>
  /// (2b)⁻¹ of the value a + b·i, and 0 for b = 0; it comes out of the same inversion.
  let inverseOfTwiceImaginary: F

  init(_ f: GaussianExtension<F>) {
    // f̄² = s − t·i
    let square = f.squared()
    let norm = f.real.squared() + f.imaginary.squared()
    let twice = square.imaginary.doubled()
    let isReal = twice.isZeroMask
    let divisor = F.select(isReal, .one, twice)
    let inverse = (norm * divisor).inverted()
    let inverseNorm = inverse * divisor
    value = GaussianExtension(square.real * inverseNorm, -(square.imaginary * inverseNorm))
    inverseOfTwiceImaginary = F.select(isReal, .zero, -(inverse * norm.squared()))
  }
}

/// A point of the suite with the lines of its Miller loop computed ahead.
protocol TypeALines: Sendable {
  associatedtype Suite: TypeASuite
  var lines: MillerLines<Suite.Field> { get }
  init(_ lines: MillerLines<Suite.Field>)
}

/// The a tangents of the loop, and the line through the point.
struct MillerLines<F: Field>: Sendable {
  let lines: [TypeALine<F>]
  let isIdentity: Mask

  /// - Parameter point: of order p or 1.
  init<Suite: TypeASuite>(
    _ point: EdwardsPoint<F>, suite: Suite.Type
  ) where Suite.Field == F {
    let base = EdwardsPoint.weierstrass(
      [point], squareRootOf2: Suite.constants.squareRootOf2)[0]
    isIdentity = base.isIdentity
    var running = JacobianPoint(x: base.x, y: base.y, z: F.one)
    var lines = [TypeALine<F>]()
    lines.reserveCapacity(Suite.order.a + 1)
    for position in (0..<Suite.order.a).reversed() {
      lines.append(running.double())
      if position == Suite.order.b {
        let y = Suite.order.middleIsNegative ? -base.y : base.y
        lines.append(running.add(base.x, y))
      }
    }
    self.lines = lines
  }
}

/// The line l(x, y) = ν·y − λ·x + μ taken at φ(x, y): (λ·x + μ) + ν·y·i.
struct TypeALine<F: Field>: BitwiseCopyable, Sendable {
  let lambda: F
  let mu: F
  let nu: F

  @inline(__always)
  func multiplied(
    _ f: GaussianExtension<F>, at point: WeierstrassCoordinates<F>, unless isSkipped: Mask
  ) -> GaussianExtension<F> {
    let value = GaussianExtension(lambda * point.x + mu, nu * point.y)
    return f
      * GaussianExtension(
        F.select(isSkipped, .one, value.real), F.select(isSkipped, .zero, value.imaginary))
  }
}

/// A point of y² = x³ + x by (X/Z², Y/Z³), as it runs through the Miller loop. Its order is p, so
/// that the loop meets no exception before its last addition.
private struct JacobianPoint<F: Field> {
  var x: F
  var y: F
  var z: F

  /// T ← 2T, and the tangent at T, times 2·Y·Z³: dbl-2007-bl for a = 1.
  mutating func double() -> TypeALine<F> {
    let (xx, yy, zz) = (x.squared(), y.squared(), z.squared())
    let yyyy = yy.squared()
    let s = ((x + yy).squared() - xx - yyyy).doubled()
    let m = xx.doubled() + xx + zz.squared()
    let newZ = (y + z).squared() - yy - zz
    let line = TypeALine(lambda: m * zz, mu: m * x - yy.doubled(), nu: newZ * zz)
    x = m.squared() - s.doubled()
    y = m * (s - x) - yyyy.doubled().doubled().doubled()
    z = newZ
    return line
  }

  /// T ← T + Q, and the line through T and Q, times the new Z.
  mutating func add(_ qx: F, _ qy: F) -> TypeALine<F> {
    let zz = z.squared()
    let (h, r) = (qx * zz - x, qy * z * zz - y)
    let hh = h.squared()
    let (hhh, v) = (h * hh, x * hh)
    let newZ = z * h
    let line = TypeALine(lambda: r, mu: r * qx - qy * newZ, nu: newZ)
    let newX = r.squared() - hhh - v.doubled()
    y = r * (v - newX) - y * hhh
    x = newX
    z = newZ
    return line
  }
}
