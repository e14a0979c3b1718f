public import CanonicalEncoding
import Credentials
import EMRScheme
import TransparencyLog

/// The offline check of an export: trusts no server, and makes every decision of the rules again
/// (specification 7).
///
/// It reads the export once from its beginning to its end. What grows with the ledger is kept in
/// stores that the caller provides, so memory does not grow.
public enum Verification {
  /// A step of the check.
  public enum Check: Int, CaseIterable, Sendable, CustomStringConvertible {
    case archive = 1
    case genesisDigest
    case genesisRules
    case checkpoint
    case tree
    case knownCheckpoint
    case rules
    case anchors

    public var description: String { "V\(rawValue)" }

    /// What the step shows, in a sentence.
    public var meaning: String {
      switch self {
      case .archive: "the files are those of one export, each in its one form"
      case .genesisDigest: "the genesis is the one that was asked for"
      case .genesisRules: "the genesis keeps its own rules"
      case .checkpoint: "everybody signed the chain's checkpoint who has to"
      case .tree: "the leaves and hashes are those of the checkpoint's tree"
      case .knownCheckpoint: "the chain extends the checkpoint that was known before"
      case .rules: "the rules accept every item, every signature holds, and Eq. 3 for every visit"
      case .anchors: "the chain is the one that the consortium has anchored and continued"
      }
    }
  }

  /// What is wrong with the export as a whole; nothing can be said of its chains.
  public struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
    public let check: Check
    /// What was found, for people.
    public let reason: String

