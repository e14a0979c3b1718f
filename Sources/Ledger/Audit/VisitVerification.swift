public import CanonicalEncoding
import Credentials
public import EMRScheme
import TransparencyLog

/// The offline check of a proof of one visit (specification 7.5). Its checks have the names of those of
/// an export, and show the same of fewer leaves.
public enum VisitVerification {
  /// The first check that does not hold.
  public typealias Failure = Verification.Failure

  /// What a proof shows.
  public struct Report: Equatable, Sendable {
    /// It names the ledger.
    public var genesisDigest: Digest32
    /// Whether that was compared with the one that the user meant.
    public var isGenesisCompared: Bool
    /// The name that the genesis gives the ledger.
    public var network: String
    /// On whose chain the visit stands.
    public var hospital: String
    /// What the patient and the hospital have agreed to; the team is in it.
    public var context: VisitContext
    /// The time of the consortium block that the context names: the visit was opened after it.
    public var openedAfter: UInt64
    /// How it has ended; nil for a visit that was abandoned.
    public var recordDigest: Digest32?
    /// What each doctor of the team has signed in the place of a finding, in the order of the team; none of a visit
    /// that was abandoned.
    public var commitments: [FindingCommitment]
    /// What the patient found; nil if that is not shown.
    public var receipt: VisitReceipt.Verdict?
    /// Where the items stand on the hospital's chain.
    public var indices: [UInt64]
    /// The time of the consortium block with the anchor: all of it existed before.
    public var anchoredAt: UInt64
    /// The checkpoint of the consortium chain that all of it stands under.
    public var checkpointSize: UInt64
    /// Who signed that checkpoint, of how many seats.
    public var delegates: [String]
  }

  /// Checks the file of a proof.
  ///
  /// - Throws: ``Verification/Failure``; what reading the source throws.
  public static func verify(
    _ source: inout some ExportSource, genesisDigest: Digest32?
  ) throws -> Report {
    do {
      guard
        let genesis = try source.file(ExportPath.genesis, limit: Genesis.maximumByteCount),
        let visit = try source.file(ExportPath.visit, limit: VisitProof.maximumByteCount)
      else { throw ExportError("\(ExportPath.genesis) or \(ExportPath.visit) is missing") }
      try source.finish()
      return try verify(genesis: genesis, visit: visit, genesisDigest: genesisDigest)
    } catch let error as ExportError {
      throw Failure(check: .archive, reason: error.message)
    }
  }

  /// - Parameters:
  ///   - bytes: `genesis.der` and `visit.der`.
  ///   - genesisDigest: the ledger that is meant.
  /// - Throws: ``Verification/Failure``.
  public static func verify(
    genesis genesisBytes: [UInt8], visit bytes: [UInt8], genesisDigest: Digest32?
  ) throws(Failure) -> Report {
    let proof: VisitProof
    do {
      proof = try VisitProof(encoded: bytes)
    } catch {
      throw Failure(check: .archive, reason: "\(ExportPath.visit): \(error)")
    }
    let genesis = try Verification.genesis(genesisBytes, genesisDigest)
    let decider: any ClaimDecider
    do {
      decider = try LedgerSuite.decider(for: genesis)
    } catch {
      throw Failure(check: .genesisRules, reason: error.message)
    }
    let directory = try ProvenDirectory(proof, genesis)
    let chain = try ProvenVisit(proof, directory)
    let claims = try directory.claims + chain.claims(directory)
    if let failed = decider.firstFailure(of: claims.map(\.claim)) {
      throw Failure(check: .rules, reason: claims[failed].refusal.code.description)
    }
    return Report(
      genesisDigest: genesis.digest, isGenesisCompared: genesisDigest != nil,
      network: genesis.content.network, hospital: proof.hospital, context: chain.context,
      openedAfter: chain.openedAfter, recordDigest: chain.completion?.recordDigest,
      commitments: chain.completion?.commitments ?? [], receipt: chain.receipt?.verdict,
      indices: chain.items.map(\.index),
      anchoredAt: directory.anchorHeader.time, checkpointSize: directory.checkpoint.size,
      delegates: directory.delegates)
  }
}

/// What a proof has of the consortium chain, under a checkpoint of its delegates.
private struct ProvenDirectory {
  typealias Failure = Verification.Failure

  let genesis: ValidGenesis
  let checkpoint: Checkpoint
  /// Who sits in the set that has signed the checkpoint.
  let delegates: [String]
  /// The checkpoint of the hospital's chain that is anchored.
  let anchored: Checkpoint
  /// Of the block with the anchor.
  let anchorHeader: BlockHeader
  private(set) var claims: [RequiredClaim] = []
  private let headers: [BlockHeader]
  private let items: [(index: UInt64, entry: Entry)]
  /// How many leaves there are before each epoch, and the digest of its members.
  private let epochs: [(start: UInt64, members: Digest32)]
  private let members: [Digest32: ValidMembers]

