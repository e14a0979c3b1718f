import CanonicalEncoding
import Credentials
import EMRScheme

/// The rules of a hospital's chain: its visits, and what was consented to (specification 6.4). A
/// deterministic function of the items and of the consortium blocks that they name as base.
package struct HospitalRules: ChainRules {
  package let genesis: ValidGenesis
  let hospital: String
  /// The state of the consortium chain, at or ahead of every base.
  let consortium: any StateStore
  /// Decides at once what a ``Refused`` depends on.
  let decider: any ClaimDecider

  package init(
    genesis: ValidGenesis, hospital: String, consortium: any StateStore,
    decider: any ClaimDecider
  ) {
    self.genesis = genesis
    self.hospital = hospital
    self.consortium = consortium
    self.decider = decider
  }

  package var chain: String { hospital }

  package struct Block: OpenBlock {
    /// The consortium block by which this block is judged; none before the first.
    var base: ConsortiumBlock?
    /// Its height, of the header before: where the consortium's state is behind when the chain is
    /// opened, the block is found later.
    var baseHeight: UInt64?
    /// How many demands are answered.
    var answered: UInt64 = 0
    package var itemCount: UInt64 = 0
    package var byteCount: UInt64 = 0
  }

  package func open(after header: BlockHeader?, _ state: StateView) -> Block {
    guard let header else { return Block() }
    let reader = reader
    defer { state.adopt(failureOf: reader.state) }
    return Block(
      base: reader.block(header.base.height), baseHeight: header.base.height,
      answered: header.answeredThrough)
  }

  private var reader: ConsortiumReader { ConsortiumReader(genesis: genesis, store: consortium) }

  package func judge(
    _ item: Item, _ block: inout Block, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let reader = reader
    defer { state.adopt(failureOf: reader.state) }
    if block.base == nil, let height = block.baseHeight {
      guard let base = reader.block(height) else { throw .unknownBase }
      block.base = base
    }
    // The first block of all has no base before its first item.
    let numbers =
      (block.base.map { reader.members(at: $0.reference.height) } ?? genesis.members).numbers
    guard block.itemCount < numbers.blockItemLimit,
      block.byteCount + item.byteCount <= numbers.blockByteLimit || block.itemCount == 0
    else { throw .blockFull }
    if case .baseAdvance(let advance) = item.entry.content.body {
      return try self.advance(advance, item, &block, reader, state)
    }
    guard let base = block.base else { throw .noBase }
    guard let demand = openDemand(block, base, reader) else {
      return try judge(item.entry, item, Base(block: base, reader: reader), state)
    }
    // Demands come first, in the consortium's order, each judged as of its own block.
    guard let demandedAt = reader.block(demand.height) else { throw .unknownBase }
    let demandBase = Base(block: demandedAt, reader: reader)
    let judgement: Judgement
    if demand.entry == item.digest {
      judgement = try judge(item.entry, item, demandBase, state)
    } else if case .refused(let refused) = item.entry.content.body, refused.entry == demand.entry {
      judgement = try self.refuse(refused, item, base, demandBase, state)
    } else {
      throw .demandOpen
    }
    block.answered += 1
    skipAnswered(&block, base, reader, state, and: item.digest)
    return judgement
  }

  package func close(_ block: Block, _ state: StateView) -> BlockSummary {
    let reader = reader
    defer { state.adopt(failureOf: reader.state) }
    return BlockSummary(
      generation: reader.generation(of: hospital, at: block.base?.reference.height ?? 0).generation,
      base: block.base?.reference ?? .none, time: block.base?.time ?? 0,
      countedTime: block.base?.countedTime ?? 0, answeredThrough: block.answered)
  }

  package func closed(_ header: BlockHeader, _ state: StateView) {}

  // MARK: Base and demands

  /// What an entry is judged by: the directory and the time of a consortium block.
  private struct Base {
    let block: ConsortiumBlock
    let reader: ConsortiumReader

    var time: UInt64 { block.countedTime }
    private var height: UInt64 { block.reference.height }

    /// Of the epoch of the block.
    var members: ValidMembers { reader.members(at: height) }

    func doctor(_ id: String) -> DoctorRecord? { reader.doctor(id, at: height) }

    /// A doctor who may act.
    func activeDoctor(_ id: String) throws(Refusal) -> DoctorRecord {
      guard let doctor = doctor(id) else { throw .unknownDoctor }
      guard doctor.status == .active else { throw .notActive }
      return doctor
    }

    /// The Ed25519 key with which this party signs entries: of a member, or of an active doctor.
    func identityKey(of party: String) throws(Refusal) -> [UInt8] {
      if let key = members.identityKey(of: party) { return key }
      guard let doctor = doctor(party) else { throw .unknownSigner }
      guard doctor.status == .active else { throw .notActive }
      return doctor.identityKey
    }

    /// The statement with the keys that an opening gave a doctor, whatever came after it.
    func statement(of signer: VisitContext.Signer) -> RegistrationStatement? {
      reader.state.statement(of: signer, at: height)
    }
  }

  private func advance(
    _ advance: BaseAdvance, _ item: Item, _ block: inout Block, _ reader: ConsortiumReader,
    _ state: StateView
  ) throws(Refusal) -> Judgement {
    guard block.itemCount == 0 else { throw .notFirst }
    guard item.entry.content.signer == .party(hospital) else { throw .notEntitled }
    guard let base = reader.block(advance.base.height), base.reference == advance.base else {
      throw .unknownBase
    }
    let key = try key(at: base, reader)
    if let former = block.base, base.reference.height <= former.reference.height {
      throw .staleBase
    }
    // A generation begins exactly behind what it keeps of the one before, and so do all that the base
    // passes over.
    let generations = reader.generations(
      of: hospital, after: block.base?.reference.height, upTo: base.reference.height)
    guard generations.allSatisfy({ $0.start == item.index }) else { throw .wrongGeneration }
    block.base = base
    skipAnswered(&block, base, reader, state, and: nil)
    return Judgement(
      claims: [item.entry.signatureClaim(by: key)],
      roots: generations.map { RequiredRoot($0.root, or: .wrongGeneration) })
  }

  /// The hospital's own key as of a base.
  private func key(
    at base: ConsortiumBlock, _ reader: ConsortiumReader
  ) throws(Refusal) -> [UInt8] {
    let members = reader.members(at: base.reference.height)
    // Its chain ends with the epoch in which it was removed.
    guard members.supernode(hospital)?.role == .hospital,
      let key = members.identityKey(of: hospital)
    else { throw .notEntitled }
    return key
  }

  /// The first demand on this chain, up to the base, that is not answered.
  private func openDemand(
    _ block: Block, _ base: ConsortiumBlock, _ reader: ConsortiumReader
  ) -> DemandRecord? {
    guard let demand = reader.demand(block.answered, of: hospital),
      demand.height <= base.reference.height
    else { return nil }
    return demand
  }

  /// An entry that is an item already counts as answered.
  private func skipAnswered(
    _ block: inout Block, _ base: ConsortiumBlock, _ reader: ConsortiumReader,
    _ state: StateView, and item: Digest32?
  ) {
    while let demand = openDemand(block, base, reader),
      demand.entry == item || state.holds(.item(demand.entry))
    {
      block.answered += 1
    }
  }

  private func refuse(
    _ refused: Refused, _ item: Item, _ base: ConsortiumBlock, _ demandBase: Base,
    _ state: StateView
  ) throws(Refusal) -> Judgement {
    guard item.entry.content.signer == .party(hospital) else { throw .notEntitled }
    let key = try key(at: base, demandBase.reader)
    guard let demanded = demandBase.reader.demandedEntry(refused.entry) else {
      throw .unknownBase
    }
    let reason = refusal(of: demanded, refused.entry, item, demandBase, state)
    guard reason?.code == refused.code else { throw .wrongRefusal }
    return Judgement(claims: [item.entry.signatureClaim(by: key)])
  }

  /// Why the rules refuse a demanded entry; nil if they do not. Nothing of the state changes.
  private func refusal(
    of entry: Entry, _ digest: Digest32, _ item: Item, _ base: Base, _ state: StateView
  ) -> Refusal? {
    let trial = state.scratch()
    defer { state.adopt(failureOf: trial) }
    do throws(Refusal) {
      let item = Item(
        entry: entry, digest: digest, index: item.index,
        byteCount: UInt64(entry.encoded().count) + 1)
      return try judge(entry, item, base, trial).claims.first {
        !decider.holds($0.claim)
      }?.refusal
    } catch {
      return error
    }
  }

  // MARK: Visits

  private func judge(
    _ entry: Entry, _ item: Item, _ base: Base, _ state: StateView
  ) throws(Refusal) -> Judgement {
    switch entry.content.body {
    case .visitOpening(let body): try open(body, item, base, state)
    case .partialSignature(let body): try add(body, item, base, state)
    case .visitCompletion(let body): try complete(body, item, base, state)
    case .visitAbandonment(let body): try abandon(body, item, base, state)
    case .visitReceipt(let body): try receive(body, item, state)
    case .accessRequestNotice(let body): try note(body, item, base, state)
    case .consentNotice(let body): try consent(body, item, state)
    case .revocation(let body): try revoke(body, item, state)
    case .accessNotice(let body): try note(body, item, base, state)
    default: throw .wrongKind
    }
  }

  private func open(
    _ opening: VisitOpening, _ item: Item, _ base: Base, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let signature = try signature(of: item.entry, by: hospital, base)
    let (context, numbers) = (opening.context, base.members.numbers)
    guard context.genesis == genesis.digest, context.suite == genesis.content.suite,
      context.hospital == hospital, context.window == numbers.window,
      context.resignatureLimit == numbers.resignatureLimit,
      context.baseHeight <= base.block.reference.height,
      let opened = base.reader.block(context.baseHeight),
      opened.reference.digest == context.baseHash, opened.countedTime == context.openedAt,
      base.time - context.openedAt <= numbers.window / 4
    else { throw .wrongContext }
    guard !state.holds(.visit(context.visitID)), !state.holds(.pseudonym(context.pseudonym)) else {
      throw .visitKnown
    }
    let keys = [context.visitKey, context.visitSigningKey, context.mailboxKey]
    guard Set(keys).count == keys.count else { throw .visitKeyKnown }
    for key in keys where state.holds(.visitKey(key)) { throw .visitKeyKnown }
    guard Set(context.signers.map(\.doctor)).count == context.signers.count else {
      throw .doctorTwice
    }
    for signer in context.signers {
      let doctor = try base.activeDoctor(signer.doctor)
      guard doctor.statement.hospital == hospital, doctor.statement.signer == signer else {
        throw .unknownDoctor
      }
    }
    let amendment = try checkAmendment(context, base, state)

    state.set(
      .visit(context.visitID),
      VisitRecord(
        status: .open, contextDigest: context.digest, signingKey: context.visitSigningKey,
        attempts: context.signers.map { _ in 0 }, opening: item.index))
    state.set(.context(context.visitID), context)
    for key in keys { state.set(.visitKey(key), context.visitID) }
    state.set(.pseudonym(context.pseudonym), context.visitID)
    return Judgement(
      claims: [
        signature,
        RequiredClaim(
          .signature(
            opening.patientSignature, of: context.encoded(), by: context.visitSigningKey),
          or: .wrongVisitKeyProof),
        RequiredClaim(
          .visitKey(context, proof: opening.visitKeyProof), or: .wrongVisitKeyProof),
      ] + amendment)
  }

  /// A visit of this chain that is amended has to be complete, and its patient has to have signed for that.
  /// What another chain holds is compared by whoever has both (specification 7.4).
  private func checkAmendment(
    _ context: VisitContext, _ base: Base, _ state: StateView
  ) throws(Refusal) -> [RequiredClaim] {
    guard let amended = context.amends, let amendment = context.amendment else { return [] }
    guard base.reader.isHospital(amended.hospital, upTo: base.block.reference.height) else {
      throw .unknownVisit
    }
    guard amended.hospital == hospital else { return [] }
    guard let record: VisitRecord = state.value(.visit(amended.visit)) else {
      throw .unknownVisit
    }
    guard record.status == .complete else { throw .visitNotComplete }
    return [
      RequiredClaim(
        .signature(
          amended.patientSignature, of: amendment.encoded(), by: record.signingKey),
        or: .wrongAmendment)
    ]
  }

  private func add(
    _ partial: PartialSignature, _ item: Item, _ base: Base, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (doctor, signature) = try party(item.entry, base)
    let (record, context) = try openVisit(partial.visit, state)
    let position = partial.commitments.count
    guard position <= context.signers.count, context.signers[position - 1].doctor == doctor else {
      throw .notEntitled
    }
    try requireActive(context, base)
    guard base.time <= context.deadline(ofPosition: position) else { throw .late }
    let attempt = record.attempts[position - 1] + 1
    guard attempt <= context.resignatureLimit + 1 else { throw .resignatureLimit }
    guard partial.commitments[position - 1].attempt == attempt else { throw .wrongAttempt }
    // The first k − 1 commitments are the latest of the doctors before.
    if position > 1 {
      guard
        let previous: PartialSignature = state.value(
          .signature(partial.visit, position: position - 1)),
        previous.commitments == Array(partial.commitments.dropLast())
      else { throw .wrongCommitments }
    }
    // A new attempt withdraws the doctor's former one and everything built on it.
    var updated = record
    updated.attempts[position - 1] = attempt
    state.set(.visit(partial.visit), updated)
    state.set(.signature(partial.visit, position: position), partial)
    removeSignatures(of: partial.visit, after: position, context, state)
    return Judgement(claims: [
      signature, RequiredClaim(.partialSignature(partial.signature), or: .wrongPoint),
    ])
  }

  /// Nobody goes on with a visit of which a doctor may not act any more: it can only be abandoned.
  private func requireActive(_ context: VisitContext, _ base: Base) throws(Refusal) {
    for signer in context.signers { _ = try base.activeDoctor(signer.doctor) }
  }

  private func removeSignatures(
    of visit: Digest32, after position: Int, _ context: VisitContext, _ state: StateView
  ) {
    for later in position..<context.signers.count {
      let key = StateKey.signature(visit, position: later + 1)
      if state.holds(key) { state.remove(key) }
    }
  }

  private func complete(
    _ completion: VisitCompletion, _ item: Item, _ base: Base, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (doctor, signature) = try party(item.entry, base)
    let visit = completion.context.visitID
    let (record, context) = try openVisit(visit, state)
    guard completion.context == context else { throw .wrongContext }
    let last = context.signers.count
    guard context.signers[last - 1].doctor == doctor else { throw .notEntitled }
    try requireActive(context, base)
    guard base.time <= context.deadline(ofPosition: last) else { throw .late }
    guard let signed: PartialSignature = state.value(.signature(visit, position: last)),
      signed.commitments == completion.commitments, signed.signature == completion.signature
    else { throw .wrongCommitments }
    let receipt = StorageReceipt(
      genesis: genesis.digest, visit: visit, recordDigest: completion.recordDigest)
    guard
      let cloud = base.members.cloud(ofHospital: hospital).flatMap(base.members.identityKey(of:))
    else {
      throw .wrongStorageReceipt
    }
    let team = context.signers.compactMap { base.statement(of: $0) }
    guard team.count == last else { throw .unknownDoctor }

    var updated = record
    updated.status = .complete
    updated.completion = item.index
    updated.recordDigest = completion.recordDigest
    end(visit, updated, context, state)
    return Judgement(
      claims: [
        signature,
        RequiredClaim(
          .signature(completion.storageSignature, of: receipt.encoded(), by: cloud),
          or: .wrongStorageReceipt),
        RequiredClaim(.multisignature(completion, team: team), or: .wrongMultisignature),
      ], closesBlock: true)
  }

  /// What only an open visit needs goes.
  private func end(
    _ visit: Digest32, _ record: VisitRecord, _ context: VisitContext, _ state: StateView
  ) {
    state.set(.visit(visit), record)
    state.remove(.context(visit))
    removeSignatures(of: visit, after: 0, context, state)
  }

  private func abandon(
    _ abandonment: VisitAbandonment, _ item: Item, _ base: Base, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let signature = try signature(of: item.entry, by: hospital, base)
    let (record, context) = try openVisit(abandonment.visit, state)
    var updated = record
    updated.status = .abandoned
    end(abandonment.visit, updated, context, state)
    state.note(.abandonment(abandonment.visit), item.index)
    return Judgement(claims: [signature])
  }

  private func receive(
    _ receipt: VisitReceipt, _ item: Item, _ state: StateView
  ) throws(Refusal) -> Judgement {
    var (record, signature) = try completeVisit(receipt.visit, signedByPatient: item, state)
    guard record.recordDigest == receipt.recordDigest else { throw .wrongRecordDigest }
    guard record.receipt == nil else { throw .alreadyReceipted }
    record.receipt = receipt.verdict
    state.set(.visit(receipt.visit), record)
    state.note(.receipt(receipt.visit), item.index)
    return Judgement(claims: [signature])
  }

  // MARK: Sharing

  private func note(
    _ notice: AccessRequestNotice, _ item: Item, _ base: Base, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let signature = try signature(of: item.entry, by: base.members.manager.id, base)
    guard try visit(notice.visit, state).status == .complete else { throw .visitNotComplete }
    guard !state.holds(.request(notice.document)) else { throw .documentKnown }
    // The manager notes a request when the patient has consented: whom the patient refuses, nobody.
    let unnoted = unnotedConsents(of: notice.visit, state)
    guard unnoted > 0 else { throw .requestLimit }
    state.note(.unnoted(notice.visit), unnoted - 1)
    state.set(.request(notice.document), notice.visit)
    index(notice.visit, item, state)
    return Judgement(claims: [signature])
  }

  private func consent(
    _ notice: ConsentNotice, _ item: Item, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (_, signature) = try completeVisit(notice.visit, signedByPatient: item, state)
    guard !state.holds(.consent(notice.document)) else { throw .documentKnown }
    guard !state.holds(.takenBack(notice.document, of: notice.visit)) else {
      throw .consentRevoked
    }
    state.set(.consent(notice.document), ConsentRecord(visit: notice.visit, index: item.index))
    state.note(.unnoted(notice.visit), unnotedConsents(of: notice.visit, state) + 1)
    index(notice.visit, item, state)
    return Judgement(claims: [signature], closesBlock: true)
  }

  /// A patient takes a consent back also before its notice has come, which is taken no more then: what
  /// was on its way, or was kept back, never stands.
  private func revoke(
    _ revocation: Revocation, _ item: Item, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let (_, signature) = try completeVisit(revocation.visit, signedByPatient: item, state)
    let (visit, document) = (revocation.visit, revocation.document)
    if var consent = noticed(document, visit: visit, state) {
      guard !consent.isRevoked else { throw .consentRevoked }
      consent.isRevoked = true
      state.set(.consent(document), consent)
    } else {
      guard !state.holds(.takenBack(document, of: visit)) else { throw .consentRevoked }
      state.set(.takenBack(document, of: visit), item.index)
    }
    index(visit, item, state)
    return Judgement(claims: [signature], closesBlock: true)
  }

  private func note(
    _ notice: AccessNotice, _ item: Item, _ base: Base, _ state: StateView
  ) throws(Refusal) -> Judgement {
    let signature = try signature(of: item.entry, by: base.members.manager.id, base)
    var consent = try consent(notice.document, visit: notice.visit, state)
    guard !consent.isUsed else { throw .consentUsed }
    consent.isUsed = true
    state.set(.consent(notice.document), consent)
    index(notice.visit, item, state)
    return Judgement(claims: [signature])
  }

  private func consent(
    _ document: Digest32, visit: Digest32, _ state: StateView
  ) throws(Refusal) -> ConsentRecord {
    guard let consent = noticed(document, visit: visit, state) else { throw .unknownConsent }
    guard !consent.isRevoked else { throw .consentRevoked }
    return consent
  }

  /// The consent to a visit of which the chain has a notice.
  private func noticed(
    _ document: Digest32, visit: Digest32, _ state: StateView
  ) -> ConsentRecord? {
    guard let consent: ConsentRecord = state.value(.consent(document)), consent.visit == visit
    else { return nil }
    return consent
  }

  /// How many consents of a visit are without the notice of a request.
  private func unnotedConsents(of visit: Digest32, _ state: StateView) -> UInt64 {
    state.value(.unnoted(visit)) ?? 0
  }

  /// For the access log of the patient.
  private func index(_ visit: Digest32, _ item: Item, _ state: StateView) {
    let count: UInt64 = state.value(.sharingCount(visit)) ?? 0
    state.note(.sharing(visit, number: count), item.index)
    state.note(.sharingCount(visit), count + 1)
  }

  // MARK: Signers and visits

  private func party(
    _ entry: Entry, _ base: Base
  ) throws(Refusal) -> (String, RequiredClaim) {
    guard case .party(let id) = entry.content.signer else { throw .unknownSigner }
    return (id, entry.signatureClaim(by: try base.identityKey(of: id)))
  }

  /// The claim that exactly this party signed.
  private func signature(
    of entry: Entry, by expected: String, _ base: Base
  ) throws(Refusal) -> RequiredClaim {
    let (id, signature) = try party(entry, base)
    guard id == expected else { throw .notEntitled }
    return signature
  }

  private func visit(_ id: Digest32, _ state: StateView) throws(Refusal) -> VisitRecord {
    guard let record: VisitRecord = state.value(.visit(id)) else { throw .unknownVisit }
    return record
  }

  private func openVisit(
    _ id: Digest32, _ state: StateView
  ) throws(Refusal) -> (VisitRecord, VisitContext) {
    let record = try visit(id, state)
    guard record.status == .open, let context: VisitContext = state.value(.context(id)) else {
      throw .visitNotOpen
    }
    return (record, context)
  }

  /// A complete visit, whose patient signed the entry with S_v.
  private func completeVisit(
    _ id: Digest32, signedByPatient item: Item, _ state: StateView
  ) throws(Refusal) -> (VisitRecord, RequiredClaim) {
    let record = try visit(id, state)
    guard item.entry.content.signer == .patient(visit: id) else { throw .notEntitled }
    guard record.status == .complete else { throw .visitNotComplete }
    return (record, item.entry.signatureClaim(by: record.signingKey))
  }
}
