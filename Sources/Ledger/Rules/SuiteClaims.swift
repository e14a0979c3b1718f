import CanonicalEncoding
import Credentials
import EMRScheme
import Pairings
import Synchronization

/// The suites that a ledger may name.
public enum LedgerSuite {
  /// - Throws: ``LedgerError`` `unknown-suite`.
  public static func decider(
    for genesis: ValidGenesis
  ) throws(LedgerError) -> any ClaimDecider {
    switch genesis.genesis.suite {
    case BLS12381.name: return SuiteClaims<BLS12381>()
    case let suite:
      throw LedgerError(.unknownSuite, "suite \(suite) is not known to this program")
    }
  }
}

private final class SuiteClaims<Suite: PairingSuite>: ClaimDecider {
  /// By the digest of the statement.
  private let prepared = Mutex<[Digest32: PreparedDoctorKey<Suite>]>([:])
  /// A prepared key holds the lines of its Miller loop, about 60 KB.
  private static var preparedLimit: Int { 1024 }

  func holds(_ claim: Claim) -> Bool {
    switch claim {
    case .signature(let signature, let message, let key):
      IdentityKey.isValid(signature, of: message, by: key)
    case .registration(let registration, let managerKey):
      (try? VerifiedRegistration<Suite>(verifying: registration, managerKey: managerKey)) != nil
    case .visitKey(let context, let proof):
      (try? VerifiedVisitKey<Suite>(verifying: proof, of: context)) != nil
    case .partialSignature(let bytes):
      (try? SequentialSignature<Suite>(encoded: bytes)) != nil
    case .multisignature(let completion, let team):
      (try? multisignature(completion, team)).map { claim in
        (try? claim.chain.verify(claim.signature, commitments: claim.commitments)) != nil
      } ?? false
    }
  }

  func firstFailure(of claims: [Claim]) -> Int? {
    var collected: [(index: Int, claim: SigningChain<Suite>.Claim)] = []
    var failure: Int?
    for (index, claim) in claims.enumerated() {
      if case .multisignature(let completion, let team) = claim,
        let claim = try? multisignature(completion, team)
      {
        collected.append((index, claim))
      } else if !holds(claim) {
        failure = index
        break
      }
    }
    var generator = SystemRandomNumberGenerator()
    let results = SigningChain<Suite>.verifyBatch(collected.map(\.claim), using: &generator)
    let first = zip(collected, results).first { if case .failure = $1 { true } else { false } }
    return [first?.0.index, failure].compactMap { $0 }.min()
  }

  private func multisignature(
    _ completion: VisitCompletion, _ team: [RegistrationStatement]
  ) throws -> SigningChain<Suite>.Claim {
    guard completion.commitments.count == completion.context.signers.count else {
      throw Refusal.wrongCommitments
    }
    let chain = try SigningChain(
      context: completion.context, signers: try team.map(preparedKey))
    return .init(
      chain: chain, signature: try SequentialSignature(encoded: completion.signature),
      commitments: completion.commitments)
  }

  private func preparedKey(_ statement: RegistrationStatement) throws -> PreparedDoctorKey<Suite> {
    let digest = statement.digest
    if let known = prepared.withLock({ $0[digest] }) { return known }
    let key = PreparedDoctorKey<Suite>(try VerifiedDoctorKey(alreadyVerified: statement))
    prepared.withLock {
      if $0.count >= Self.preparedLimit { $0.removeAll() }
      $0[digest] = key
    }
    return key
  }
}
