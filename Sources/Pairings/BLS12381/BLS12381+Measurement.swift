extension BLS12381 {
  /// A chain of multiplications in F_p, each waiting for the one before: what a benchmark of the
  /// base field runs. From another module only generic code could be called one by one.
  package static func baseFieldProduct(ofLength count: Int, from start: Fp) -> Fp {
    var product = start
    for _ in 0..<count { product *= start }
    return product
  }
}