    public var description: String { "\(check) failed: \(reason)" }
  }

  /// What is wrong with a chain. What stands before it holds.
  public struct Fault: Equatable, Sendable, CustomStringConvertible {
    public let check: Check
    /// The block that is not valid any more.
    public let height: UInt64
    /// What was found, for people; of a refusal it has the rules' code.
    public let reason: String

    public var description: String {
      check == .rules || check == .anchors
        ? "\(check) at block \(height): \(reason)" : "\(check): \(reason)"
    }
  }

  /// What a reader may rely on of one chain.
  public struct ChainReport: Equatable, Sendable {
    /// The hospital's identifier, or `consortium`.
    public var name: String
    /// That of its log; of a chain without files, the present one.
    public var generation: UInt64 = 0
    /// The blocks and leaves that are valid.
    public var blocks: UInt64 = 0
    /// How many leaves are valid.
    public var leaves: UInt64 = 0
    /// The leaves that are final. On the consortium chain all valid ones are.
    public var finalLeaves: UInt64 = 0
    public var fault: Fault?
    /// Whether the export has no file of it.
    public var isAbsent = false
    /// Whether it was compared with a known checkpoint.
    public var isCompared = false
    /// Whether a log key of the chain was convicted: it is anchored no more.
    public var isBarred = false
    /// The visits in the valid blocks; on the consortium chain none.
    public var visits = VisitCount()
  }

  /// How many visits of a hospital's chain came to what.
  public struct VisitCount: Equatable, Sendable {
    /// Signed by the whole team, with a record; also those below.
    public var complete: UInt64 = 0
    /// The patient found the record to be what the team signed.
    public var acknowledged: UInt64 = 0
    /// The patient found that it is not.
    public var disputed: UInt64 = 0
    /// Ended without a record.
    public var abandoned: UInt64 = 0
    /// Signatures and completions whose anchor came too late, or not yet, to prove that they were
    /// made in time (specification 6.2).
    public var unprovenTimes: UInt64 = 0
    /// Complete visits that add to another one, or correct it; among ``complete``.
    public var addenda: UInt64 = 0
    /// Addenda to a visit of another hospital of which the export does not show that it is complete, and
    /// that its patient has signed for the addendum (specification 7.4).
    public var unprovenAddenda: UInt64 = 0
  }

  /// What the check of an export has come to.
  public struct Report: Equatable, Sendable {
    /// It names the ledger.
    public var genesisDigest: Digest32
    /// Whether it was compared with the one that the user meant.
    public var isGenesisCompared: Bool
    /// The name that the genesis gives the ledger.
    public var network: String
    /// Ledger time of the last valid consortium block, in seconds since 1970.
    public var time: UInt64
    /// How many doctors are registered, retired ones too.
    public var doctors: UInt64
    /// The consortium's, then the hospitals' in the order of the genesis and of their admission.
    public var chains: [ChainReport]
    /// Who takes part, as of the last valid consortium block.
    public var members: MembersSummary
    /// Gaps between two consortium blocks that count as shorter than they were, the first 100.
    public var halts: [Halt]
    /// The organisations of which keys were convicted, in the order in which they were.
    public var convictions: [Conviction]
    /// Whether the known checkpoint was of a chain of this ledger and large enough to be compared.
    public var knownCheckpointIsCompared: Bool?
  }

  /// Who takes part in an epoch.
  public struct MembersSummary: Equatable, Sendable {
    /// That of the last valid consortium block.
    public var epoch: UInt64
    /// How many there are.
    public var organisations: Int
    /// How many of them run a hospital.
    public var voters: Int
    /// Of the ``Members``.
    public var digest: Digest32
  }

  /// How often keys of an organisation were convicted of what they signed (specification 6.8).
  public struct Conviction: Equatable, Sendable {
    /// Its identifier.
    public var organisation: String
    /// How often.
    public var count: UInt64
    /// Whether it was not readmitted since.
    public var isBarred: Bool
  }

  /// A time without consortium blocks, by which nobody became late.
  public struct Halt: Equatable, Sendable {
    /// The block after it.
    public var height: UInt64
    /// The whole gap, also the part that counts.
    public var seconds: UInt64
  }

  /// Checks an export.
  ///
  /// - Parameters:
  ///   - genesisDigest: the ledger that is meant, from a source of the user's own; without it
  ///     nothing says whose ledger this is.
  ///   - knownNote: a checkpoint of any chain that the user has from before, a C2SP signed note.
  ///   - stores: an empty store for the state of a chain.
  ///   - progress: told of each chain, and of the leaves that were replayed of how many.
  /// - Throws: ``Failure``; ``StoreError``; what reading the source throws.
  public static func verify(
    _ source: inout some ExportSource, genesisDigest: Digest32?, knownNote: String? = nil,
    stores: (_ chain: String) throws -> any StateStore,
    progress: (_ chain: String, _ leaves: UInt64, _ of: UInt64) -> Void = { _, _, _ in }
  ) throws -> Report {
    let genesis = try genesis(&source, genesisDigest)
    let decider: any ClaimDecider
    do {
      decider = try LedgerSuite.decider(for: genesis)
    } catch {
      throw Failure(check: .genesisRules, reason: error.message)
    }
    let consortiumStore = try stores(ChainName.consortium)
    var known = KnownCheckpoint(knownNote)
    var observer = ConsortiumObserver(genesis: genesis)
    let consortium = try verify(
      &source, genesis: genesis, keys: genesis.firstDelegates.keys(of: genesis),
      rules: ConsortiumRules(genesis: genesis), store: consortiumStore, decider, &known,
      &observer, progress,
      signers: { engine, fault, _ in
        // The delegates of the last block, or of the one with the fault.
        let height = fault == nil ? max(engine.height, 1) - 1 : engine.height
        return try ConsortiumView(engine: engine, final: nil).delegates(forHeight: height)
          .keys(of: genesis)
      },
      keysOf: { engine, note in
        try ConsortiumView(engine: engine, final: nil).keys(of: ChainName.consortium, note: note)
      })
    let view = ConsortiumView(
      engine: consortium.engine,
      final: FinalRecord(
        size: consortium.engine.size, height: consortium.engine.header?.height ?? 0, note: ""))
    // A fault of the rules ends the consortium's chain there; any other leaves nothing to judge by.
    let void = consortium.report.fault.flatMap { fault in
      fault.check == .rules
        ? nil
        : Fault(
          check: fault.check, height: 0,
          reason: fault.check == .knownCheckpoint
            ? "the consortium's chain, by which this one is judged, is not one with the known checkpoint"
            : "the consortium's chain, by which this one is judged, does not hold")
    }
    observer.complete(consortium.report)
    var report = Report(
      genesisDigest: genesis.digest, isGenesisCompared: genesisDigest != nil,
      network: genesis.content.network, time: observer.time, doctors: observer.doctors,
      chains: [consortium.report], members: try members(of: void == nil ? view : nil, genesis),
      halts: observer.halts,
      convictions: void == nil
        ? try view.convictions().map {
          Conviction(
            organisation: $0.organisation, count: $0.count,
            isBarred: try view.isBarred(organisation: $0.organisation))
        }
        : [],
      knownCheckpointIsCompared: nil)
    report.chains[0].finalLeaves = report.chains[0].leaves
    report.chains[0].isAbsent = !consortium.hasFiles
    var broken: Failure?
    var addenda = ForeignAddenda.Judge(decider: decider)
    for hospital in try view.hospitals {
      let generation = try Self.generation(
        of: hospital, in: &source, view, hasConsortium: consortium.hasFiles)
      let store = try stores(hospital)
      var observer = HospitalObserver(
        hospital: hospital, generation: generation.generation, consortium: view,
        addenda: ForeignAddenda(hospital: hospital, store: store))
      do {
        let members = try view.members(having: hospital)
        let result = try verify(
          &source, genesis: genesis,
          keys: genesis.keys(of: hospital, generation: generation, in: members),
          rules: HospitalRules(
            genesis: genesis, hospital: hospital, consortium: consortiumStore, decider: decider),
          store: store, decider, &known, &observer, progress,
          signers: { engine, _, note in
            // The cloud of the epoch of the last base, or of one after it.
            let base = engine.header.map { genesis.epoch(ofHeight: $0.base.height) } ?? 0
            return try view.keys(of: hospital, note: note, sinceEpoch: base)
          },
          keysOf: { try view.keys(of: hospital, note: $1) })
        var chain = try observer.completed(
          result.report, result.engine, hasFiles: result.hasFiles)
        chain.isBarred = try view.isBarred(hospital)
        if let void {
          chain = ChainReport(name: chain.name, generation: chain.generation)
          chain.fault = void
        }
        chain.isAbsent = !result.hasFiles
        addenda.add(observer.addenda, result.engine, validLeaves: chain.leaves)
        report.chains.append(chain)
      } catch let failure as Failure {
        // The files of one hospital cost the others nothing, unless nobody can tell where theirs
        // begin.
        broken = broken ?? failure
        var chain = ChainReport(name: hospital, generation: generation.generation)
        chain.fault = void ?? Fault(check: failure.check, height: 0, reason: failure.reason)
        report.chains.append(chain)
      }
    }
    do {
      try source.finish()
    } catch let error as ExportError {
      throw broken ?? Failure(check: .archive, reason: error.message)
    }
    for index in report.chains.indices.dropFirst() {
      report.chains[index].visits.unprovenAddenda = try addenda.unproven(
        of: report.chains[index].name)
    }
    if knownNote != nil { report.knownCheckpointIsCompared = known.isCompared }
    return report
  }

  /// - Parameter view: nil where nothing of the consortium's chain holds.
  private static func members(
    of view: ConsortiumView?, _ genesis: ValidGenesis
  ) throws -> MembersSummary {
    let epoch = view.map { genesis.epoch(ofHeight: max($0.height, 1) - 1) } ?? 0
    let members = try view?.members(inEpoch: epoch) ?? genesis.members
    return MembersSummary(
      epoch: epoch, organisations: members.organisations.count, voters: members.voters.count,
      digest: members.digest)
  }

  /// The latest generation of which there is a checkpoint.
  private static func generation(
    of hospital: String, in source: inout some ExportSource, _ view: ConsortiumView,
    hasConsortium: Bool
  ) throws -> GenerationRecord {
    let latest = try view.generation(of: hospital)
    for number in (0..<latest.generation + 1).reversed() {
      let path = ExportPath.checkpoint(ExportPath.log(hospital, generation: number))
      do {
        if try source.holds(path), let generation = try view.generation(number, of: hospital) {
          guard hasConsortium else {
            throw Failure(
              check: .archive,
              reason: "\(ExportPath.checkpoint(ChainName.consortium)) is missing")
          }
          return generation
        }
      } catch let error as ExportError {
        throw Failure(check: .archive, reason: error.message)
      }
    }
    return latest
  }

  private static func genesis(
    _ source: inout some ExportSource, _ expected: Digest32?
  ) throws -> ValidGenesis {
    let bytes: [UInt8]?
    do {
      bytes = try source.file(ExportPath.genesis, limit: Genesis.maximumByteCount)
    } catch let error as ExportError {
      throw Failure(check: .archive, reason: error.message)
    }
    guard let bytes else {
      throw Failure(check: .archive, reason: "there is no \(ExportPath.genesis) at the beginning")
    }
    return try genesis(bytes, expected)
  }

  static func genesis(
    _ bytes: [UInt8], _ expected: Digest32?
  ) throws(Failure) -> ValidGenesis {
    let genesis: Genesis
    do {
      genesis = try Genesis(encoded: bytes)
    } catch {
      throw Failure(check: .archive, reason: "\(ExportPath.genesis): \(error)")
    }
    if let expected, genesis.digest != expected {
      throw Failure(
        check: .genesisDigest,
        reason: "the genesis is \(genesis.digest), and \(expected) was asked for")
    }
    do {
      return try ValidGenesis(genesis)
    } catch {
      throw Failure(check: .genesisRules, reason: error.message)
    }
  }

  // MARK: One chain

  private static func verify<Rules: ChainRules>(
    _ source: inout some ExportSource, genesis: ValidGenesis, keys: ChainKeys, rules: Rules,
    store: any StateStore, _ decider: any ClaimDecider,
    _ known: inout KnownCheckpoint, _ observer: inout some ChainObserver<Rules>,
    _ progress: (String, UInt64, UInt64) -> Void,
    signers: (ChainEngine<Rules>, ChainFault?, _ note: String) throws -> ChainKeys?,
    keysOf: (ChainEngine<Rules>, _ note: String) throws -> ChainKeys?
  ) throws -> (report: ChainReport, engine: ChainEngine<Rules>, hasFiles: Bool) {
    var report = ChainReport(name: keys.chain, generation: keys.generation)
    var replay = try ChainReplay(rules: rules, store: store, decider: decider)
    let folder = ExportPath.log(keys.chain, generation: keys.generation)
    guard
      let note = try file(
        &source, ExportPath.checkpoint(folder), limit: SignedNote.maximumByteCount)
    else {
      // Nothing is left out that was known before.
      try compare(
        &report, TiledTree(size: 0, store: VerifiedTiles(store: store)), &known
      ) { try keysOf(replay.engine, $0) }
      return (report, replay.engine, false)
    }
    guard let text = String(validating: note, as: UTF8.self),
      let claimed = keys.checkpoint(in: text), claimed.size > 0
    else {
      throw Failure(check: .archive, reason: "\(folder)/checkpoint is no checkpoint of this log")
    }
    var tree = try TiledTree(size: 0, store: VerifiedTiles(store: store))
    for (path, count) in ExportPath.bundles(folder, size: claimed.size) {
      guard let bytes = try file(&source, path, limit: EntryBundle.maximumByteCount) else {
        throw Failure(check: .archive, reason: "\(path) is missing")
      }
      let bundle: EntryBundle
      do {
        bundle = try EntryBundle(encoded: bytes, width: count)
      } catch {
        throw Failure(check: .archive, reason: "\(path): \(error.message)")
      }
      for leaf in bundle.entries {
        try tree.append(leafHash: MerkleHash.leaf(leaf))
        let decoded = Result { () throws(DecodingFailure) in try Leaf(encoded: leaf) }
        try observer.observe(decoded, in: replay)
        try replay.replay(leaf, decoded)
      }
      try store.commit(VerifiedTiles.changes(&tree))
      progress(keys.chain, tree.size, claimed.size)
    }
    try replay.finish()
    try compareTiles(&source, folder, tree, store)

    let engine = replay.engine
    let signers = try signers(engine, replay.fault, text) ?? keys
    let isSigned = signers.confirmedCheckpoint(text) == claimed
    report.blocks = engine.height
    report.leaves = engine.size
    if let fault = replay.fault {
      report.fault = Fault(check: .rules, height: fault.height, reason: fault.what)
    }
    // A tree that is not the checkpoint's, or a checkpoint that nobody signed, is no chain at all.
    if try tree.root() != claimed.root {
      report = ChainReport(name: keys.chain, generation: keys.generation)
      report.fault = Fault(
        check: .tree, height: 0, reason: "the leaves are not those of the checkpoint")
    } else if !isSigned {
      report = ChainReport(name: keys.chain, generation: keys.generation)
      report.fault = Fault(
        check: .checkpoint, height: 0, reason: "a signature on the checkpoint is missing or false")
    } else {
      try compare(&report, tree, &known) { try keysOf(engine, $0) }
    }
    return (report, engine, true)
  }

  /// - Parameter keysOf: the keys of any generation of the chain, or of any of its delegates, by a note
  ///   of its log.
  private static func compare(
    _ report: inout ChainReport, _ tree: TiledTree<VerifiedTiles>,
    _ known: inout KnownCheckpoint, _ keysOf: (String) throws -> ChainKeys?
  ) throws {
    guard let compared = try known.compare(with: tree, keysOf) else { return }
    report.isCompared = compared == nil
    if let reason = compared {
      report.fault = Fault(check: .knownCheckpoint, height: 0, reason: reason)
    }
  }

  private static func file(
    _ source: inout some ExportSource, _ path: String, limit: Int
  ) throws -> [UInt8]? {
    do {
      return try source.file(path, limit: limit)
    } catch let error as ExportError {
      throw Failure(check: .archive, reason: error.message)
    }
  }

  private static func compareTiles(
    _ source: inout some ExportSource, _ folder: String, _ tree: TiledTree<VerifiedTiles>,
    _ store: any StateStore
  ) throws {
    for tile in ExportPath.hashTiles(folder, size: tree.size) {
      let byteCount = tile.count * MerkleHash.byteCount
      let limit = TilePath.fullWidth * MerkleHash.byteCount
      guard let bytes = try file(&source, tile.path, limit: limit) else {
        throw Failure(check: .archive, reason: "\(tile.path) is missing")
      }
      let own = try VerifiedTiles(store: store).tile(level: tile.level, index: tile.index) ?? []
      guard bytes == Array(own.prefix(byteCount)) else {
        throw Failure(
          check: .tree,
          reason: "\(tile.path) does not hold the hashes of the leaves: it was changed, or they "
            + "were")
      }
    }
  }
}

