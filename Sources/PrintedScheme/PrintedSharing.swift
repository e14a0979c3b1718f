package import Pairings

/// SM as the proxy of 4.6, with all that it is handed.
package struct PrintedProxy<Suite: PairingSuite>: Sendable where Suite.G1 == Suite.G2 {
  /// d_k¹ and p_j: step (2) sends the private keys themselves.
  package let d1, p: Suite.Scalar
  private let system: PrintedSystem<Suite>

  package init(
    handed doctor: PrintedDoctor<Suite>, _ patient: PrintedPatient<Suite>,
    _ system: PrintedSystem<Suite>
  ) {
    (d1, p) = (doctor.d1, patient.p)
    self.system = system
  }

  /// rk_{j↔k} = d_k¹/p_j.
  package var rk: Suite.Scalar { d1 * p.inverted() }

  /// Step (3): the checks of the record under PK_j, then B_I = rk·B.
  package func reencrypt(
    _ record: PrintedRecord<Suite>, of patientKey: Suite.G1
  ) throws(PrintedRefusal) -> PrintedRecord<Suite> {
    try record.check(for: patientKey, system)
    var shared = record
    shared.b = rk * record.b
    return shared
  }
}

extension PrintedDoctor {
  /// Step (4): S, e(B_I, H2(A)) = e(A_k, D), e(B_I, ḡ) = e(A_k, E), G = H3(e(B_I, T_α)^{1/d1}); then
  /// m. Neither Eq. (3) nor anything on the blockchain is in it.
  package func open(
    _ shared: PrintedRecord<Suite>, trapdoor: Suite.G1, _ system: PrintedSystem<Suite>
  ) throws(PrintedRefusal) -> [UInt8] {
    try shared.check(for: publicKey.a, system)
    let f = Suite.pairing(trapdoor, shared.b).raised(to: d1.inverted())
    guard PrintedRecord<Suite>.h3(f) == shared.g else { throw PrintedRefusal("trapdoor") }
    return shared.content(under: d1)
  }
}
