import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import Pairings

/// Many visits at once, for measurements at the size of years.
extension LocalConsortium {
  /// What ``generateVisits(_:hospitals:advancingClock:progress:)`` did.
  public struct Generation: Sendable {
    /// How many were put on the ledger.
    public var visits = 0
    /// How many consortium blocks they were made on.
    public var rounds = 0
    /// Without signing, of which two rounds overlap: judging, confirming, anchoring.
    public var ledgerNanoseconds: UInt64 = 0
    /// From the beginning to the end.
    public var nanoseconds: UInt64 = 0
  }

  /// How many visits are made on one consortium block.
  public static let generationRound = 512

  /// Puts visits on the hospitals' chains as honest parties would, with all signatures real and none
  /// looked at again; confirmed and, but for the last round, anchored. There are no findings behind
  /// the commitments that anybody keeps, and no records at the cloud: their digests are random.
  ///
  /// - Parameters:
  ///   - hospitals: so many hospitals have visits, in turn.
  ///   - advancingClock: moves the clock of the environment on, before each round.
  ///   - progress: told how many visits are on the ledger.
  public func generateVisits(
    _ count: Int, hospitals: Int, advancingClock: @Sendable () -> Void,
    progress: @Sendable (_ visits: Int) -> Void
  ) async throws -> Generation {
    let start = environment.nanoseconds()
    var result = Generation()
    let makers = try await visitMakers(hospitals)
    var next = try await round(makers, count)
    while !next.isEmpty {
      let ready = next
      result.visits += ready.reduce(0) { $0 + $1.count }
      result.rounds += 1
      let rest = count - result.visits
      // The next round is signed, on the same base, while this one is written.
      async let upcoming = round(makers, rest)
      let began = environment.nanoseconds()
      advancingClock()
      try await settle()
      for (maker, visits) in zip(makers, ready) where !visits.isEmpty {
        try await put(visits, of: maker.hospital)
      }
      // Nobody else asks the manager to follow.
      try await manager.node.catchUp()
      result.ledgerNanoseconds += environment.nanoseconds() - began
      next = try await upcoming
      progress(result.visits)
    }
    advancingClock()
    try await settle()
    try await manager.node.catchUp()
    result.nanoseconds = environment.nanoseconds() - start
    return result
  }

  private func round(_ makers: [VisitMaker], _ count: Int) async throws -> [[[Entry]]] {
    if count <= 0 { return [] }
    let total = min(count, Self.generationRound)
    let base = try await cloud.node.finalBlock()
    var visits: [[[Entry]]] = []
    for (index, maker) in makers.enumerated() {
      let share = total / makers.count + (index < total % makers.count ? 1 : 0)
      visits.append(try await maker.visits(share, at: base))
    }
    return visits
  }

  private func put(_ visits: [[Entry]], of id: String) async throws {
    let server = try hospital(id)
    let writer = server.ledger.writer
    try await writer.follow(try await server.node.finalBlock())
    try await writer.append(trusting: visits.flatMap(\.self))
    let generation = await writer.generation
    let randomness = SharedRandomness(environment.randomness(id))
    let logKey = try server.keys.logKeys(server.store, randomness).key(
      generation: generation, origin: genesis.origin(of: id, generation: generation))
    while let blocks = try await writer.closedBlocks(
      from: await writer.view.confirmed?.size ?? 0, signedBy: logKey)
    {
      await writer.confirm(try await cloud.confirmer.confirm(trusting: blocks, of: id))
    }
  }

  private func visitMakers(_ hospitals: Int) async throws -> [VisitMaker] {
    let contact = "patient-generated"
    try addPatient(contact: contact, identity: contact)
    let patient = try patient(contact)
    let members = try await members()
    let cloudKey = try supernodeKeys(cloud.id).ring.identity(in: members)
    var makers: [VisitMaker] = []
    for id in genesis.members.hospitals.prefix(hospitals) {
      let server = try hospital(id)
      var team: [VisitMaker.Member] = []
      for number in 1...configuration.teamSize {
        let doctor = try doctor("\(id)-doctor-\(number)")
        let keys = await doctor.keys
        let statement = keys.signing.statement(
          genesis: genesis.digest, doctor: doctor.id, hospital: id,
          identityKey: keys.identity.publicKey)
        team.append(
          VisitMaker.Member(
            id: doctor.id, keys: keys,
            prepared: PreparedDoctorKey(try VerifiedDoctorKey(alreadyVerified: statement))))
      }
      makers.append(
        VisitMaker(
          genesis: genesis, hospital: id, keys: server.keys,
          identity: server.keys.ring.identity(in: members), cloud: cloudKey,
          patient: patient.identity, root: patient.keys.root, team: team))
    }
    return makers
  }
}

