/// A point (X : Y : Z) of E′: y² = x³ + A′x + B′ over F_p, x = X/Z and y = Y/Z, the curve from
/// which an isogeny of degree 11 leads to that of G1 (RFC 9380, section 8.8.1).
///
/// The simplified SWU map needs A′ ≠ 0, which the curve of G1 does not offer.
package struct IsogenousPoint: Sendable {
  package let x: Fp
  package let y: Fp
  package let z: Fp

  private init(x: Fp, y: Fp, z: Fp) {
    self.x = x
    self.y = y
    self.z = z
  }

  /// The simplified Shallue–van de Woestijne–Ulas map without inversion, RFC 9380, appendix F.2;
  /// names and order are those of its straight-line program.
  package init(mapping u: Fp) {
    let (a, b) = (Self.a, Self.b)
    let tv1 = Self.nonSquare * u.squared()
    var tv2 = tv1.squared() + tv1
    let tv3 = b * (tv2 + .one)
    let tv4 = a * Fp.select(tv2.isZeroMask, Self.nonSquare, -tv2)
    let denominator = tv4.squared()
    tv2 = (tv3.squared() + a * denominator) * tv3
    let tv6 = denominator * tv4
    tv2 += b * tv6
    let (root, isSquare) = Self.squareRoot(ofRatio: tv2, tv6)
    let y = Fp.select(isSquare, root, tv1 * u * root)
    self.init(
      x: Fp.select(isSquare, tv3, tv1 * tv3),
      y: y.negated(if: u.sign0 ^ y.sign0) * tv4,
      z: tv4)
  }

  /// √(u/v) if u/v is a square, else √(Z·u/v); `sqrt_ratio` of appendix F.2.1.2, for p ≡ 3 mod 4.
  private static func squareRoot(ofRatio u: Fp, _ v: Fp) -> (root: Fp, isSquare: Mask) {
    let uv = u * v
    let root = (v.squared() * uv).raisedToQuarter() * uv
    let isSquare = (root.squared() * v).equals(u)
    return (Fp.select(isSquare, root, root * rootOfMinusZ), isSquare)
  }

  /// The complete addition law of Renes, Costello and Batina (ePrint 2015/1060, algorithm 1), which
  /// has no exception here, since the order of the curve is odd.
  package static func + (p: Self, q: Self) -> Self {
    let (xx, yy, zz) = (p.x * q.x, p.y * q.y, p.z * q.z)
    let xy = (p.x + p.y) * (q.x + q.y) - (xx + yy)
    let xz = (p.x + p.z) * (q.x + q.z) - (xx + zz)
    let yz = (p.y + p.z) * (q.y + q.z) - (yy + zz)
    let azz = a * zz
    let s = a * xz + tripleB * zz
    let t = tripleB * xz + a * (xx - azz)
    let w = xx.doubled() + xx + azz
    return Self(
      x: xy * (yy - s) - yz * t,
      y: (yy + s) * (yy - s) + w * t,
      z: yz * (yy + s) + xy * w)
  }
}

// MARK: - Constants, in Montgomery's representation

extension IsogenousPoint {
  /// A′ = 0x144698a3b8e9433d…, RFC 9380, section 8.8.1
  @inline(__always)
  private static var a: Fp {
    Fp(montgomery: [
      0x2f65aa0e9af5aa51, 0x86464c2d1e8416c3, 0xb85ce591b7bd31e2,
      0x27e11c91b5f24e7c, 0x28376eda6bfc1835, 0x155455c3e5071d85,
    ])
  }

  /// B′ = 0x12e2908d11688030…, RFC 9380, section 8.8.1
  @inline(__always)
  private static var b: Fp {
    Fp(montgomery: [
      0xfb996971fe22a1e0, 0x9aa93eb35b742d6f, 0x8c476013de99c5c4,
      0x873e27c3a221e571, 0xca72b5e45a52d888, 0x06824061418a386b,
    ])
  }

  /// 3·B′
  @inline(__always)
  private static var tripleB: Fp {
    Fp(montgomery: [
      0xf2cc3c55fa67e5a0, 0xcffbbc1a125c884f, 0xa4d6203b9bcd514d,
      0x95ba774ae665b054, 0x5f5821ad0ef88999, 0x1386c123c49ea943,
    ])
  }

  /// Z = 11, RFC 9380, section 8.8.1
  @inline(__always)
  private static var nonSquare: Fp {
    Fp(montgomery: [
      0x886c00000023ffdc, 0x0f70008d3090001d, 0x77672417ed5828c3,
      0x9dac23e943dc1740, 0x50553f1b9c131521, 0x078c712fbe0ab6e8,
    ])
  }

  /// √(−Z)
  @inline(__always)
  private static var rootOfMinusZ: Fp {
    Fp(montgomery: [
      0xf37b0ced8fb71e24, 0xf02dc8a4535a8779, 0x732ed835f7eb14ea,
      0x524ca41ecb2bce0d, 0x095e3801e90b5fc1, 0x0252ad055472a90e,
    ])
  }
}
