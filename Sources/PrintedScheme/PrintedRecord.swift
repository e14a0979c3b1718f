internal import Crypto
package import Pairings

/// C_j = (S, A, B, C, D, E, G) of 4.4 (3).
package struct PrintedRecord<Suite: PairingSuite>: Sendable where Suite.G1 == Suite.G2 {
  package var s, a: [UInt8]
  /// B, or B_I after re-encryption.
  package var b: Suite.G1
  package var c: [UInt8]
  package var d, e: Suite.G1
  package var g: [UInt8]

  /// 4.4 (3), with r and a one-time key A of the sealer's choice:
  ///
  ///     B = r·PK_j   C = e(g, H1(A))^r ⊕ m   D = r·H2(A)   E = r·ḡ
  ///     F = e(PK_j, H0(α))^r   G = H3(F)   S = a signature under A on (C, D, E, G)
  ///
  /// "B = PK^r" is read as PK_j^r: with the one-time key that PK stands for in (a), nothing in 4.6
  /// would hold. The one-time signature is Ed25519.
  ///
  /// - Parameters:
  ///   - m: m_1 ‖ … ‖ m_n, "the results".
  ///   - alpha: α.
  package init(
    sealing m: [UInt8], to patientKey: Suite.G1, evidence alpha: [UInt8],
    _ system: PrintedSystem<Suite>, using random: inout some RandomNumberGenerator
  ) throws {
    let oneTimeKey = Curve25519.Signing.PrivateKey()
    let r = Suite.Scalar.random(using: &random)
    a = Array(oneTimeKey.publicKey.rawRepresentation)
    b = r * patientKey
    c = Self.mask(
      m, Suite.pairing(PrintedHash.h1(a, Suite.self), .generator).raised(to: r))
    d = r * PrintedHash.h2(a, Suite.self)
    e = r * system.base
    g = Self.h3(Suite.pairing(PrintedHash.h0(alpha, Suite.self), patientKey).raised(to: r))
    s = []
    s = Array(try oneTimeKey.signature(for: signedPart))
  }

  /// How many bytes ⊕ with an element of GT hides: its length. The paper says nothing of longer
  /// records; what is beyond stays as it is.
  package static var maskedByteCount: Int { Suite.GT.one.encoded().count }

  package static func mask(_ m: [UInt8], _ element: Suite.GT) -> [UInt8] {
    let mask = element.encoded()
    return zip(m, mask).map { $0 ^ $1 } + m.dropFirst(mask.count)
  }

  package static func h3(_ element: Suite.GT) -> [UInt8] {
    Array(SHA512.hash(data: element.encoded()))
  }

  /// The checks that 4.6 (3) and (4) print, under (B, PK_j) or (B_I, A_k): S, and
  ///
  ///     e(B, H2(A)) = e(PK_j, D),   e(B, ḡ) = e(PK_j, E)
  package func check(for key: Suite.G1, _ system: PrintedSystem<Suite>) throws(PrintedRefusal) {
    guard let oneTimeKey = try? Curve25519.Signing.PublicKey(rawRepresentation: a),
      oneTimeKey.isValidSignature(s, for: signedPart)
    else { throw PrintedRefusal("signature-s") }
    guard
      Suite.pairingProductIsIdentity([(PrintedHash.h2(a, Suite.self), b), (-d, key)]),
      Suite.pairingProductIsIdentity([(system.base, b), (-e, key)])
    else { throw PrintedRefusal("record-equation") }
  }

  /// m = C ⊕ e(B, H1(A))^{1/d}: for the patient d = p_j, for a receiver d = d_k¹ (4.6 (4)).
  package func content(under key: Suite.Scalar) -> [UInt8] {
    Self.mask(
      c, Suite.pairing(PrintedHash.h1(a, Suite.self), b).raised(to: key.inverted()))
  }

  private var signedPart: [UInt8] { c + d.encoded() + e.encoded() + g }
}