/// The tree over the leaves of an export, whatever they are: apart from that of the chain, which
/// ends at the first fault.
struct VerifiedTiles: TileStore {
  let store: any StateStore

  private static func key(_ level: Int, _ index: UInt64) -> StateKey {
    StateKey("export-tile/", [UInt8(clamping: level)], index.stateBytes)
  }

  func tile(level: Int, index: UInt64) throws(StoreError) -> [UInt8]? {
    try store.value(forKey: Self.key(level, index).bytes)
  }

  static func changes(_ tree: inout TiledTree<Self>) -> [[UInt8]: [UInt8]?] {
    Dictionary(
      uniqueKeysWithValues: tree.takeChangedTiles().map {
        (key($0.level, $0.index).bytes, Optional($0.hashes))
      })
  }
}

/// The checkpoint that the user knew before.
private struct KnownCheckpoint {
  private let note: String?
  private(set) var isCompared = false

  init(_ note: String?) { self.note = note }

  /// A checkpoint of another generation is compared as well: what was confirmed stays in the chain.
  ///
  /// - Returns: nil if the note is not of this chain; else what is wrong, or nil if nothing is.
  mutating func compare(
    with tree: TiledTree<VerifiedTiles>, _ keysOf: (String) throws -> ChainKeys?
  ) throws -> String?? {
    guard let note, let keys = try keysOf(note), let known = keys.checkpoint(in: note) else {
      return nil
    }
    isCompared = true
    // Who has to sign a checkpoint above the end, the chain may not say.
    guard known.size <= tree.size else {
      return .some(
        "the export is shorter than the known checkpoint: it is older, or another history: compare it "
          + "with one that has what the checkpoint is of")
    }
    guard keys.confirmedCheckpoint(note) != nil else {
      return .some("the known checkpoint is not signed by everybody who has to")
    }
    guard try tree.root(size: known.size) == known.root else {
      return .some("the export contradicts the known checkpoint")
    }
    return .some(nil)
  }
}

