import Crypto

/// The definitions of RFC 6962 sections 2.1 to 2.1.2, word for word and as slow as they are.
enum ReferenceTree {
  static func mth(_ d: ArraySlice<[UInt8]>) -> [UInt8] {
    switch d.count {
    case 0: hash([])
    case 1: hash([0] + d[d.startIndex])
    default: hash([1] + mth(left(d)) + mth(right(d)))
    }
  }

  static func path(_ m: Int, _ d: ArraySlice<[UInt8]>) -> [[UInt8]] {
    let k = split(d.count)
    if d.count == 1 { return [] }
    return m < k
      ? path(m, left(d)) + [mth(right(d))] : path(m - k, right(d)) + [mth(left(d))]
  }

  static func proof(_ m: Int, _ d: ArraySlice<[UInt8]>) -> [[UInt8]] { subproof(m, d, true) }

  private static func subproof(_ m: Int, _ d: ArraySlice<[UInt8]>, _ b: Bool) -> [[UInt8]] {
    let k = split(d.count)
    if m == d.count { return b ? [] : [mth(d)] }
    return m <= k
      ? subproof(m, left(d), b) + [mth(right(d))]
      : subproof(m - k, right(d), false) + [mth(left(d))]
  }

  /// Where the way from the root to leaf m of n turns right.
  static func turns(_ m: Int, _ n: Int) -> [Bool] {
    let k = split(n)
    if n == 1 { return [] }
    return [m >= k] + (m < k ? turns(m, k) : turns(m - k, n - k))
  }

  /// The largest power of two below n.
  private static func split(_ n: Int) -> Int {
    var k = 1
    while 2 * k < n { k *= 2 }
    return k
  }

  private static func left(_ d: ArraySlice<[UInt8]>) -> ArraySlice<[UInt8]> {
    d.prefix(split(d.count))
  }

  private static func right(_ d: ArraySlice<[UInt8]>) -> ArraySlice<[UInt8]> {
    d.dropFirst(split(d.count))
  }

  private static func hash(_ bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }
}