  init(_ proof: VisitProof, _ genesis: ValidGenesis) throws(Failure) {
    self.genesis = genesis
    var known = KnownDelegates(genesis)
    var epochs = [(start: known.start, members: known.members)]
    for end in proof.ends {
      do {
        try known.follow(end, genesis: genesis)
      } catch {
        throw Failure(check: .checkpoint, reason: error.message)
      }
      epochs.append((known.start, known.members))
    }
    self.epochs = epochs
    delegates = known.names
    guard let checkpoint = known.keys(of: genesis).confirmedCheckpoint(proof.note),
      checkpoint.size > known.start
    else {
      throw Failure(
        check: .checkpoint, reason: "the checkpoint is not signed by enough delegates of its epoch")
    }
    self.checkpoint = checkpoint
    members = try Self.members(proof, genesis, epochs.map(\.members))

    var (headers, items): ([BlockHeader], [(UInt64, Entry)]) = ([], [])
    for (index, leaf) in try Self.leaves(
      proof.consortium, under: checkpoint, of: ChainName.consortium, genesis)
    {
      switch leaf {
      case .item(let entry): items.append((index, entry))
      case .header(let header): headers.append(header)
      }
    }
    (self.headers, self.items) = (headers, items)
    let anchors = items.compactMap { item in
      if case .anchor(let anchor) = item.1.content.body { (item.0, anchor) } else { nil }
    }
    guard anchors.count == 1, anchors[0].1.hospital == proof.hospital,
      let anchored = genesis.anchoredCheckpoint(anchors[0].1),
      let anchorHeader = headers.first(where: { $0.holds(anchors[0].0) })
    else {
      throw Failure(check: .anchors, reason: "there is no single anchor of the hospital's chain")
    }
    (self.anchored, self.anchorHeader) = (anchored, anchorHeader)
    for item in items { claims += try claims(of: item) }
  }

  /// All leaves, each under the root, in ascending order and of this chain.
  static func leaves(
    _ proofs: [LeafProof], under checkpoint: Checkpoint, of chain: String,
    _ genesis: ValidGenesis
  ) throws(Failure) -> [(index: UInt64, leaf: Leaf)] {
    var found: [(index: UInt64, leaf: Leaf)] = []
    for proof in proofs {
      guard found.last.map({ $0.index < proof.index }) ?? true else {
        throw Failure(check: .archive, reason: "the leaves of \(chain) are not in their order")
      }
      let leaf: Leaf
      do {
        leaf = try proof.verify(size: checkpoint.size, root: checkpoint.root)
      } catch {
        throw Failure(check: .tree, reason: "\(chain): \(error.message)")
      }
      let isOurs =
        switch leaf {
        case .item(let entry):
          entry.content.genesis == genesis.digest && entry.content.chain == chain
        case .header(let header):
          header.genesis == genesis.digest && header.chain == chain && header.index == proof.index
        }
      guard isOurs else {
        throw Failure(check: .rules, reason: "leaf \(proof.index) is none of \(chain)")
      }
      found.append((proof.index, leaf))
    }
    return found
  }

  private static func members(
    _ proof: VisitProof, _ genesis: ValidGenesis, _ named: [Digest32]
  ) throws(Failure) -> [Digest32: ValidMembers] {
    var members = [genesis.members.digest: genesis.members]
    for bytes in proof.members {
      do {
        let valid = try ValidMembers(Members(encoded: bytes), network: genesis.content.network)
        // What no header names, nobody has decided.
        guard named.contains(valid.digest), members[valid.digest] == nil else {
          throw LedgerError(.invalidMembers, "there are members that no epoch has")
        }
        members[valid.digest] = valid
      } catch {
        throw Failure(check: .rules, reason: "members: \(error)")
      }
    }
    return members
  }

  private func members(inEpoch epoch: UInt64) throws(Failure) -> ValidMembers {
    guard epoch < UInt64(epochs.count), let found = members[epochs[Int(epoch)].members] else {
      throw Failure(check: .rules, reason: "the members of epoch \(epoch) are missing")
    }
    return found
  }

  /// Of the epoch in which a leaf of the consortium chain stands.
  private func members(atLeaf index: UInt64) throws(Failure) -> ValidMembers {
    try members(inEpoch: UInt64(epochs.lastIndex { $0.start <= index } ?? 0))
  }

  /// The header of a block that a leaf names, and the members of its epoch.
  func block(
    _ reference: BlockReference
  ) throws(Failure) -> (header: BlockHeader, members: ValidMembers) {
    guard
      let header = headers.first(where: {
        $0.height == reference.height && $0.digest == reference.digest
      })
    else { throw Failure(check: .rules, reason: "unknown-base") }
    return (header, try members(inEpoch: genesis.epoch(ofHeight: header.height)))
  }

