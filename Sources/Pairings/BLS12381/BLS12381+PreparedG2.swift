import CFieldKernels

extension BLS12381 {
  /// A point of ``G2`` with the 68 lines of its Miller loop: 63 tangents, and 5 through the point.
  public struct PreparedG2: Sendable {
    package let lines: [Line]
    let isIdentity: Mask

    /// Costello, Lange and Naehrig's formulas for homogeneous coordinates, in the order in which
    /// the loop meets them.
    ///
    /// - Parameter inVectors: whether tangents come from the kernels for AVX-512 IFMA.
    package init(_ point: G2, inVectors: Bool = bcemr_vector_kernels_are_supported()) {
      isIdentity = point.point.isIdentityMask
      let base = point.point.normalized()
      var running = MillerPoint(base)
      var lines = [Line]()
      lines.reserveCapacity(68)
      for bit in (0..<parameterBits).reversed() {
        lines.append(inVectors ? running.doubleInVectors() : running.double())
        if parameter &>> bit & 1 == 1 { lines.append(running.add(base)) }
      }
      self.lines = lines
    }
  }

  /// A line l₀ + l₁·x_P·v + l₄·y_P·vw, as a function of the point P of G1 at which it is taken.
  package struct Line: Sendable, BitwiseCopyable {
    let l0: Fp2
    let l1: Fp2
    let l4: Fp2

    package init(l0: Fp2, l1: Fp2, l4: Fp2) { (self.l0, self.l1, self.l4) = (l0, l1, l4) }

    /// Where the mask is set a line that is 1 at (0, 0), which stands for the identity.
    @inline(__always)
    func omitted(if mask: Mask) -> Line {
      Line(l0: Fp2.select(mask, .one, l0), l1: l1, l4: l4)
    }
  }

  /// The point that runs through the Miller loop, homogeneous.
  private struct MillerPoint: BitwiseCopyable {
    var x: Fp2
    var y: Fp2
    var z: Fp2

    init(_ point: AffinePoint<G2Curve>) {
      (x, y, z) = (point.x, point.y, .one)
    }

    /// T ← 2T, and the tangent at T.
    mutating func doubleInVectors() -> Line {
      var line = Line(l0: .zero, l1: .zero, l4: .zero)
      unsafe withMutableWords(of: &self) { point in
        unsafe withMutableWords(of: &line) { line in
          unsafe bcemr_g2_vector_double_with_tangent(point, line, point)
        }
      }
      return line
    }

    /// The same, with other multiples of the coordinates and of the line.
    mutating func double() -> Line {
      let a = x * y * .half
      let (b, c) = (y.squared(), z.squared())
      let e = G2Curve.multipliedBy3B(c)
      let f = e.doubled() + e
      let g = (b + f) * .half
      let h = (y + z).squared() - b - c
      let j = x.squared()
      let ee = e.squared()
      x = a * (b - f)
      y = g.squared() - ee.doubled() - ee
      z = b * h
      return Line(l0: e - b, l1: j.doubled() + j, l4: -h)
    }

    /// T ← T + Q, and the line through T and Q.
    mutating func add(_ q: AffinePoint<G2Curve>) -> Line {
      let (theta, lambda) = (y - q.y * z, x - q.x * z)
      let (c, d) = (theta.squared(), lambda.squared())
      let e = lambda * d
      let (f, g) = (z * c, x * d)
      let h = e + f - g.doubled()
      x = lambda * h
      y = theta * (g - h) - e * y
      z = z * e
      return Line(l0: theta * q.x - lambda * q.y, l1: -theta, l4: lambda)
    }
  }
}