// MARK: What is counted

/// Sees every leaf before it is replayed.
private protocol ChainObserver<Rules> {
  associatedtype Rules: ChainRules
  mutating func observe(
    _ leaf: Result<Leaf, DecodingFailure>, in replay: ChainReplay<Rules>
  ) throws
}

private struct ConsortiumObserver: ChainObserver {
  let genesis: ValidGenesis
  private(set) var doctors: UInt64 = 0
  private(set) var halts: [Verification.Halt] = []
  /// Of the last block.
  private(set) var time: UInt64
  private var index: UInt64 = 0
  /// What was counted last, for more leaves than are counted before they are decided.
  private var events = RecentEvents<Event>()

  private enum Event {
    case doctor
    /// With the time of the block before, and whether a halt was noted.
    case header(before: UInt64, isHalt: Bool)
  }

  init(genesis: ValidGenesis) {
    self.genesis = genesis
    time = genesis.content.createdAt
  }

  mutating func observe(
    _ leaf: Result<Leaf, DecodingFailure>, in replay: ChainReplay<ConsortiumRules>
  ) {
    defer { index += 1 }
    guard replay.fault == nil, let leaf = try? leaf.get() else { return }
    switch leaf {
    case .item(let entry):
      guard case .doctorRegistration(let registration) = entry.content.body,
        registration.statement.replaces == nil
      else { return }
      doctors += 1
      events.append(.doctor, at: index)
    case .header(let header):
      // Before the first item of a block there is none by whose limits to judge.
      let members = replay.engine.block.knownMembers ?? genesis.members
      let maximumLag = members.numbers.maximumLag
      let gap = header.time >= time ? header.time - time : 0
      let isHalt = gap > maximumLag / 2 && halts.count < 100
      events.append(.header(before: time, isHalt: isHalt), at: index)
      if isHalt { halts.append(Verification.Halt(height: header.height, seconds: gap)) }
      time = header.time
    }
  }