  // MARK: Doctors

  /// What a registration and a rotation need by themselves.
  private func claims(
    of item: (index: UInt64, entry: Entry)
  ) throws(Failure) -> [RequiredClaim] {
    switch item.entry.content.body {
    case .doctorRegistration(let registration):
      let members = try members(atLeaf: item.index)
      let statement = registration.statement
      guard item.entry.content.signer == .party(statement.hospital),
        members.supernode(statement.hospital)?.role == .hospital,
        let key = members.identityKey(of: statement.hospital),
        statement.genesis == genesis.digest, statement.suite == genesis.content.suite
      else { throw Failure(check: .rules, reason: "wrong-registration") }
      return [
        item.entry.signatureClaim(by: key),
        RequiredClaim(
          .registration(registration, managerKey: members.manager.registrationKey),
          or: .wrongRegistration),
      ]
    // Whose they are, and what they follow, is asked where a key is looked for.
    case .keyRotation, .anchor: return []
    default: throw Failure(check: .archive, reason: "leaf \(item.index) belongs to no proof")
    }
  }

  /// The statement with these keys of a doctor of this hospital, registered up to a block.
  func statement(
    of signer: VisitContext.Signer, at hospital: String, upTo header: BlockHeader
  ) throws(Failure) -> RegistrationStatement {
    for item in items where item.index < header.index {
      guard case .doctorRegistration(let registration) = item.entry.content.body,
        registration.statement.signer == signer, registration.statement.hospital == hospital
      else { continue }
      return registration.statement
    }
    throw Failure(check: .rules, reason: "unknown-doctor")
  }

  /// The identity key of a doctor as of a block, by the registrations and rotations that are shown, with
  /// what these need.
  func identityKey(
    of doctor: String, upTo header: BlockHeader
  ) throws(Failure) -> (key: [UInt8], claims: [RequiredClaim]) {
    var key: [UInt8]?
    var claims: [RequiredClaim] = []
    for item in items where item.index < header.index {
      switch item.entry.content.body {
      case .doctorRegistration(let registration) where registration.statement.doctor == doctor:
        (key, claims) = (registration.statement.identityKey, [])
      case .keyRotation(let rotation) where rotation.party == doctor:
        guard item.entry.content.signer == .party(doctor), let former = key else {
          throw Failure(check: .rules, reason: "not-entitled")
        }
        let statement = rotation.statement(genesis: genesis.digest, formerKey: former)
        claims += [
          item.entry.signatureClaim(by: former),
          RequiredClaim(
            .signature(rotation.proof, of: statement.encoded(), by: rotation.identityKey),
            or: .wrongRotation),
        ]
        key = rotation.identityKey
      default: break
      }
    }
    guard let key else { throw Failure(check: .rules, reason: "unknown-doctor") }
    return (key, claims)
  }
}

/// What a proof has of the hospital's chain.
private struct ProvenVisit {
  typealias Failure = Verification.Failure

  struct Item {
    let index: UInt64
    let entry: Entry
    /// Of its block.
    let header: BlockHeader
  }

  let items: [Item]
  let opening: VisitOpening
  /// Nil for a visit that was abandoned.
  private(set) var completion: VisitCompletion?
  private(set) var receipt: VisitReceipt?
  let openedAfter: UInt64
  var context: VisitContext { opening.context }

  init(_ proof: VisitProof, _ directory: ProvenDirectory) throws(Failure) {
    let leaves = try ProvenDirectory.leaves(
      proof.leaves, under: directory.anchored, of: proof.hospital, directory.genesis)
    let headers = leaves.compactMap { leaf in
      if case .header(let header) = leaf.leaf { header } else { nil }
    }
    var items: [Item] = []
    for (index, leaf) in leaves {
      guard case .item(let entry) = leaf else { continue }
      guard let header = headers.first(where: { $0.holds(index) }) else {
        throw Failure(check: .archive, reason: "the header behind leaf \(index) is missing")
      }
      items.append(Item(index: index, entry: entry, header: header))
    }
    self.items = items
    func failure(_ reason: String) -> Failure { Failure(check: .rules, reason: reason) }
    guard (2...3).contains(items.count),
      case .visitOpening(let opening) = items[0].entry.content.body
    else { throw failure("it does not begin with the opening of a visit, and its end") }
    self.opening = opening
    let visit = opening.context.visitID
    switch items[1].entry.content.body {
    case .visitCompletion(let completion):
      guard completion.context == opening.context else { throw failure("wrong-context") }
      self.completion = completion
    case .visitAbandonment(let abandonment):
      guard abandonment.visit == visit, items.count == 2 else { throw failure("unknown-visit") }
    default: throw failure("the visit has no end")
    }
    if items.count == 3 {
      guard case .visitReceipt(let receipt) = items[2].entry.content.body, receipt.visit == visit
      else { throw failure("unknown-visit") }
      self.receipt = receipt
    }
    let block = try directory.block(
      BlockReference(height: opening.context.baseHeight, digest: opening.context.baseHash))
    guard block.header.countedTime == opening.context.openedAt,
      opening.context.baseHeight <= items[0].header.base.height
    else { throw failure("wrong-context") }
    openedAfter = block.header.time
  }

