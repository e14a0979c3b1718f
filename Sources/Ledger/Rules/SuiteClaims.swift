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
    switch genesis.content.suite {
    case BLS12381.name: return SuiteClaims<BLS12381>()
    case let suite:
      throw LedgerError(.unknownSuite, "suite \(suite) is not known to this program")
    }
  }
}

private final class SuiteClaims<Suite: PairingSuite>: ClaimDecider {
  private let prepared = Mutex(PreparedKeyCache<Suite>(capacity: 1024))

  func holds(_ claim: Claim) -> Bool {
    switch claim {
    case .signature(let signature, let message, let key):
      IdentityKey.isValid(signature, of: message, by: key)
    case .registration(let registration, let managerKey):
      (try? VerifiedRegistration<Suite>(verifying: registration, managerKey: managerKey)) != nil
    case .visitKey, .partialSignature, .multisignature:
      (try? equation(claim)?.check()) != nil
    }
  }

  func firstFailure(of claims: [Claim]) -> Int? {
    var batch = ClaimBatch<Suite>()
    var places: [Int] = []
    var failure: Int?
    for (index, claim) in claims.enumerated() {
      if let equation = equation(claim) {
        batch.add(equation)
        places.append(index)
      } else if !holds(claim) {
        failure = index
        break
      }
    }
    var generator = SystemRandomNumberGenerator()
    let first = zip(places, batch.verify(using: &generator)).first { $1 != nil }?.0
    return [first, failure].compactMap { $0 }.min()
  }

  /// The claim about points and pairings, if it is one that can be.
  private func equation(_ claim: Claim) -> ClaimBatch<Suite>.Claim? {
    switch claim {
    case .visitKey(let context, let proof): .visitKey(context, proof: proof)
    case .partialSignature(let bytes): .partialSignature(bytes)
    case .multisignature(let completion, let team):
      (try? SigningChain(context: completion.context, signers: team.map(preparedKey))).map {
        .multisignature($0, completion.commitments, signature: completion.signature)
      }
    case .signature, .registration: nil
    }
  }

  private func preparedKey(_ statement: RegistrationStatement) throws -> PreparedDoctorKey<Suite> {
    if let known = prepared.withLock({ $0.known(statement) }) { return known }
    let verified = try VerifiedDoctorKey<Suite>(alreadyVerified: statement)
    return prepared.withLock { $0.prepared(verified) }
  }
}
