extension Fp2 {
  /// A product in F_p² before its reduction (Aranha and others, ePrint 2010/526).
  ///
  /// Both coefficients are kept below p·R = 9.8·p². For reduced factors c1 is below 2p², and for
  /// factors that are ``unreducedSum(_:_:)`` below 8p².
  struct Wide: BitwiseCopyable {
    let c0: Fp.Wide
    let c1: Fp.Wide

    @inline(__always)
    init(_ c0: Fp.Wide, _ c1: Fp.Wide) {
      self.c0 = c0
      self.c1 = c1
    }

    /// Karatsuba: three products.
    @inline(__always)
    init(_ a: Fp2, inlineTimes b: Fp2) {
      let v0 = Fp.Wide(a.c0.limbs, times: b.c0.limbs)
      let v1 = Fp.Wide(a.c1.limbs, times: b.c1.limbs)
      let sum = Fp.Wide(
        Fp.unreducedSum(a.c0.limbs, a.c1.limbs), times: Fp.unreducedSum(b.c0.limbs, b.c1.limbs))
      self.init(v0 - v1, sum &- v0 &- v1)
    }

    @inline(never)
    init(_ a: Fp2, times b: Fp2) { self.init(a, inlineTimes: b) }

    /// a − b where the difference of the c1 is not negative.
    @inline(__always)
    static func - (a: Wide, b: Wide) -> Wide { Wide(a.c0 - b.c0, a.c1 &- b.c1) }

    /// a + b where the sum of the c1 is below p·R.
    @inline(__always)
    static func + (a: Wide, b: Wide) -> Wide { Wide(a.c0 + b.c0, a.c1 &+ b.c1) }

    /// a + ξ·b where the sum of the three coefficients in c1 is below 2p·R.
    @inline(__always)
    func addingXi(_ b: Wide) -> Wide { Wide(c0 + (b.c0 - b.c1), c1 &+ b.c1 + b.c0) }
  }

  @inline(__always)
  init(inlineReducing wide: Wide) {
    self.init(Fp(reducing: wide.c0), Fp(reducing: wide.c1))
  }

  @inline(never)
  init(reducing wide: Wide) { self.init(inlineReducing: wide) }

  /// a + b, for factors of a ``Wide`` only.
  @inline(__always)
  static func unreducedSum(_ a: Fp2, _ b: Fp2) -> Fp2 {
    Fp2(
      Fp(montgomery: Fp.unreducedSum(a.c0.limbs, b.c0.limbs)),
      Fp(montgomery: Fp.unreducedSum(a.c1.limbs, b.c1.limbs)))
  }
}
