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
  private struct Collected {
    let place: String
    let claim: SigningChain<Suite>.Claim
  }

  private struct State {
    var prepared: [Digest32: PreparedDoctorKey<Suite>] = [:]
    /// Where claims are collected instead of decided.
    var collectingPlace: String?
    var collected: [Collected] = []
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
    case .visitKey(let context, let proof):
      return (try? VerifiedVisitKey<Suite>(verifying: proof, of: context)) != nil
    case .partialSignature(let bytes):
      return (try? SequentialSignature<Suite>(encoded: bytes)) != nil
    case .multisignature(let completion, let team):
      guard let claim = try? self.claim(completion, team) else { return false }
      let isCollected = state.withLock { state in
        guard let place = state.collectingPlace else { return false }
        state.collected.append(Collected(place: place, claim: claim))
        return true
      }
      return isCollected
        || (try? claim.chain.verify(claim.signature, commitments: claim.commitments)) != nil
    }
  }

  private func claim(
    _ completion: VisitCompletion, _ team: [RegistrationStatement]
  ) throws -> SigningChain<Suite>.Claim {
    guard completion.commitments.count == completion.context.signers.count else {
      throw Refusal.wrongCommitments
    }
    let chain = try SigningChain(
      context: completion.context, signers: try team.map(prepared))
    return .init(
      chain: chain, signature: try SequentialSignature(encoded: completion.signature),
      commitments: completion.commitments)
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
      defer { state.collected = [] }
      return state.collected
    }
    var generator = SystemRandomNumberGenerator()
    let results = SigningChain<Suite>.verifyBatch(collected.map(\.claim), using: &generator)
    return zip(collected, results).first { if case .failure = $1 { true } else { false } }?.0.place
  }
}
