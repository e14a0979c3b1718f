public import CanonicalEncoding
import Credentials
public import EMRScheme

/// A hospital chain's state: its visits, and what was consented to.
public struct HospitalState: ChainState {
  public let hospital: String
  public private(set) var visits: [Digest32: VisitState] = [:]
  /// Consents by their digest.
  public private(set) var consents: [Digest32: ConsentState] = [:]
  private var seenKeys: Set<[UInt8]> = []
  private var seenPseudonyms: Set<Digest32> = []
  private var requests: Set<Digest32> = []
  private var height: UInt64 = 0

  public init(hospital: String) { self.hospital = hospital }

  public struct VisitState: Sendable {
    public enum Status: Equatable, Sendable {
      case open
      case abandoned
      case complete(recordDigest: Digest32)
    }

    public let context: VisitContext
    public fileprivate(set) var status = Status.open
    /// The latest signatures, position by position, each extending the one before.
    public fileprivate(set) var signatures: [PartialSignature] = []
    /// a_k: how often each doctor of the team has signed.
    public fileprivate(set) var attempts: [UInt64]
    public fileprivate(set) var receipt: VisitReceipt.Verdict?
  }

  public struct ConsentState: Sendable {
    public let visit: Digest32
    public fileprivate(set) var isRevoked = false
    public fileprivate(set) var accesses = 0
  }

  public mutating func apply(
    _ entry: Entry, base: ConsortiumState, equations: any EquationChecker
  ) throws(Refusal) -> EntryEffect {
    switch ObjectKind(of: entry.content.body) {
    case .visitOpening: try open(entry, base, equations)
    case .partialSignature: try addPartialSignature(entry, base, equations)
    case .visitCompletion: try complete(entry, base, equations)
    case .visitAbandonment: try abandon(entry, base)
    case .visitReceipt: try receive(entry)
    case .accessRequestNotice: try noteRequest(entry, base)
    case .consentNotice: try consent(entry)
    case .revocation: try revoke(entry)
    case .accessNotice: try noteAccess(entry, base)
    case .blockCut: try cut(entry, base)
    default: throw .malformed
    }
  }

  public mutating func close() -> [StateChange.Change] {
    height += 1
    return []
  }

  public mutating func closed(_ header: BlockHeader) {}

  // MARK: Visits

  private mutating func open(
    _ entry: Entry, _ base: ConsortiumState, _ equations: any EquationChecker
  ) throws(Refusal) -> EntryEffect {
    try requireHospital(entry, base)
    let opening: VisitOpening = try entry.body()
    let context = opening.context
    let genesis = base.genesis.genesis
    guard context.genesis == base.genesis.digest, context.suite == genesis.suite,
      context.hospital == hospital, context.window == genesis.window,
      context.resignatureLimit == genesis.resignatureLimit,
      let opened = base.recentBlock(atHeight: context.baseHeight),
      opened.digest == context.baseHash, opened.time == context.openedAt,
      base.time - context.openedAt <= context.window
    else { throw .wrongContext }
    guard visits[context.visitID] == nil, !seenPseudonyms.contains(context.pseudonym) else {
      throw .visitKnown
    }
    guard !seenKeys.contains(context.visitKey), !seenKeys.contains(context.visitSigningKey) else {
      throw .visitKeyKnown
    }
    guard Set(context.signers.map(\.doctor)).count == context.signers.count else {
      throw .doctorTwice
    }
    for signer in context.signers {
      guard let doctor = base.doctors[signer.doctor]?.statement, doctor.hospital == hospital,
        doctor.a == signer.a, doctor.b2 == signer.b, doctor.c2 == signer.c
      else { throw .unknownDoctor }
    }
    guard
      IdentityKey.isValid(
        opening.patientSignature, of: context, by: context.visitSigningKey),
      equations.holds(.visitKey(context, proof: opening.visitKeyProof))
    else { throw .wrongVisitKeyProof }

    visits[context.visitID] = VisitState(
      context: context, attempts: context.signers.map { _ in 0 })
    seenPseudonyms.insert(context.pseudonym)
    seenKeys.formUnion([context.visitKey, context.visitSigningKey])
    return EntryEffect(
      changes: [.init("visit/\(context.visitID)/context", context.digest.bytes)])
  }

