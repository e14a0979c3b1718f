public import Pairings

/// T_α = H0(α)/p_v in G1: finds a visit's record among ciphertexts, and opens nothing (4.6).
///
/// With the paper's F = e(H0(α), PK_v)^r = e(H0(α), B) anybody could test a guess of α; here
/// F = e(H0(α), Y), and the test takes p_v.
public struct Trapdoor<Suite: PairingSuite>: Sendable {
  let point: Suite.G1

  /// Made by the patient, who has p_v.
  public init(evidence: Evidence, visitKey: VisitKey<Suite>) {
    point = visitKey.secret.inverted() * evidence.point(Suite.self)
  }

  /// - Throws: ``SchemeError`` `invalidPoint`, also for the identity.
  public init(encoded bytes: [UInt8]) throws(SchemeError) { point = try Suite.G1("T_α", bytes) }

  /// The compressed point: 48 bytes on BLS12-381.
  public func encoded() -> [UInt8] { point.encoded() }
}