  /// Takes back what is not valid.
  mutating func complete(_ report: Verification.ChainReport) {
    if report.leaves == 0 { return self = Self(genesis: genesis) }
    for event in events.from(report.leaves).reversed() {
      switch event {
      case .doctor: doctors -= 1
      case .header(let before, let isHalt):
        time = before
        if isHalt { halts.removeLast() }
      }
    }
  }
}

/// What was seen at the last leaves of a chain, before the claims of these leaves were decided.
private struct RecentEvents<Event> {
  private var events: [(index: UInt64, event: Event)] = []
  /// More leaves than a batch and a block have.
  private static var limit: Int { 4 * 70_000 }

  mutating func append(_ event: Event, at index: UInt64) {
    events.append((index, event))
    if events.count > 2 * Self.limit { events.removeFirst(Self.limit) }
  }

  /// The events from a leaf on.
  func from(_ index: UInt64) -> [Event] {
    events.reversed().prefix { $0.index >= index }.reversed().map(\.event)
  }

  /// Changes the events from a leaf on.
  mutating func change(from index: UInt64, _ change: (inout Event) -> Void) {
    for place in events.indices.reversed() {
      if events[place].index < index { break }
      change(&events[place].event)
    }
  }
}

/// Counts visits, and compares each with the anchor that covers it.
private struct HospitalObserver: ChainObserver {
  let hospital: String
  /// Of the log that is read.
  let generation: UInt64
  let consortium: ConsortiumView
  private(set) var addenda: ForeignAddenda
  private var count = Verification.VisitCount()
  private var index: UInt64 = 0
  /// What was counted last; nil for a time that an anchor proves, if it is one of this chain.
  private var events = RecentEvents<WritableKeyPath<Verification.VisitCount, UInt64>?>()
  /// The anchor that covers the leaf at `index`; nil if none does.
  private var anchor: AnchorRecord?
  private var anchorTime: UInt64 = 0
  private var isBeyondAnchors = false
  /// The first leaf that the anchor covers, and how many times it proves.
  private var span: (start: UInt64, times: UInt64) = (0, 0)