  private mutating func addPartialSignature(
    _ entry: Entry, _ base: ConsortiumState, _ equations: any EquationChecker
  ) throws(Refusal) -> EntryEffect {
    let doctor = try entry.verifiedParty(base)
    let partial: PartialSignature = try entry.body()
    var visit = try openVisit(partial.visit)
    let position = partial.commitments.count
    guard position <= visit.context.signers.count,
      visit.context.signers[position - 1].doctor == doctor
    else { throw .notEntitled }
    guard base.time <= visit.context.deadline(ofPosition: position) else { throw .late }
    let attempt = visit.attempts[position - 1] + 1
    guard partial.commitments[position - 1].attempt == attempt else { throw .wrongAttempt }
    if attempt > visit.context.resignatureLimit + 1 {
      // More than N re-signatures of one doctor end the visit (4.2, step 1).
      visits[partial.visit]?.status = .abandoned
      throw .resignatureLimit
    }
    // The first k − 1 commitments are the latest of the doctors before.
    guard visit.signatures.count >= position - 1,
      position == 1
        || visit.signatures[position - 2].commitments == Array(partial.commitments.dropLast())
    else { throw .wrongCommitments }
    guard equations.holds(.partialSignature(partial.signature)) else { throw .wrongPoint }

    // A new attempt withdraws the doctor's former one and everything built on it.
    visit.signatures.removeSubrange((position - 1)...)
    visit.signatures.append(partial)
    visit.attempts[position - 1] = attempt
    visits[partial.visit] = visit
    return EntryEffect(
      changes: [.init("visit/\(partial.visit)/signature/\(position)", entry.digest.bytes)])
  }

  private mutating func complete(
    _ entry: Entry, _ base: ConsortiumState, _ equations: any EquationChecker
  ) throws(Refusal) -> EntryEffect {
    let doctor = try entry.verifiedParty(base)
    let completion: VisitCompletion = try entry.body()
    let id = completion.context.visitID
    let visit = try openVisit(id)
    guard completion.context == visit.context else { throw .wrongContext }
    let last = visit.context.signers.count
    guard visit.context.signers[last - 1].doctor == doctor else { throw .notEntitled }
    guard base.time <= visit.context.deadline(ofPosition: last) else { throw .late }
    guard visit.signatures.count == last,
      visit.signatures[last - 1].commitments == completion.commitments,
      visit.signatures[last - 1].signature == completion.signature
    else { throw .wrongCommitments }
    let receipt = StorageReceipt(
      genesis: base.genesis.digest, visit: id, recordDigest: completion.recordDigest)
    guard let cloud = base.genesis.cloud(ofHospital: hospital).flatMap(base.identityKey(of:)),
      IdentityKey.isValid(completion.storageSignature, of: receipt, by: cloud)
    else { throw .wrongStorageReceipt }
    let team = visit.context.signers.compactMap { base.doctors[$0.doctor]?.statement }
    guard equations.holds(.multisignature(completion, team: team)) else {
      throw .wrongMultisignature
    }

    visits[id]?.status = .complete(recordDigest: completion.recordDigest)
    return EntryEffect(
      changes: [.init("visit/\(id)/record", completion.recordDigest.bytes)], cut: .visit)
  }

  private mutating func abandon(
    _ entry: Entry, _ base: ConsortiumState
  ) throws(Refusal) -> EntryEffect {
    try requireHospital(entry, base)
    let abandonment: VisitAbandonment = try entry.body()
    _ = try openVisit(abandonment.visit)
    visits[abandonment.visit]?.status = .abandoned
    return EntryEffect(
      changes: [.init("visit/\(abandonment.visit)/abandoned", "\(abandonment.reason.rawValue)")])
  }

