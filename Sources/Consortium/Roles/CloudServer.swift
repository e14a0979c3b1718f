package import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger

/// A cloud operator: keeps sealed records, and confirms hospitals' chains as the second supernode
/// of another organisation (4.5).
package actor CloudServer: RoleEndpoint {
  package nonisolated let id: String
  package nonisolated let node: LedgerNode
  package nonisolated let supernode: Supernode
  private let custody: RecordCustody
  private let identityKey: IdentityKey

  package nonisolated var requestLimit: Int { MessageLimits.message }

  package init(
    id: String, node: LedgerNode, keys: SupernodeKeys, store: any RoleStore,
    records: any RecordStore, clock: @escaping @Sendable () -> UInt64
  ) {
    self.id = id
    self.node = node
    identityKey = keys.identity
    custody = RecordCustody(records: records)
    supernode = Supernode(
      id: id, node: node, keys: keys, store: store, clock: clock, custody: custody)
  }

  package func answer(_ request: any RoleRequest) async throws -> any CanonicalValue {
    switch request {
    case let request as StoreRecord: request.reply(try await keep(request))
    case let request as FetchOwnRecord: request.reply(try await record(forPatient: request))
    case let request as FetchConsentedRecord: request.reply(try await record(forProxy: request))
    case let request as ReadVisit:
      request.reply(VisitView(try await node.visit(request.visit, at: request.hospital)))
    case let request as ReadConsent: request.reply(try await node.consent(request))
    case let request as ReadAccessLog: request.reply(try await node.accessLog(request.query))
    case let request as Prove: request.reply(try await node.prove(request))
    default: throw ConsortiumError(.unsupported, "not a request to a cloud")
    }
  }

  /// Takes a record from the last doctor of a visit whose team has signed.
  private func keep(_ request: StoreRecord) async throws -> Octets {
    let upload = request.upload.object.payload
    guard node.genesis.cloud(ofHospital: upload.hospital) == id else {
      throw ConsortiumError(.notEntitled, "another cloud keeps the records of that hospital")
    }
    let visit = try await node.visit(upload.visit, at: upload.hospital)
    let signers = visit.context.signers
    guard visit.status == .open, visit.signatures.count == signers.count, let last = signers.last
    else { throw ConsortiumError(.wrongState, "the visit is not open, or not signed by its team") }
    let doctorKey = await node.read { $0.consortium.state.identityKey(of: last.doctor) }
    _ = try request.upload.verified(by: doctorKey ?? [])
    guard upload.genesis == node.genesis.digest else {
      throw ConsortiumError(.notEntitled, "the upload is for another ledger")
    }
    try await custody.take(
      request.record, context: visit.context, recordDigest: upload.recordDigest)
    let receipt = StorageReceipt(
      genesis: upload.genesis, visit: upload.visit, recordDigest: upload.recordDigest)
    return Octets(identityKey.sign(receipt))
  }

  private func record(forPatient request: FetchOwnRecord) async throws -> Octets {
    let visit = try await node.verifiedQuery(request.query, .record)
    guard case .complete(let digest) = visit.status else {
      throw ConsortiumError(.wrongState, "the visit is not complete")
    }
    return Octets(try await custody.record(of: visit.context, recordDigest: digest))
  }

  private func record(forProxy request: FetchConsentedRecord) async throws -> Octets {
    let proxy = node.genesis.genesis.manager
    let signed = try request.withdrawal.verified(by: proxy.identityKey).payload.consent
    let consent = signed.object
    let view = try await node.consent(
      ReadConsent(
        hospital: consent.hospital, visit: consent.visit, consent: consent.digest,
        doctor: consent.doctor))
    let standing = try StandingConsent(
      checking: signed, against: view, genesis: node.genesis, proxy: proxy.id)
    return Octets(
      try await custody.record(
        of: standing.context, recordDigest: standing.consent.recordDigest))
  }
}
