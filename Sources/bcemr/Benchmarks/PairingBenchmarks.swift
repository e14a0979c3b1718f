import HashToCurve
import Pairings

/// The operations of BLS12-381 that everything else is made of; variable bases, random scalars.
enum PairingBenchmarks {
  typealias Suite = BLS12381

  static func all() throws -> [Benchmark] {
    var random = SystemRandomNumberGenerator()
    let scalar = Suite.Scalar.random(using: &random)
    let p = Suite.G1.generatorMultiplied(by: scalar)
    let q = Suite.G2.generatorMultiplied(by: scalar)
    let prepared = Suite.prepare(q)
    let pairs = (2...6).map { factor in
      (
        Suite.G1.multipliedVariableTime(factor, p),
        Suite.prepare(Suite.G2.multipliedVariableTime(factor + 1, q))
      )
    }
    let f = Suite.pairing(p, q)
    let pBytes = p.encoded()
    let qBytes = q.encoded()
    let message = [UInt8](repeating: 0x6d, count: 32)
    let factor = try Fp(encoded: Array(pBytes.enumerated().map { $0 == 0 ? 0 : $1 }))
    return [
      Benchmark("fp_mul", operations: 1000) {
        Suite.baseFieldProduct(ofLength: 1000, from: factor)
      },
      Benchmark("g1_mul") { scalar * p },
      Benchmark("g2_mul") { scalar * q },
      Benchmark("hash_to_g1") { Suite.hashToG1(message, domain: "BCEMR-V01-bls12-381-W") },
      Benchmark("pairing") { Suite.pairing(p, q) },
      Benchmark("pairing_product_5") { Suite.pairingProduct(pairs) },
      // A pairing whose G2 point was prepared ahead.
      Benchmark("miller_prepared") { Suite.pairingProduct([(p, prepared)]) },
      Benchmark("gt_exp") { f.raised(to: scalar) },
      Benchmark("g1_decode") { try Suite.G1(encoded: pBytes) },
      Benchmark("g2_decode") { try Suite.G2(encoded: qBytes) },
    ]
  }
}
