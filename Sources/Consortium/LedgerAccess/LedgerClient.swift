package import CanonicalEncoding
package import Credentials
package import EMRScheme
package import Ledger
import TransparencyLog

/// The ledger for who keeps no copy of it: the genesis, the newest final checkpoint, and proofs.
///
/// The checkpoint never goes back, across restarts too, so a supernode cannot show two ledgers to
/// one client.
package actor LedgerClient {
  package nonisolated let genesis: ValidGenesis
  private let store: any RoleStore
  private let post: Post
  private var newest: Checkpoint?
  /// Whose cosignatures count.
  private var delegates: KnownDelegates
  /// Demands on their way, by the digest of their entry.
  private var demanded: [Digest32: UInt64] = [:]
  private var doctors: [String: PreparedDoctorKey<Suite>] = [:]

  private static let key = "ledger/checkpoint"
  private static let delegatesKey = "ledger/delegates"
  private static let doctorLimit = 256

  package init(genesis: ValidGenesis, store: any RoleStore, post: Post) throws {
    self.genesis = genesis
    self.store = store
    self.post = post
    delegates =
      try store.value(forKey: Self.delegatesKey).map(Self.delegates) ?? KnownDelegates(genesis)
    if let bytes = try store.value(forKey: Self.key) {
      newest = try Checkpoint(body: String(decoding: bytes, as: UTF8.self))
    }
  }

  @inline(never)
  private static func delegates(_ bytes: [UInt8]) throws -> KnownDelegates {
    try KnownDelegates(sequence: bytes)
  }

  /// The proof that something is final, from a supernode, after all checks.
  ///
  /// - Throws: ``ConsortiumError``, as `not-final`; ``LedgerError`` for a proof that fails.
  package func prove(
    _ subject: Prove.Subject, by supernode: String
  ) async throws -> ProvenLeaf {
    while true {
      let known = newest
      let proof = try await post.ask(
        Prove(subject, knownSize: known?.size ?? 0), of: supernode)
      // Another proof may have moved the checkpoint meanwhile; this one was made for the old.
      guard known == newest else { continue }
      try await follow(to: proof.epoch, by: supernode)
      guard known == newest else { continue }
      let proven = try proof.verify(genesis: genesis, delegates: delegates, known: known)
      if proven.checkpoint != known {
        try store.write([Self.key: Array(proven.checkpoint.body.utf8)])
        newest = proven.checkpoint
      }
      return proven
    }
  }

  /// Follows the sets of delegates to an epoch, as far as the supernode can show them.
  private func follow(to epoch: UInt64, by supernode: String) async throws {
    while delegates.epoch < epoch {
      let known = delegates
      let reply = try await post.ask(FetchEpochEnds(from: known.epoch), of: supernode)
      // Another proof may have gone on meanwhile.
      guard known == delegates else { continue }
      guard !reply.ends.isEmpty else { return }
      var next = known
      for end in reply.ends { try next.follow(end, genesis: genesis) }
      try store.write([Self.delegatesKey: next.encodedSequence()])
      delegates = next
    }
  }

  /// Submits an entry to its hospital: ``EntrySubmission/submit(_:until:)``.
  package func submit(_ entry: Entry, until standing: EntrySubmission.Standing) async throws {
    try await EntrySubmission(genesis: genesis, post: post).submit(entry, until: standing)
  }

  /// Demands an entry of its hospital, through a supernode. Once this returns, the demand is final:
  /// the hospital has to answer it, or can anchor nothing any more.
  ///
  /// The entry becomes visible to all who read the consortium chain.
  /// - Throws: ``ConsortiumError`` `not-final` until the demand is: it can be called again.
  package func demand(_ entry: Entry, through supernode: String) async throws {
    let place = try await place(of: entry, supernode)
    let proven = try await prove(.consortiumLeaf(index: place), by: supernode)
    guard case .demand(let demand)? = proven.entry?.content.body, demand.entry == entry else {
      throw ConsortiumError(.invalidProof, "the leaf is not the demand")
    }
    demanded[entry.digest] = nil
  }

  /// Where the demand stands; asked for once.
  private func place(of entry: Entry, _ supernode: String) async throws -> UInt64 {
    if let known = demanded[entry.digest] { return known }
    let place = try await post.ask(RelayDemand(entry), of: supernode).index
    demanded[entry.digest] = place
    return place
  }

  /// A doctor's registered key, only ever with the proof that the registration is final and bears
  /// the signatures of doctor, hospital and manager.
  package func doctor(
    _ id: String, by supernode: String
  ) async throws -> PreparedDoctorKey<Suite> {
    if let known = doctors[id] { return known }
    let proven = try await prove(.registration(doctor: id), by: supernode)
    let prepared = PreparedDoctorKey(try proven.registration(of: id, genesis: genesis).key)
    // A doctor's program meets few colleagues; this bounds what a long life collects.
    if doctors.count >= Self.doctorLimit { doctors.removeAll() }
    doctors[id] = prepared
    return prepared
  }

  /// The team of a visit, checked against the registrations of its members.
  package func team(of context: VisitContext) async throws -> SigningChain<Suite> {
    var signers: [PreparedDoctorKey<Suite>] = []
    for signer in context.signers {
      let doctor = try await doctor(signer.doctor, by: context.hospital)
      guard doctor.verified.statement.hospital == context.hospital else {
        throw ConsortiumError(.unknownDoctor, "\(signer.doctor) is of another hospital")
      }
      signers.append(doctor)
    }
    return try SigningChain(context: context, signers: signers)
  }

  /// The completion of a visit, final, with the team's signature after Eq. (3), the signature of the
  /// last doctor, who alone says which record it is, and the receipt of the cloud that holds it.
  package func completion(
    of visit: Digest32, at hospital: String
  ) async throws -> (VisitCompletion, VerifiedSignature<Suite>) {
    let proven = try await prove(.visit(visit, hospital: hospital), by: hospital)
    guard proven.chain == hospital,
      case .visitCompletion(let completion)? = proven.entry?.content.body,
      completion.context.visitID == visit
    else { throw ConsortiumError(.invalidProof, "the leaf is not the completion of the visit") }
    try await checkRecordDigest(completion, proven.entry)
    let signature = try await team(of: completion.context).verify(
      SequentialSignature(encoded: completion.signature), commitments: completion.commitments)
    return (completion, signature)
  }

  /// Eq. (3) says nothing of the record: its digest is the last doctor's and the cloud's word.
  private func checkRecordDigest(_ completion: VisitCompletion, _ entry: Entry?) async throws {
    let context = completion.context
    guard let entry, let last = context.signers.last?.doctor,
      entry.content.signer == .party(last),
      entry.isSigned(
        by: try await doctor(last, by: context.hospital).verified.statement.identityKey)
    else {
      throw ConsortiumError(
        .invalidProof, "the last doctor of the team has not signed for the record")
    }
    let receipt = StorageReceipt(
      genesis: genesis.digest, visit: context.visitID, recordDigest: completion.recordDigest)
    guard let cloud = genesis.cloud(ofHospital: context.hospital),
      let key = genesis.identityKey(of: cloud),
      IdentityKey.isValid(completion.storageSignature, of: receipt, by: key)
    else { throw ConsortiumError(.invalidProof, "the cloud has not signed for the record") }
  }
}

extension ProvenLeaf {
  /// The registration of a doctor in this item of the consortium chain.
  ///
  /// - Throws: ``ConsortiumError`` `unknown-doctor` if it is none, or if it lacks a signature.
  package func registration(
    of doctor: String, genesis: ValidGenesis
  ) throws -> VerifiedRegistration<Suite> {
    guard chain == ChainName.consortium, let entry,
      case .doctorRegistration(let registration) = entry.content.body,
      registration.statement.doctor == doctor
    else { throw ConsortiumError(.unknownDoctor, "the leaf does not register \(doctor)") }
    guard entry.content.signer == .party(registration.statement.hospital),
      let hospitalKey = genesis.identityKey(of: registration.statement.hospital),
      entry.isSigned(by: hospitalKey), registration.statement.genesis == genesis.digest
    else { throw ConsortiumError(.unknownDoctor, "\(doctor) is not registered by a hospital") }
    return try VerifiedRegistration(
      verifying: registration, managerKey: genesis.genesis.manager.registrationKey)
  }
}
