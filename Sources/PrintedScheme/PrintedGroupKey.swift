internal import Crypto
package import Pairings

/// (ID, U_i) or (ID, V_k): what either side sends first (4.3 (1), (2)), with nothing that ties the
/// point to the identity.
package struct PrintedShare<Suite: PairingSuite>: Sendable where Suite.G1 == Suite.G2 {
  package let identity: String
  package let point: Suite.G1
}

/// One side of the group key exchange (4.3).
package struct PrintedExchange<Suite: PairingSuite>: Sendable where Suite.G1 == Suite.G2 {
  /// l_i or l_k.
  private let secret: Suite.Scalar
  package let share: PrintedShare<Suite>

  /// - Parameter identity: whatever this side claims to be; nobody can check it.
  package init(_ identity: String, using random: inout some RandomNumberGenerator) {
    secret = .random(using: &random)
    share = PrintedShare(identity: identity, point: .generatorMultiplied(by: secret))
  }

  /// s_i = l_i·V_k = l_k·U_i = s_k (Eq. 1).
  private func agreed(with other: PrintedShare<Suite>) -> Suite.G1 { secret * other.point }

  // MARK: The hospital

  /// (3): MAC_i = MAC_{s_i}(ID_k, V_k, U_i).
  package func confirm(_ doctor: PrintedShare<Suite>) -> [UInt8] {
    PrintedCipher(agreed(with: doctor), Suite.self)
      .mac(doctor.identity, [doctor.point, share.point])
  }

  /// (5): checks MAC_k†, and draws K = l_i·V_1 + … + l_i·V_n.
  ///
  /// - Parameter doctors: the shares and MAC_k† of D_1 … D_n.
  package func groupKey(
    _ doctors: [(share: PrintedShare<Suite>, code: [UInt8])]
  ) throws(PrintedRefusal) -> Suite.G1 {
    for doctor in doctors where doctor.code != code(of: share, doctor.share, doctor.share) {
      throw PrintedRefusal("mac-k†")
    }
    return .sum(doctors.map { agreed(with: $0.share) })
  }

  /// (5): M = E_{s_i}(K).
  package func deliver(_ k: Suite.G1, to doctor: PrintedShare<Suite>) throws -> [UInt8] {
    try PrintedCipher(agreed(with: doctor), Suite.self).seal(k.encoded())
  }

  // MARK: The doctor

  /// (4): checks MAC_i, and answers with MAC_k† = MAC_{s_k}(ID_i, U_i, V_k, s_k).
  package func acknowledge(
    _ hospital: PrintedShare<Suite>, code: [UInt8]
  ) throws(PrintedRefusal) -> [UInt8] {
    let expected = PrintedCipher(agreed(with: hospital), Suite.self)
      .mac(share.identity, [share.point, hospital.point])
    guard code == expected else { throw PrintedRefusal("mac-i") }
    return self.code(of: hospital, share, hospital)
  }

  /// (6): K from M.
  package func receive(
    _ delivery: [UInt8], from hospital: PrintedShare<Suite>
  ) throws -> Suite.G1 {
    try Suite.G1(
      encoded: PrintedCipher(agreed(with: hospital), Suite.self).open(delivery))
  }

  /// MAC†, as either side computes it with the other.
  private func code(
    of hospital: PrintedShare<Suite>, _ doctor: PrintedShare<Suite>, _ other: PrintedShare<Suite>
  ) -> [UInt8] {
    let s = agreed(with: other)
    return PrintedCipher(s, Suite.self)
      .mac(hospital.identity, [hospital.point, doctor.point, s])
  }
}

/// MAC and E under one and the same point, s_i or K. The paper names no algorithms: here HMAC-SHA256,
/// and AES-256-GCM under the point's SHA-256.
package struct PrintedCipher: Sendable {
  private let secret: [UInt8]

  package init<Suite: PairingSuite>(_ point: Suite.G1, _ suite: Suite.Type)
  where Suite.G1 == Suite.G2 { secret = point.encoded() }

  package func mac(_ identity: String, _ points: [some PairingSourceGroup]) -> [UInt8] {
    Array(
      HMAC<SHA256>.authenticationCode(
        for: Array(identity.utf8) + points.flatMap { $0.encoded() },
        using: SymmetricKey(data: secret)))
  }

  /// E_K(m_1 ‖ … ‖ m_k) of 4.4, E_{s_i}(K) of 4.3.
  package func seal(_ plaintext: [UInt8]) throws -> [UInt8] {
    let box = try AES.GCM.seal(plaintext, using: key)
    return Array(box.nonce) + box.ciphertext + box.tag
  }

  package func open(_ sealed: [UInt8]) throws -> [UInt8] {
    try Array(AES.GCM.open(AES.GCM.SealedBox(combined: sealed), using: key))
  }

  private var key: SymmetricKey { SymmetricKey(data: SHA256.hash(data: secret)) }
}