  func claims(_ directory: ProvenDirectory) throws(Failure) -> [RequiredClaim] {
    var claims = try openingClaims(directory)
    if let completion {
      claims += try completionClaims(completion, directory)
    } else {
      let base = try directory.block(items[1].header.base)
      claims.append(try signature(of: items[1], by: context.hospital, base.members))
    }
    if let receipt {
      guard items[2].entry.content.signer == .patient(visit: context.visitID) else {
        throw Failure(check: .rules, reason: "not-entitled")
      }
      guard receipt.recordDigest == completion?.recordDigest else {
        throw Failure(check: .rules, reason: "wrong-record-digest")
      }
      claims.append(items[2].entry.signatureClaim(by: context.visitSigningKey))
    }
    return claims
  }

  private func openingClaims(_ directory: ProvenDirectory) throws(Failure) -> [RequiredClaim] {
    let base = try directory.block(items[0].header.base)
    let numbers = base.members.numbers
    guard context.genesis == directory.genesis.digest,
      context.suite == directory.genesis.content.suite,
      context.hospital == items[0].header.chain, context.window == numbers.window,
      context.resignatureLimit == numbers.resignatureLimit
    else { throw Failure(check: .rules, reason: "wrong-context") }
    // Whose visit it is, and whether there is one, is not shown: its opening is not here.
    guard context.amends.map({ ValidGenesis.isIdentifier($0.hospital) }) ?? true else {
      throw Failure(check: .rules, reason: "unknown-visit")
    }
    guard Set(context.signers.map(\.doctor)).count == context.signers.count else {
      throw Failure(check: .rules, reason: "doctor-twice")
    }
    for signer in context.signers {
      _ = try directory.statement(of: signer, at: context.hospital, upTo: base.header)
    }
    return [
      try signature(of: items[0], by: context.hospital, base.members),
      RequiredClaim(
        .signature(
          opening.patientSignature, of: context.encoded(), by: context.visitSigningKey),
        or: .wrongVisitKeyProof),
      RequiredClaim(
        .visitKey(context, proof: opening.visitKeyProof), or: .wrongVisitKeyProof),
    ]
  }

  private func completionClaims(
    _ completion: VisitCompletion, _ directory: ProvenDirectory
  ) throws(Failure) -> [RequiredClaim] {
    let item = items[1]
    let base = try directory.block(item.header.base)
    guard let last = context.signers.last, item.entry.content.signer == .party(last.doctor) else {
      throw Failure(check: .rules, reason: "not-entitled")
    }
    guard base.header.countedTime <= context.deadline(ofPosition: context.signers.count) else {
      throw Failure(check: .rules, reason: "late")
    }
    let identity = try directory.identityKey(of: last.doctor, upTo: base.header)
    guard
      let cloud = base.members.cloud(ofHospital: context.hospital)
        .flatMap(base.members.identityKey(of:))
    else { throw Failure(check: .rules, reason: "wrong-storage-receipt") }
    var team: [RegistrationStatement] = []
    for signer in context.signers {
      team.append(
        try directory.statement(of: signer, at: context.hospital, upTo: base.header))
    }
    let receipt = StorageReceipt(
      genesis: directory.genesis.digest, visit: context.visitID,
      recordDigest: completion.recordDigest)
    return identity.claims + [
      item.entry.signatureClaim(by: identity.key),
      RequiredClaim(
        .signature(completion.storageSignature, of: receipt.encoded(), by: cloud),
        or: .wrongStorageReceipt),
      RequiredClaim(.multisignature(completion, team: team), or: .wrongMultisignature),
    ]
  }

  private func signature(
    of item: Item, by party: String, _ members: ValidMembers
  ) throws(Failure) -> RequiredClaim {
    guard item.entry.content.signer == .party(party), let key = members.identityKey(of: party)
    else { throw Failure(check: .rules, reason: "not-entitled") }
    return item.entry.signatureClaim(by: key)
  }
}

extension BlockHeader {
  /// Whether an item of this index stands in the block.
  fileprivate func holds(_ item: UInt64) -> Bool { firstIndex <= item && item < index }
}
