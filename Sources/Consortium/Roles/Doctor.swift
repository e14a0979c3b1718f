package import CanonicalEncoding
import Credentials
package import EMRScheme
package import Ledger

/// A doctor's own program: the signing keys, and the findings of the visits on whose teams the
/// doctor is.
package actor Doctor: RoleEndpoint {
  package nonisolated let id: String
  package nonisolated let hospital: String
  package nonisolated let client: LedgerClient
  var keys: DoctorKeys
  let store: any RoleStore
  let post: Post
  var randomness: Randomness
  /// What a first registration asserts; from then on the ledger says it.
  let specialties: Set<Specialty>
  /// Exchanges under way; after a restart the hospital begins again.
  var exchanges: [Digest32: DoctorKeyExchange<Suite>] = [:]
  /// Visits with what can be had again and is not stored yet: an assignment without its group key,
  /// c_{k−1}.
  var pendingVisits: [Digest32: DoctorVisit] = [:]

  package nonisolated var requestLimit: Int { MessageLimits.message }

  package init(
    id: String, hospital: String, genesis: ValidGenesis, keys: DoctorKeys, store: any RoleStore,
    courier: any Courier, randomness: Randomness, specialties: Set<Specialty> = []
  ) throws {
    self.id = id
    self.specialties = specialties
    self.hospital = hospital
    self.keys = try Self.rotated(keys, store)
    self.store = store
    self.randomness = randomness
    post = Post(courier: courier, sender: id)
    client = try LedgerClient(genesis: genesis, store: store, post: post)
  }

  var genesis: ValidGenesis { client.genesis }

  package func answer(_ request: any RoleRequest) async throws -> any CanonicalValue {
    switch request {
    case let request as AssignVisit: request.reply(try await join(request))
    case let request as ExchangeGroupKey: request.reply(try await exchange(request))
    case let request as ShowEvidence: request.reply(try take(request))
    case let request as HandOverFindings: request.reply(try take(request))
    case let request as ResendFindings: request.reply(try resend(request))
    case let request as CertifyRequestKey: request.reply(try certify(request))
    case let request as GrantConsent: request.reply(try take(request))
    default: throw ConsortiumError(.unsupported, "not a request to a doctor")
    }
  }
}