  init(
    hospital: String, generation: UInt64, consortium: ConsortiumView, addenda: ForeignAddenda
  ) {
    self.hospital = hospital
    self.generation = generation
    self.consortium = consortium
    self.addenda = addenda
  }

  mutating func observe(
    _ leaf: Result<Leaf, DecodingFailure>, in replay: ChainReplay<HospitalRules>
  ) throws {
    defer { index += 1 }
    guard replay.fault == nil else { return }
    try findAnchor(replay.engine)
    guard case .success(.item(let entry)) = leaf else { return }
    switch entry.content.body {
    case .partialSignature(let partial):
      let view = HospitalView(engine: replay.engine, confirmed: nil)
      if let context = try view.openContext(of: partial.visit) {
        try check(context, position: partial.commitments.count)
      }
    case .visitCompletion(let completion):
      add(\.complete, at: index)
      if completion.context.amends != nil { add(\.addenda, at: index) }
      try addenda.note(completion.context, at: index)
      try check(completion.context, position: completion.context.signers.count)
    case .visitAbandonment: add(\.abandoned, at: index)
    case .visitReceipt(let receipt):
      add(receipt.verdict == .acknowledged ? \.acknowledged : \.disputed, at: index)
    default: break
    }
  }

  private mutating func findAnchor(_ engine: ChainEngine<HospitalRules>) throws {
    if isBeyondAnchors || (anchor.map { $0.size > index } ?? false) { return }
    try settle(engine)
    anchor = try consortium.firstAnchor(covering: index, of: hospital)
    isBeyondAnchors = anchor == nil
    if let anchor { anchorTime = try consortium.block(anchor.height)?.countedTime ?? .max }
  }