  private mutating func receive(_ entry: Entry) throws(Refusal) -> EntryEffect {
    let receipt: VisitReceipt = try entry.body()
    let visit = try completeVisit(receipt.visit, signedByPatient: entry)
    guard visit.status == .complete(recordDigest: receipt.recordDigest) else {
      throw .wrongRecordDigest
    }
    guard visit.receipt == nil else { throw .alreadyReceipted }
    visits[receipt.visit]?.receipt = receipt.verdict
    return EntryEffect(
      changes: [.init("visit/\(receipt.visit)/receipt", "\(receipt.verdict.rawValue)")])
  }

  // MARK: Sharing

  private mutating func noteRequest(
    _ entry: Entry, _ base: ConsortiumState
  ) throws(Refusal) -> EntryEffect {
    try requireManager(entry, base)
    let notice: AccessRequestNotice = try entry.body()
    guard case .complete = try visit(notice.visit).status else { throw .visitNotComplete }
    guard requests.insert(notice.document).inserted else { throw .documentKnown }
    return EntryEffect(changes: [.init("request/\(notice.document)", notice.visit.bytes)])
  }

  private mutating func consent(_ entry: Entry) throws(Refusal) -> EntryEffect {
    let notice: ConsentNotice = try entry.body()
    _ = try completeVisit(notice.visit, signedByPatient: entry)
    guard consents[notice.document] == nil else { throw .documentKnown }
    consents[notice.document] = ConsentState(visit: notice.visit)
    return EntryEffect(changes: [.init("consent/\(notice.document)", notice.visit.bytes)])
  }

  private mutating func revoke(_ entry: Entry) throws(Refusal) -> EntryEffect {
    let revocation: Revocation = try entry.body()
    _ = try completeVisit(revocation.visit, signedByPatient: entry)
    try requireConsent(revocation.document, visit: revocation.visit)
    consents[revocation.document]?.isRevoked = true
    return EntryEffect(changes: [.init("consent/\(revocation.document)", "revoked")])
  }

  private mutating func noteAccess(
    _ entry: Entry, _ base: ConsortiumState
  ) throws(Refusal) -> EntryEffect {
    try requireManager(entry, base)
    let notice: AccessNotice = try entry.body()
    try requireConsent(notice.document, visit: notice.visit)
    consents[notice.document]?.accesses += 1
    return EntryEffect(changes: [.init("access/\(notice.document)", entry.digest.bytes)])
  }

  private func requireConsent(_ document: Digest32, visit: Digest32) throws(Refusal) {
    guard let consent = consents[document], consent.visit == visit else { throw .unknownConsent }
    guard !consent.isRevoked else { throw .consentRevoked }
  }

  // MARK: Blocks and signers

  private func cut(_ entry: Entry, _ base: ConsortiumState) throws(Refusal) -> EntryEffect {
    try requireHospital(entry, base)
    let cut: BlockCut = try entry.body()
    guard cut.height == height else { throw .wrongHeight }
    return EntryEffect(changes: [], cut: .administrative)
  }

  private func requireHospital(_ entry: Entry, _ base: ConsortiumState) throws(Refusal) {
    guard try entry.verifiedParty(base) == hospital else { throw .notEntitled }
  }

  private func requireManager(_ entry: Entry, _ base: ConsortiumState) throws(Refusal) {
    guard try entry.verifiedParty(base) == base.genesis.genesis.manager.id else {
      throw .notEntitled
    }
  }

  private func visit(_ id: Digest32) throws(Refusal) -> VisitState {
    guard let visit = visits[id] else { throw .unknownVisit }
    return visit
  }

  private func openVisit(_ id: Digest32) throws(Refusal) -> VisitState {
    let visit = try visit(id)
    guard visit.status == .open else { throw .visitNotOpen }
    return visit
  }

  /// A complete visit, whose patient signed the entry with S_v.
  private func completeVisit(
    _ id: Digest32, signedByPatient entry: Entry
  ) throws(Refusal) -> VisitState {
    let visit = try visit(id)
    guard entry.content.signer == .patient(visit: id) else { throw .notEntitled }
    guard entry.isSigned(by: visit.context.visitSigningKey) else { throw .wrongSignature }
    guard case .complete = visit.status else { throw .visitNotComplete }
    return visit
  }
}
