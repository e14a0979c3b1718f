package import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger

/// A hospital's server: admits patients, agrees group keys with teams, keeps the hospital's chain,
/// and is the way of its doctors and patients to the ledger.
package actor HospitalServer: RoleEndpoint {
  package nonisolated let id: String
  package nonisolated let node: LedgerNode
  package nonisolated let supernode: Supernode
  let keys: SupernodeKeys
  let store: any RoleStore
  let post: Post
  var randomness: Randomness

  package init(
    id: String, node: LedgerNode, keys: SupernodeKeys, store: any RoleStore,
    courier: any Courier, clock: @escaping @Sendable () -> UInt64, randomness: Randomness
  ) {
    self.id = id
    self.node = node
    self.keys = keys
    self.store = store
    self.randomness = randomness
    post = Post(courier: courier, sender: id)
    supernode = Supernode(id: id, node: node, keys: keys, store: store, clock: clock)
  }

  package func answer(_ request: any RoleRequest) async throws -> any CanonicalValue {
    switch request {
    case let request as RegisterDoctor: request.reply(try await register(request))
    case let request as RequestAdmission: request.reply(try await admit(request))
    case let request as AuthorizeVisit: request.reply(try await open(request))
    case let request as SubmitEntry: request.reply(try await submit(request.entry))
    case let request as ReadVisit:
      request.reply(VisitView(try await node.visit(request.visit, at: request.hospital)))
    case let request as ReadConsent: request.reply(try await node.consent(request))
    case let request as ReadAccessLog: request.reply(try await node.accessLog(request.query))
    case let request as Prove: request.reply(try await node.prove(request))
    default: throw ConsortiumError(.unsupported, "not a request to a hospital")
    }
  }

  // MARK: Doctors

  private static func employmentKey(_ doctor: String) -> String { "employed/\(doctor)" }

  /// Takes a doctor on, so that a registration in this name is accepted.
  package func employ(_ doctor: String) throws {
    try store.write([Self.employmentKey(doctor): []])
  }

  private func register(_ request: RegisterDoctor) async throws -> Done {
    let statement = try request.statement.verified(by: request.statement.object.identityKey)
    guard statement.hospital == id,
      try store.value(forKey: Self.employmentKey(statement.doctor)) != nil
    else { throw ConsortiumError(.notEmployed, "\(statement.doctor) does not work here") }
    let registration = try await post.ask(
      CosignRegistration(
        registration: request, hospitalSignature: keys.identity.sign(statement)),
      of: node.genesis.genesis.manager.id)
    guard registration.statement == statement else {
      throw ConsortiumError(.malformed, "the manager signed another registration")
    }
    try await node.submit(entry(registration, chain: ChainName.consortium))
    return Done()
  }

  // MARK: Gateway

  /// Puts an entry of a doctor or a patient on this hospital's chain.
  ///
  /// What nobody signed does not reach the log; whether the entry holds is for the rules to say.
  func submit(_ entry: Entry) async throws -> Done {
    guard entry.content.chain == id, entry.content.genesis == node.genesis.digest else {
      throw ConsortiumError(.notEntitled, "the entry belongs to another chain")
    }
    guard entry.encoded().count <= node.genesis.genesis.maximumEntryByteCount else {
      throw ConsortiumError(.tooLarge, "the entry is too long")
    }
    try await node.catchUp()
    let (signer, hospital) = (entry.content.signer, id)
    let key = await node.read { replica in
      switch signer {
      case .party(let party): replica.consortium.state.identityKey(of: party)
      case .patient(let visit):
        replica.hospitals[hospital]?.state.visits[visit]?.context.visitSigningKey
      }
    }
    guard let key, IdentityKey.isValid(entry.signature, of: entry.content, by: key) else {
      throw ConsortiumError(.unauthenticated, "the entry is not signed by its author")
    }
    try await node.submit(entry)
    return Done()
  }

  func entry(_ body: some CanonicalObject, chain: String) -> Entry {
    Entry(
      EntryContent(genesis: node.genesis.digest, chain: chain, signer: .party(id), body: body),
      signedBy: keys.identity)
  }
}
