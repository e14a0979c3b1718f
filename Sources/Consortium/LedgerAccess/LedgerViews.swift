package import CanonicalEncoding
import Credentials
package import EMRScheme
import Ledger

/// Answers questions about the ledger from a role's own replay.
package struct LedgerViews: Sendable {
  let node: LedgerNode
  let chains: any HospitalChains
  /// The cloud whose views these are; nil for who is none.
  let cloud: String?

  package init(node: LedgerNode, chains: any HospitalChains, ofCloud cloud: String? = nil) {
    (self.node, self.chains, self.cloud) = (node, chains, cloud)
  }

  /// A chain with all that is anchored of it: what was put back, or is on its way from another cloud, may lack
  /// a revocation, an access or a visit that is final.
  ///
  /// - Throws: ``ConsortiumError`` `behind-anchor` where less of it is here; `not-entitled` at a cloud that has
  ///   given it to another: what is here ends where it was given away, and nothing in it says so.
  func anchoredView(of hospital: String) async throws -> HospitalView {
    try await node.catchUp()
    return try await knownAnchoredView(of: hospital)
  }

  /// The same by the anchors that are known here.
  func knownAnchoredView(of hospital: String) async throws -> HospitalView {
    guard try await isPresent(at: hospital) else {
      throw ConsortiumError(.notEntitled, "another cloud has that hospital's chain")
    }
    let anchor = try await node.consortium.anchor(of: hospital)
    let view = try await chains.view(of: hospital)
    try view.require(anchor)
    return view
  }

  /// Whether no other cloud has the chain by now: of a hospital that was removed its last one keeps it.
  func isPresent(at hospital: String) async throws -> Bool {
    guard let cloud else { return true }
    return try await node.consortium.members(having: hospital).cloud(ofHospital: hospital) == cloud
  }

  /// A visit as the rules have it now.
  func visit(_ visit: Digest32, at hospital: String) async throws -> VisitRecord {
    try Self.visit(visit, on: try await chains.view(of: hospital))
  }

  private static func visit(_ visit: Digest32, on chain: HospitalView) throws -> VisitRecord {
    guard let record = try chain.visit(visit) else {
      throw ConsortiumError(.unknownVisit, "the ledger holds no such visit")
    }
    return record
  }

  /// The context of a visit that is open or complete.
  package func context(of visit: Digest32, at hospital: String) async throws -> VisitContext {
    let view = try await chains.view(of: hospital)
    let record = try Self.visit(visit, on: view)
    if let context = try view.openContext(of: visit) { return context }
    return try await chains.completion(of: record, at: hospital).context
  }

  /// How a visit stands, for the doctors of its team, whatever has become of visit and doctors since.
  func visitView(_ query: ReadVisit, for doctor: Principal?) async throws -> VisitView {
    let view = try await chains.view(of: query.hospital)
    let record = try Self.visit(query.visit, on: view)
    guard let context = try await openedContext(of: record, at: query.hospital),
      context.signers.contains(where: { doctor == .party($0.doctor) })
    else {
      throw ConsortiumError(.notEntitled, "the visit has another team")
    }
    return VisitView(
      record,
      signatures: record.status == .open
        ? try view.signatures(of: query.visit, count: record.attempts.count) : [])
  }

  /// What a visit was opened with, whatever has become of it.
  func openedContext(
    of visit: VisitRecord, at hospital: String
  ) async throws -> VisitContext? {
    let opening = try await chains.leaf(visit.opening, of: hospital)
    guard case .visitOpening(let opened)? = opening.flatMap({ Leaf.entry(in: $0) })?.content.body
    else { return nil }
    return opened.context
  }

  /// Whether somebody may know how a visit has ended: its team, and the clouds that have had its chain since,
  /// which may have its records.
  private func mayKnowEnd(
    _ author: Principal?, of visit: VisitRecord, at hospital: String
  ) async throws -> Bool {
    guard let context = try await openedContext(of: visit, at: hospital) else { return false }
    let clouds = try await node.consortium.clouds(
      ofHospital: hospital, sinceEpoch: node.genesis.epoch(ofHeight: context.baseHeight))
    return (context.signers.map(\.doctor) + clouds).contains { author == .party($0) }
  }

  /// The same for the doctor of a consent.
  func consent(_ query: ReadConsent, for doctor: Principal?) async throws -> ConsentView {
    guard doctor == .party(query.doctor) else {
      throw ConsortiumError(.notEntitled, "the consent is another doctor's")
    }
    return try await consent(query)
  }

  /// How a consent stands. Revocations count from when they are written, final or not, and as a
  /// demand from when its block is final.
  ///
  /// - Throws: ``ConsortiumError``, as ``anchoredView(of:)``.
  func consent(_ query: ReadConsent) async throws -> ConsentView {
    let chain = try await anchoredView(of: query.hospital)
    let consortium = await node.consortium
    var view = ConsentView(
      context: nil, recordDigest: .zero, standing: .unknown, time: consortium.time,
      doctorIsActive: try consortium.finalDoctor(query.doctor)?.status == .active)
    // What was taken back stands no more, whether its notice has come or not.
    let isRevoked =
      try chain.isRevoked(query.consent, of: query.visit)
      || consortium.isRevokedByDemand(
        query.consent, of: query.visit, at: query.hospital)
    // Nothing is said of the visit to who knows no consent for it.
    guard let consent = try chain.consent(query.consent), consent.visit == query.visit else {
      if isRevoked { view.standing = .revoked }
      return view
    }
    view.standing =
      isRevoked
      ? .revoked : try await node.isFinal(consent.index, on: chain) ? .final : .pending
    if let visit = try chain.visit(query.visit), visit.status == .complete,
      let index = visit.completion, let digest = visit.recordDigest,
      try await node.isFinal(index, on: chain)
    {
      view.context = try await chains.completion(of: visit, at: query.hospital).context
      view.recordDigest = digest
    }
    return view
  }

  /// The entries about sharing a visit, and its receipt, for its patient.
  ///
  /// - Throws: ``ConsortiumError``, as ``anchoredView(of:)``.
  func accessLog(
    _ request: ReadAccessLog, for patient: Principal?
  ) async throws -> AccessLogReply {
    let (visit, hospital) = try Self.named(by: patient)
    let view = try await anchoredView(of: hospital)
    _ = try Self.visit(visit, on: view)
    func entry(_ index: UInt64) async throws -> Entry? {
      try await chains.leaf(index, of: hospital).flatMap { Leaf.entry(in: $0) }
    }
    let numbers = request.from..<request.from + AccessLogReply.countLimit
    var (entries, byteCount): ([Entry], Int) = ([], 0)
    for index in try view.sharing(of: visit, numbers) {
      guard let entry = try await entry(index) else {
        throw StoreError(.corrupted, "leaf \(index) is no entry")
      }
      byteCount += entry.encoded().count
      if byteCount > AccessLogReply.byteLimit, !entries.isEmpty { break }
      entries.append(entry)
    }
    var receipt: Entry?
    if let index = try view.receipt(of: visit) { receipt = try await entry(index) }
    let demanded =
      request.from == 0
      ? try await node.consortium.demandedSharing(
        of: visit, at: hospital, limit: AccessLogReply.countLimit) : []
    return AccessLogReply(
      entries: entries, count: try view.sharingCount(of: visit), receipt: receipt,
      demanded: demanded)
  }

  /// The visit whose patient asks.
  func visit(
    of patient: Principal?
  ) async throws -> (id: Digest32, record: VisitRecord, hospital: String) {
    let (visit, hospital) = try Self.named(by: patient)
    return (visit, try await self.visit(visit, at: hospital), hospital)
  }

  /// What a patient who asks is the patient of.
  private static func named(
    by patient: Principal?
  ) throws -> (visit: Digest32, hospital: String) {
    guard case .patient(let visit, let hospital) = patient else {
      throw ConsortiumError(.notEntitled, "the patient alone may ask this")
    }
    return (visit, hospital)
  }

  /// Proves that something is final.
  func prove(_ request: Prove) async throws -> FinalityProof {
    try await node.catchUpForStrangers()
    let consortium = await node.consortium
    let proof: FinalityProof? =
      switch request.subject {
      case .registration(let signer):
        try consortium.registration(of: signer).flatMap { record in
          try consortium.proof(of: record.index, knownSize: request.knownSize)
        }
      case .consortiumBlock(let height):
        try consortium.block(height).flatMap { block in
          try consortium.proof(of: block.index, knownSize: request.knownSize)
        }
      case .consortiumLeaf(let index):
        try consortium.proof(of: index, knownSize: request.knownSize)
      case .entry(let entry, let hospital):
        try await proof(on: hospital, request.knownSize, consortium) { try $0.index(of: entry) }
      }
    return try Self.found(proof)
  }

  private static func found(_ proof: FinalityProof?) throws -> FinalityProof {
    guard let proof else {
      throw ConsortiumError(.notFinal, "the ledger does not hold this in a final block")
    }
    return proof
  }

  /// The same about a visit, for its patient, and for who has a consent of its patient; how it has ended,
  /// for its team and its clouds too.
  func prove(_ request: ProveVisit, for author: Principal?) async throws -> FinalityProof {
    let (visit, hospital) = (request.visit, request.hospital)
    let record = try await self.visit(visit, at: hospital)
    let shown = request.consent.flatMap { try? $0.verified(by: record.signingKey) }
    let mayKnowEnd =
      try await request.subject == .ending
      ? self.mayKnowEnd(author, of: record, at: hospital) : false
    guard
      mayKnowEnd || author == .patient(visit: visit, hospital: hospital)
        || shown.map({
          author == .party($0.doctor) && $0.visit == visit && $0.hospital == hospital
            && $0.genesis == node.genesis.digest
        }) ?? false
    else {
      throw ConsortiumError(.notEntitled, "the patient has not told the doctor of this visit")
    }
    try await node.catchUp()
    let consortium = await node.consortium
    switch request.subject {
    case .completion:
      return try Self.found(
        try await proof(on: hospital, request.knownSize, consortium) {
          try $0.visit(visit)?.completion
        })
    case .ending:
      return try Self.found(
        try await proof(on: hospital, request.knownSize, consortium) {
          try $0.visit(visit)?.completion ?? $0.abandonment(of: visit)
        })
    case .signingKey:
      return try Self.found(
        try await signer(ofVisit: visit, hospital, consortium).flatMap { record in
          try consortium.proof(of: record.origins.keys, knownSize: request.knownSize)
        })
    }
  }

  /// How long the proofs of several doctors may be together, in bytes.
  private static let doctorsByteCount = MessageLimits.plain / 2

  /// Proves what holds of doctors as of the last final block: of as many as have room, and of one at least.
  func prove(_ request: ProveDoctors) async throws -> DoctorProofs {
    try await node.catchUpForStrangers()
    let consortium = await node.consortium
    var (proofs, byteCount) = ([DoctorProof](), 0)
    for doctor in request.doctors {
      let proof = try Self.proof(of: doctor, request.knownSize, consortium)
      byteCount += proof.encodedSequence().count
      if byteCount > Self.doctorsByteCount, !proofs.isEmpty { break }
      proofs.append(proof)
    }
    return DoctorProofs(proofs)
  }

  private static func proof(
    of doctor: String, _ knownSize: UInt64, _ consortium: ConsortiumView
  ) throws -> DoctorProof {
    guard let record = try consortium.finalDoctor(doctor) else {
      throw ConsortiumError(.unknownDoctor, "no final block registers \(doctor)")
    }
    func proof(_ index: UInt64) throws -> FinalityProof {
      guard let proof = try consortium.proof(of: index, knownSize: knownSize) else {
        throw ConsortiumError(.notFinal, "the client knows a newer checkpoint")
      }
      return proof
    }
    let origins = record.origins
    return DoctorProof(
      registration: try proof(origins.statement),
      rotation: origins.keys == origins.statement ? nil : try proof(origins.keys),
      status: record.statusChanges == 0 ? nil : try proof(origins.status),
      specialties:
        origins.specialties == origins.statement ? nil : try proof(origins.specialties))
  }

  /// The last doctor of a complete visit, as of what the completion was judged by.
  private func signer(
    ofVisit visit: Digest32, _ hospital: String, _ consortium: ConsortiumView
  ) async throws -> DoctorRecord? {
    let chain = try await chains.view(of: hospital)
    // A completion closes its block.
    guard let index = try chain.visit(visit)?.completion,
      let item = try await chains.leaf(index, of: hospital), let entry = Leaf.entry(in: item),
      case .party(let doctor) = entry.content.signer,
      let closing = try await chains.leaf(index + 1, of: hospital),
      let header = Leaf.header(in: closing)
    else { return nil }
    // One that was demanded was judged as of the demand.
    let demanded = try consortium.height(ofDemandFor: entry)
    for height in [header.base.height] + (demanded.map { [$0] } ?? []) {
      if let record = try consortium.doctor(doctor, at: height),
        entry.isSigned(by: record.identityKey)
      {
        return record
      }
    }
    return nil
  }

  /// A demand of an entry, with the proof that its signer is entitled to sign it: as who asks shows it, or by the chain
  /// that is here.
  func demand(_ entry: Entry, showing shown: AnchoredLeaf?) async throws -> Demand {
    guard case .patient(let visit) = entry.content.signer else {
      return Demand(entry: entry, completion: nil)
    }
    let hospital = entry.content.chain
    if let shown, let completion = Leaf.entry(in: shown.leaf.leaf),
      completion.encoded().count <= LedgerLimits.demandedEntryByteCount,
      case .visitCompletion = completion.content.body,
      let number = try await node.consortium.anchorNumber(at: shown.anchor, of: hospital)
    {
      return Demand(
        entry: entry,
        completion: .init(
          entry: completion, anchor: number, index: shown.leaf.index,
          inclusion: shown.leaf.inclusion))
    }
    let chain = try await chains.view(of: hospital)
    guard let index = try chain.visit(visit)?.completion,
      let (number, anchor) = try await node.consortium.numberedAnchor(
        covering: index, of: hospital),
      try chain.leads(to: anchor), let leaf = try await chains.leaf(index, of: hospital),
      let completion = Leaf.entry(in: leaf)
    else { throw ConsortiumError(.notFinal, "the visit's completion is not anchored") }
    return Demand(
      entry: entry,
      completion: .init(
        entry: completion, anchor: number, index: index,
        inclusion: try chain.inclusion(of: index, size: anchor.size)))
  }

  /// The proof of a leaf of a hospital's chain; nil if there is none, or it is not final.
  private func proof(
    on hospital: String, _ knownSize: UInt64, _ consortium: ConsortiumView,
    of find: (HospitalView) throws -> UInt64?
  ) async throws -> FinalityProof? {
    let chain = try await chains.view(of: hospital)
    guard let index = try find(chain),
      let anchor = try await node.finalAnchor(covering: index, on: chain),
      let leaf = try await chains.leaf(index, of: hospital)
    else { return nil }
    return try consortium.proof(
      of: anchor.index, knownSize: knownSize,
      hospital: chain.proof(of: index, leaf: leaf, size: anchor.size))
  }
}
