import CanonicalEncoding
import Credentials
import EMRScheme
import Pairings
import Synchronization

/// The suites that a ledger may name.
public enum LedgerSuite {
  /// Decides every claim at once; for those who validate as the log grows.
  /// - Throws: ``LedgerError`` `unknown-suite`.
  public static func equations(
    for genesis: ValidGenesis
  ) throws(LedgerError) -> any EquationChecker {
    try checker(for: genesis)
  }

  /// Decides claims in one batch, for an auditor.
  static func auditEquations(for genesis: ValidGenesis) throws(LedgerError) -> any AuditEquations {
    try checker(for: genesis)
  }

  private static func checker(
    for genesis: ValidGenesis
  ) throws(LedgerError) -> any AuditEquations {
    switch genesis.genesis.suite {
    case BLS12381.name: return SuiteEquations<BLS12381>()
    case let suite:
      throw LedgerError(.unknownSuite, "suite \(suite) is not known to this program")
    }
  }
}

/// An ``EquationChecker`` that can put off what is recorded as accepted, and then check it in one
/// batch.
protocol AuditEquations: EquationChecker {
  /// Names the entry whose claims follow. Claims of accepted entries are collected; those of
  /// refused ones decided at once, since only a claim that fails can have refused them.
  func begin(place: String, recordedAsAccepted: Bool)

  /// Checks what was collected.
  /// - Returns: the place of the first claim that does not hold.
  func firstFailure() -> String?
}

private final class SuiteEquations<Suite: PairingSuite>: AuditEquations {
  /// Claims to be decided together, with the place of each.
  private struct Collected {
    /// About 256 visits of three doctors; larger batches cost a visit no less, only memory.
    static var claimCount: Int { 1280 }

    var batch = ClaimBatch<Suite>()
    var places: [String] = []

    func firstFailure() -> String? {
      var generator = SystemRandomNumberGenerator()
      return zip(batch.verify(using: &generator), places).first { $0.0 != nil }?.1
    }
  }

  private struct State {
    var prepared: [Digest32: PreparedDoctorKey<Suite>] = [:]
    /// Where claims are collected instead of decided.
    var collectingPlace: String?
    var collected = [Collected()]

    mutating func collect(_ claim: ClaimBatch<Suite>.Claim, _ place: String) {
      if collected[collected.count - 1].places.count == Collected.claimCount {
        collected.append(Collected())
      }
      collected[collected.count - 1].batch.add(claim)
      collected[collected.count - 1].places.append(place)
    }
  }

  private let state = Mutex(State())

  func holds(_ claim: EquationClaim) -> Bool {
    switch claim {
    case .registration(let registration, let managerKey):
      guard
        let verified = try? VerifiedRegistration<Suite>(
          verifying: registration, managerKey: managerKey)
      else { return false }
      let prepared = PreparedDoctorKey(verified.key)
      state.withLock { $0.prepared[registration.statement.digest] = prepared }
      return true
    case .visitKey(let context, let proof): return decide(.visitKey(context, proof: proof))
    case .partialSignature(let bytes): return decide(.partialSignature(bytes))
    case .multisignature(let completion, let team):
      guard let chain = try? chain(completion.context, team) else { return false }
      return decide(
        .multisignature(chain, completion.commitments, signature: completion.signature))
    }
  }

  private func decide(_ claim: ClaimBatch<Suite>.Claim) -> Bool {
    let isCollected = state.withLock { state in
      guard let place = state.collectingPlace else { return false }
      state.collect(claim, place)
      return true
    }
    return isCollected || (try? claim.check()) != nil
  }

  private func chain(
    _ context: VisitContext, _ team: [RegistrationStatement]
  ) throws -> SigningChain<Suite> {
    try SigningChain(context: context, signers: try team.map(prepared))
  }

  private func prepared(_ statement: RegistrationStatement) throws -> PreparedDoctorKey<Suite> {
    let digest = statement.digest
    if let known = state.withLock({ $0.prepared[digest] }) { return known }
    let prepared = PreparedDoctorKey<Suite>(try VerifiedDoctorKey(alreadyVerified: statement))
    state.withLock { $0.prepared[digest] = prepared }
    return prepared
  }

  func begin(place: String, recordedAsAccepted: Bool) {
    state.withLock { $0.collectingPlace = recordedAsAccepted ? place : nil }
  }

  func firstFailure() -> String? {
    let collected = state.withLock { state in
      defer { state.collected = [Collected()] }
      return state.collected
    }
    return collected.lazy.compactMap { $0.firstFailure() }.first
  }
}
