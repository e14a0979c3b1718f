internal import CanonicalEncoding
internal import HashToCurve
internal import Pairings

/// The equations of many claims, each to the power of a weight δ, as one product of pairings:
///
///     Π_j e(−Σ δ_j·Q_j − Σ δ_j·π_j, g2)
///       · Π_d e(Σ δ_j·W_{j,d}, A_d) · Π_t e(Σ δ_j·R_j, Σ_k (B_k + k·C_k))
///       · Π_j e(δ_j·H_vk(context_j), PK_j) = 1
///
/// over the visits j, the distinct doctors d and the distinct teams t. Where there are more teams
/// than points of doctors, R is paired with B_d and C_d instead.
struct ClaimEquations<Suite: PairingSuite> {
  /// Σ sᵢ·Pᵢ, not yet computed; P is a point, or bytes that are hashed to one.
  private struct Sum<Term> {
    var weights: [Suite.Scalar] = []
    var terms: [Term] = []

    mutating func add(_ weight: Suite.Scalar, _ term: Term) {
      weights.append(weight)
      terms.append(term)
    }
  }

  private struct Team {
    let chain: SigningChain<Suite>
    var r = Sum<Suite.G1>()
  }

  private struct Doctor {
    let prepared: PreparedDoctorKey<Suite>
    var w = Sum<[UInt8]>()
  }

  // By the prepared keys themselves: a key that was prepared twice is paired twice, which is right
  // and only slower.
  private var doctors: [ObjectIdentifier: Doctor] = [:]
  private var teams: [[ObjectIdentifier]: Team] = [:]
  private var withGenerator = Sum<Suite.G1>()
  private var visitKeys: [(Suite.G1, Suite.PreparedG2)] = []

  /// Eq. (3) of a visit whose commitments have their form.
  mutating func add(
    _ chain: SigningChain<Suite>, _ commitments: [FindingCommitment],
    _ signature: SequentialSignature<Suite>, weight: Suite.Scalar
  ) {
    let keys = chain.signers.map(ObjectIdentifier.init)
    for (index, key) in keys.enumerated() {
      doctors[key, default: Doctor(prepared: chain.signers[index])].w
        .add(weight, chain.message(commitments[...index]))
    }
    teams[keys, default: Team(chain: chain)].r.add(weight, signature.r)
    withGenerator.add(weight, -signature.q)
  }

  /// e(π, g2) = e(H_vk(context), PK_v).
  mutating func add(
    _ context: VisitContext, _ key: Suite.G2, proof: Suite.G1, weight: Suite.Scalar
  ) {
    visitKeys.append(
      (Suite.hashSum([weight], [context.encoded()], .visitKey), Suite.prepare(key)))
    withGenerator.add(weight, -proof)
  }

  /// Whether the product is 1.
  var hold: Bool {
    var pairs = visitKeys
    pairs.append((value(withGenerator), SuiteConstants<Suite>.shared.preparedGenerator))
    for doctor in doctors.values {
      pairs.append(
        (Suite.hashSum(doctor.w.weights, doctor.w.terms, .chain), doctor.prepared.a))
    }
    pairs += teams.count <= 2 * doctors.count ? pairsByTeam : pairsByDoctor
    return Suite.pairingProductIsIdentity(pairs)
  }

  private func value(_ sum: Sum<Suite.G1>) -> Suite.G1 {
    .multiScalarVariableTime(sum.weights, sum.terms)
  }

  private var pairsByTeam: [(Suite.G1, Suite.PreparedG2)] {
    teams.values.map { team in
      let keys = team.chain.keySum(through: team.chain.signers.count, \.b2, \.c2)
      return (value(team.r), Suite.prepare(keys))
    }
  }

  /// e(Σ R_t, B_d)·e(Σ k·R_t, C_d), where k is d's place in team t.
  private var pairsByDoctor: [(Suite.G1, Suite.PreparedG2)] {
    var sums: [ObjectIdentifier: (r: Suite.G1, positioned: Suite.G1)] = [:]
    for (keys, team) in teams {
      let r = value(team.r)
      var multiple = Suite.G1.identity
      for key in keys {
        multiple = multiple + r
        let sum = sums[key] ?? (.identity, .identity)
        sums[key] = (sum.r + r, sum.positioned + multiple)
      }
    }
    return sums.flatMap { key, sum in
      doctors[key].map { doctor in
        [
          (sum.r, Suite.prepare(doctor.prepared.key.b2)),
          (sum.positioned, Suite.prepare(doctor.prepared.key.c2)),
        ]
      } ?? []
    }
  }
}
