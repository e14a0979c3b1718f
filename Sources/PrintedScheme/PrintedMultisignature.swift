package import Pairings

/// (R_k, Q_k) of 4.4.
package struct PrintedSignature<Suite: PairingSuite>: Sendable, Equatable
where Suite.G1 == Suite.G2 {
  package let r, q: Suite.G1

  package init(r: Suite.G1, q: Suite.G1) { (self.r, self.q) = (r, q) }
}

/// The team of one visit in its order s, with the timestamp T (4.4).
package struct PrintedTeam<Suite: PairingSuite>: Sendable where Suite.G1 == Suite.G2 {
  package let keys: [PrintedDoctorKey<Suite>]
  package let timestamp: UInt64

  package init(_ keys: [PrintedDoctorKey<Suite>], timestamp: UInt64) {
    (self.keys, self.timestamp) = (keys, timestamp)
  }

  /// W_k = H0(m_1 ‖ … ‖ m_k, T), where ‖ leaves no boundaries.
  ///
  /// - Parameter findings: m_1 … m_k.
  package func w(_ findings: [[UInt8]]) -> Suite.G1 {
    let t = (0..<8).map { UInt8(truncatingIfNeeded: timestamp >> UInt64(56 - 8 * $0)) }
    return PrintedHash.h0(findings.flatMap(\.self) + t, Suite.self)
  }

  /// D_k's signature, after Eq. (2) for those before (4.4 (1), (2)):
  ///
  ///     R_k = R_{k−1} + r_k·g    X_k = (d2 + k·d3)·R_k    Z_k = r_k·Σ_{i<k}(B_i + i·C_i)
  ///     Q_k = d1·W_k + Q_{k−1} + X_k + Z_k
  ///
  /// The text's d_k and d_k* in X_k are d_k² and d_k³, and its d_k in Q_k is d_k¹.
  ///
  /// - Parameter findings: m_1 … m_k.
  package func sign(
    _ findings: [[UInt8]], after previous: PrintedSignature<Suite>?,
    with doctor: PrintedDoctor<Suite>, using random: inout some RandomNumberGenerator
  ) throws(PrintedRefusal) -> PrintedSignature<Suite> {
    if let previous, !verifies(previous, Array(findings.dropLast())) {
      throw PrintedRefusal("equation-2")
    }
    let k = findings.count
    let nonce = Suite.Scalar.random(using: &random)
    let r = (previous?.r ?? .identity) + .generatorMultiplied(by: nonce)
    let x = (doctor.d2 + Suite.Scalar(UInt64(k)) * doctor.d3) * r
    let z = nonce * keySum(through: k - 1)
    return PrintedSignature(
      r: r, q: doctor.d1 * w(findings) + (previous?.q ?? .identity) + x + z)
  }

  /// Eq. (2), and Eq. (3) for k = n:
  ///
  ///     e(Q_k, g) = Π_{i≤k} e(W_i, A_i) · e(Σ_{i≤k}(B_i + i·C_i), R_k)
  package func verifies(_ signature: PrintedSignature<Suite>, _ findings: [[UInt8]]) -> Bool {
    let messages = findings.indices.map { w(Array(findings[...$0])) }
    return Suite.pairingProductIsIdentity(
      [(-signature.q, .generator), (keySum(through: findings.count), signature.r)]
        + zip(messages, keys.map(\.a)))
  }

  /// Σ_{i≤k} (B_i + i·C_i).
  package func keySum(through k: Int) -> Suite.G1 {
    .sum(keys[..<k].enumerated().map { $1.b + Suite.Scalar(UInt64($0 + 1)) * $1.c })
  }
}