  private mutating func check(_ context: VisitContext, position: Int) throws {
    // By the numbers of the opening's own base; it may name a block that is none.
    let height = min(context.baseHeight, max(consortium.height, 1) - 1)
    let latest =
      context.deadline(ofPosition: position)
      + 2 * (try consortium.members(at: height)).numbers.maximumLag
    if isBeyondAnchors || anchorTime > latest {
      add(\.unprovenTimes, at: index)
    } else {
      span.times += 1
      events.append(nil, at: index)
    }
  }

  /// An anchor of another chain proves no time of this one.
  private mutating func settle(_ engine: ChainEngine<HospitalRules>) throws {
    defer { span = (index, 0) }
    if let anchor, anchor.size <= engine.position,
      try engine.root(size: anchor.size) == anchor.root.bytes
    {
      return
    }
    count.unprovenTimes += span.times
    events.change(from: span.start) { if $0 == nil { $0 = \.unprovenTimes } }
  }

  private mutating func add(
    _ what: WritableKeyPath<Verification.VisitCount, UInt64>, at index: UInt64
  ) {
    count[keyPath: what] += 1
    events.append(what, at: index)
  }

  /// Adds what is final: what an anchor with this chain's own root covers.
  mutating func completed(
    _ report: Verification.ChainReport, _ engine: ChainEngine<HospitalRules>, hasFiles: Bool
  ) throws -> Verification.ChainReport {
    var report = report
    let anchors = try consortium.anchorCount(of: hospital)
    if report.leaves == 0 {
      if report.fault == nil, let anchor = try consortium.anchor(of: hospital) {
        report.fault =
          hasFiles ? .endsTooEarly(engine.height) : .isAbsent(anchored: anchor.size)
      }
      if report.fault == nil { report.fault = try continuationFault(engine) }
      return report
    }
    try settle(engine)
    // The last batch was counted before its claims were decided.
    for case let what? in events.from(report.leaves) { count[keyPath: what] -= 1 }
    report.visits = count
    for number in 0..<anchors {
      guard let anchor = try consortium.anchor(number: number, of: hospital) else { continue }
      if anchor.size > engine.size {
        if report.fault == nil { report.fault = .endsTooEarly(engine.height) }
        break
      }
      guard try engine.root(size: anchor.size) == anchor.root.bytes else {
        report.fault = Verification.Fault(
          check: .anchors, height: anchor.header.height,
          reason: "consortium block \(anchor.height) anchors another chain")
        break
      }
      report.finalLeaves = anchor.size
    }
    if report.fault == nil { report.fault = try continuationFault(engine) }
    return report
  }

  /// What the consortium's continuations say against the log: a generation that began behind its last
  /// block stands on other leaves, or a block is of a later generation than the log.
  private func continuationFault(
    _ engine: ChainEngine<HospitalRules>
  ) throws -> Verification.Fault? {
    func fault(_ reason: String) -> Verification.Fault {
      Verification.Fault(check: .anchors, height: engine.height, reason: reason)
    }
    if engine.generation > generation {
      return fault("blocks are of a later generation than the log")
    }
    var later = try consortium.generation(of: hospital)
    while later.generation > engine.generation {
      guard later.start == engine.size, try engine.root(size: later.start) == later.root.bytes
      else {
        return fault("generation \(later.generation) stands on other leaves")
      }
      guard let former = try consortium.generation(later.generation - 1, of: hospital) else {
        break
      }
      later = former
    }
    return nil
  }
}

extension Verification.Fault {
  fileprivate static func isAbsent(anchored: UInt64) -> Self {
    Self(
      check: .anchors, height: 0,
      reason: "no file of it is here, and \(anchored) leaves of it are anchored")
  }

  fileprivate static func endsTooEarly(_ height: UInt64) -> Self {
    Self(
      check: .anchors, height: height,
      reason: "the chain ends before a checkpoint that is anchored")
  }
}