/// Makes the entries of whole visits, with the keys of all who sign them.
private struct VisitMaker: Sendable {
  struct Member: Sendable {
    let id: String
    let keys: DoctorKeys
    let prepared: PreparedDoctorKey<Suite>
  }

  let genesis: ValidGenesis
  let hospital: String
  let keys: SupernodeKeys
  /// The hospital's.
  let identity: IdentityKey
  let cloud: IdentityKey
  let patient: String
  let root: PatientRoot
  let team: [Member]

  /// How many visits one task makes.
  private static let share = 32

  /// The entries of so many visits, on all cores.
  func visits(_ count: Int, at base: ConsortiumBlock) async throws -> [[Entry]] {
    try await withThrowingTaskGroup(of: [[Entry]].self) { group in
      for start in stride(from: 0, to: count, by: Self.share) {
        group.addTask {
          try (start..<min(count, start + Self.share)).map { _ in try visit(at: base) }
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
  }

  // Not inlined: the optimizer of Swift 6.3.1 crashes where these typed errors meet an async body.
  @inline(never)
  private func visit(at base: ConsortiumBlock) throws -> [Entry] {
    var randomness = SystemRandomNumberGenerator()
    let nonce = Digest32(sha256: randomness.bytes(32))
    let own: PatientVisitKeys<Suite> = try root.keys(
      genesis: genesis.digest, hospital: hospital, nonce: nonce)
    let context = context(own, base, &randomness)
    let opening = VisitOpening(
      context: context, visitKeyProof: try own.visitKey.prove(context),
      patientSignature: own.signingKey.sign(context))
    var entries = [entry(opening, .party(hospital), identity)]

    let chain = try SigningChain(context: context, signers: team.map(\.prepared))
    var signature: VerifiedSignature<Suite>?
    var last: PartialSignature?
    for (index, member) in team.enumerated() {
      let finding = Finding(
        content: Array("finding \(index + 1)".utf8), attempt: 1, using: &randomness)
      let own = FindingCommitment(
        to: finding, contextDigest: chain.contextDigest, position: index + 1)
      let signed = try chain.sign(
        own, after: signature, with: member.keys.signing, using: &randomness)
      let commitments = (signature?.commitments ?? []) + [own]
      signature = VerifiedSignature(
        alreadyVerified: signed, contextDigest: chain.contextDigest, commitments: commitments)
      let partial = PartialSignature(
        visit: context.visitID, commitments: commitments, signature: signed.encoded())
      entries.append(entry(partial, .party(member.id), member.keys.identity))
      last = partial
    }
    guard let last, let member = team.last else { return [] }

    let record = Digest32(sha256: randomness.bytes(32))
    let receipt = StorageReceipt(
      genesis: genesis.digest, visit: context.visitID, recordDigest: record)
    let completion = VisitCompletion(
      context: context, commitments: last.commitments, signature: last.signature,
      recordDigest: record, storageSignature: cloud.sign(receipt))
    entries.append(entry(completion, .party(member.id), member.keys.identity))
    entries.append(
      entry(
        VisitReceipt(visit: context.visitID, recordDigest: record, verdict: .acknowledged),
        .patient(visit: context.visitID), own.signingKey))
    return entries
  }

  private func context(
    _ own: PatientVisitKeys<Suite>, _ base: ConsortiumBlock,
    _ randomness: inout SystemRandomNumberGenerator
  ) -> VisitContext {
    let visit = VisitIDInput(
      patient: patient, encounter: randomness.bytes(16).hex, attempt: 1
    ).visitID(under: keys.visitIdentifiers)
    let numbers = genesis.members.numbers
    let opening = PseudonymOpening(
      hospital: hospital, visitID: visit, identity: patient, using: &randomness)
    return VisitContext(
      genesis: genesis.digest, suite: genesis.content.suite, hospital: hospital,
      pseudonym: opening.pseudonym, visitID: visit,
      evidenceDigest: Evidence(using: &randomness).digest,
      signers: team.map(\.prepared.verified.statement.signer), openedAt: base.countedTime,
      window: numbers.window, resignatureLimit: numbers.resignatureLimit,
      baseHeight: base.reference.height, baseHash: base.reference.digest,
      visitKey: own.visitKey.encodedPublicKey, visitSigningKey: own.signingKey.publicKey,
      keyNonce: own.nonce, mailboxKey: own.mailboxKey.publicKey)
  }

  private func entry(
    _ body: some CanonicalObject, _ signer: EntrySigner, _ key: IdentityKey
  ) -> Entry {
    Entry(
      EntryContent(genesis: genesis.digest, chain: hospital, signer: signer, body: body),
      signedBy: key)
  }
}
