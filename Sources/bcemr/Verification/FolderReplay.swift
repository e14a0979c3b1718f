import CanonicalEncoding
import Consensus
import Consortium
import Foundation
import Ledger
import SQLiteBackend
import TransparencyLog

/// Makes every chain of a folder anew, from the leaves that its parties keep, into empty states by the
/// same rules, and compares what each of them keeps with what was made, row by row.
///
/// What was made lies in temporary files; memory holds a page of leaves and what one batch of them
/// changes.
struct FolderReplay {
  typealias Finding = FolderCheck.Report.Finding

  private let existing: ExistingFolder
  private let console: Console
  /// Whether the claims of all leaves that the clouds have confirmed were found to hold.
  private let cloudIsVerified: Bool
  private let decider: any ClaimDecider
  /// The consortium chain as it is made of one party's leaves.
  private var consortium: SQLiteStateStore
  private(set) var findings: [Finding] = []
  /// What each party has of the consortium chain that shows more than the leaves do.
  private var shown: [String: Shown] = [:]

  private struct Shown {
    var decision: CommitCertificate?
    var final: FinalRecord?
  }

  /// A chain that ends too early, and one that is another.
  private static let behind = "behind"
  private static let diverged = "diverged"
  private static let wrongState = "wrong-state"
  private static let pageByteCount = 1 << 19
  /// So many rows of one file are named one by one.
  private static let rowLimit = 8

  init(_ existing: ExistingFolder, console: Console, cloudIsVerified: Bool) throws {
    self.existing = existing
    self.console = console
    self.cloudIsVerified = cloudIsVerified
    decider = try LedgerSuite.decider(for: existing.genesis)
    consortium = try Self.emptyStore()
  }

  private static func emptyStore() throws -> SQLiteStateStore {
    try SQLiteStateStore.temporary(in: FileManager.default.temporaryDirectory.path)
  }

  private var genesis: ValidGenesis { existing.genesis }
  private var manager: String { existing.members.manager.id }

  mutating func run() async throws {
    console.progress("replaying the consortium chain")
    // Without one nobody can judge a hospital's.
    guard try replayConsortium() else { return }
    for hospital in existing.hospitals {
      console.progress("replaying the chain of \(hospital)")
      try await replay(hospital)
    }
    findings += try existing.folder.missingFiles(
      members: existing.members, doctors: registeredDoctors()
    )
    .map { Finding(code: "\($0.code)", file: $0.file, what: $0.what) }
  }

  /// The consortium chain with its directory, as far as it could be replayed.
  func directory() throws -> ConsortiumView {
    try ConsortiumView(genesis: genesis, store: consortium)
  }

  private func registeredDoctors() throws -> [String] {
    try consortium.keys(after: "doctor/").map { String(decoding: $0, as: UTF8.self) }
  }

  private mutating func note(_ code: String, _ file: String, _ what: String) {
    findings.append(Finding(code: code, file: file, what: what))
  }

  /// Takes note of why a file cannot be followed. That there is no room for what is made here is not
  /// the file's fault.
  private mutating func note(_ error: any Error, _ file: String) throws {
    if let error = error as? StoreError, error.code == .full { throw error }
    let failure = CommandFailure(error)
    note(failure.code, file, failure.message)
  }

  private func stateFile(_ party: String, _ chain: String) -> String {
    "\(existing.folder.path)/\(party)/chains/\(chain).sqlite"
  }

  /// Checkpoints, which follow from no leaf.
  private static let epochEndPrefix = Array("epoch-end/".utf8)

  private mutating func compare(
    _ state: SQLiteStateStore, _ file: String, with made: SQLiteStateStore,
    passingOver own: [StateKey], leaves: Bool = true
  ) throws {
    var count = 0
    var more: Set<String> = []
    var named: [String] = []
    let names = Set(own.map(\.bytes))
    let leafPrefix = Array("leaf/".utf8)
    try state.differences(
      from: made,
      where: {
        !names.contains($0) && !$0.starts(with: Self.epochEndPrefix)
          && (leaves || !$0.starts(with: leafPrefix))
      }
    ) { difference in
      // Programs before this one did not note it; nothing but when something is forgotten hangs on it.
      if difference.kind == .missing, difference.name == "abandonment" { return }
      count += 1
      if count <= Self.rowLimit {
        named.append("\(difference)")
      } else {
        more.insert(difference.name)
      }
    }
    for row in named { note(Self.wrongState, file, row) }
    if count > named.count {
      note(
        Self.wrongState, file,
        "\(count - named.count) more rows are wrong: \(more.sorted().joined(separator: ", "))")
    }
  }

  // MARK: The consortium chain

  /// A party's replay of the consortium chain.
  private struct Replica {
    let party: String
    let file: String
    let state: SQLiteStateStore
    let view: ConsortiumView
    /// The commits that decided its last block, as far as the party has seen them.
    let decision: CommitCertificate?

    func begins(with other: Self) -> Bool {
      let size = other.view.size
      guard size <= view.size, let own = try? view.checkpoint(size: size) else { return false }
      return own == (try? other.view.checkpoint(size: size))
    }
  }

  /// Of whose chain most others keep the beginning comes first, then who keeps most: so one party that
  /// has another chain than the others does not speak for them.
  private mutating func replicas() throws -> [Replica] {
    var replicas: [Replica] = []
    for party in existing.allClouds + existing.hospitals + [manager] {
      let file = stateFile(party, ChainName.consortium)
      do {
        let state = try existing.folder.stateStore(party, chain: ChainName.consortium)
        replicas.append(
          Replica(
            party: party, file: file, state: state,
            view: try ConsortiumView(genesis: genesis, store: state),
            decision: try Self.decision(state)))
      } catch {
        try note(error, file)
      }
    }
    let ranks = replicas.map { replica in
      (support: replicas.count { replica.begins(with: $0) }, size: replica.view.size)
    }
    return replicas.indices.sorted { ranks[$0] > ranks[$1] }.map { replicas[$0] }
  }

  @inline(never)
  private static func decision(_ state: SQLiteStateStore) throws -> CommitCertificate? {
    try state.value(forKey: StateKey.decision.bytes).map {
      try CommitCertificate(stateBytes: $0)
    }
  }

  /// Makes the consortium chain of the leaves of the party that keeps most of the one that most parties
  /// have, and compares what every party keeps with it, each as far as it has come.
  ///
  /// - Returns: whether there is such a chain.
  private mutating func replayConsortium() throws -> Bool {
    let replicas = try self.replicas()
    var sources = replicas[...]
    while let source = sources.popFirst() {
      let before = findings
      do {
        try replay(source, comparing: Array(sources))
        try compareDelegates(with: [source] + sources)
        return true
      } catch {
        // The others may keep leaves that make one.
        (findings, shown) = (before, [:])
        consortium = try Self.emptyStore()
        try note(error, source.file)
      }
    }
    return false
  }

  private mutating func replay(_ source: Replica, comparing others: [Replica]) throws {
    let leaves = try ChainEngine(
      rules: ConsortiumRules(genesis: genesis), store: source.state, keepsLeaves: true)
    var made = try ChainEngine(
      rules: ConsortiumRules(genesis: genesis), store: consortium, keepsLeaves: true)
    for replica in (others + [source]).sorted(by: { $0.view.size < $1.view.size }) {
      try Self.advance(&made, to: min(replica.view.size, source.view.size), leaves, decider)
      let isSame =
        try made.openLeaves.isEmpty && made.size == replica.view.size
        && made.root(size: made.size) == replica.view.checkpoint(size: made.size).root
      guard isSame || replica.party != source.party else {
        throw StoreError(.corrupted, "the leaves do not make the chain that is kept")
      }
      guard isSame else {
        note(
          Self.diverged, replica.file,
          "the chain is not the one of which \(source.party) keeps \(source.view.size) leaves")
        continue
      }
      do {
        try compare(
          replica.state, replica.file, with: consortium, passingOver: [.final, .decision])
        try checkFinal(of: replica, isLast: replica.view.size == source.view.size)
      } catch {
        try note(error, replica.file)
      }
    }
  }

  /// Replays up to a size, in pages, and stores what ends with a header.
  private static func advance(
    _ chain: inout ChainEngine<ConsortiumRules>, to size: UInt64,
    _ kept: ChainEngine<ConsortiumRules>, _ decider: any ClaimDecider
  ) throws {
    do {
      while chain.position < size {
        let page = try kept.storedLeaves(from: chain.position, byteCount: pageByteCount)
          .prefix(Int(clamping: size - chain.position))
        let whole = (page.lastIndex(where: Leaf.isHeader) ?? -1) + 1
        try chain.replay(Array(page[..<whole]), decidedBy: decider)
        if whole > 0 { try chain.commit() }
        try chain.replay(Array(page[whole...]), decidedBy: decider)
      }
    } catch ChainFailure.store(let error) {
      throw error
    } catch ChainFailure.fault(let fault) {
      throw LedgerError(.inconsistentLog, "\(fault)")
    }
  }

  /// What makes the last block one of the chain, and how much is final: each party knows it by itself,
  /// and shows it by signatures.
  ///
  /// - Parameter isLast: whether nobody keeps more of the chain, which would show it too.
  private mutating func checkFinal(of replica: Replica, isLast: Bool) throws {
    // Over the chain as it was made, where neither is stored yet.
    var chain = try ConsortiumFollower(
      genesis: genesis, store: OverlaidStateStore(over: consortium), decider: decider)
    var shown = Shown()
    if let decision = replica.decision {
      if try chain.adopt(decision: decision) {
        shown.decision = decision
      } else {
        note(Self.wrongState, replica.file, "decision does not decide the last block")
      }
    }
    if let final = replica.view.final {
      guard try adoptEpochEnds(of: replica, upTo: final, in: &chain),
        try chain.final == final || chain.adopt(final: final.note), chain.final == final
      else {
        return note(
          Self.wrongState, replica.file, "final names no block that the delegates cosigned")
      }
      shown.final = final
    }
    if isLast, replica.view.size > 0, replica.decision == nil,
      replica.view.final?.size ?? 0 < replica.view.size
    {
      note(Self.wrongState, replica.file, "nothing shows that the last block was decided")
    }
    self.shown[replica.party] = shown
  }

  /// Takes the checkpoints at the ends of the epochs that are over, which no later one passes over.
  ///
  /// - Returns: whether they are all there, and no others.
  private func adoptEpochEnds(
    of replica: Replica, upTo final: FinalRecord, in chain: inout ConsortiumFollower
  ) throws -> Bool {
    let count = (final.height + 1) / genesis.content.epochLength
    var epoch: UInt64 = 0
    while true {
      let ends = try replica.view.epochEnds(from: epoch, byteCount: Self.pageByteCount)
      if ends.isEmpty { return epoch == count }
      for end in ends {
        guard epoch < count, try chain.adopt(final: end.note) else { return false }
        epoch += 1
      }
    }
  }

  // MARK: Delegates

  /// Compares what each delegate remembers of its votes and cosignatures with the chain, and with what
  /// others hold of them.
  private mutating func compareDelegates(with replicas: [Replica]) throws {
    let chain = try directory()
    for delegate in existing.members.supernodes.filter({ $0.votingKey != nil }).map(\.id) {
      let file = "\(existing.folder.path)/\(delegate)/state.sqlite"
      do {
        let records = try DelegateRecords(of: delegate, in: existing.folder.roleStore(delegate))
        guard let own = replicas.first(where: { $0.party == delegate }),
          own.view.size <= chain.size,
          try own.view.checkpoint(size: own.view.size) == chain.checkpoint(size: own.view.size)
        else { continue }
        let known = try statements(of: delegate, on: chain)
        let faults = try records.faults(
          beside: (own.view.size, own.view.height, own.decision != nil), on: chain)
        for fault in faults
          + [records.fault(cosigned: known.size, voted: known.height)]
          .compactMap(\.self)
        {
          note(Self.code(fault.kind), fault.isOfReplay ? own.file : file, fault.what)
        }
      } catch {
        try note(error, file)
      }
    }
  }

  private static func code(_ kind: DelegateRecords.Fault.Kind) -> String {
    switch kind {
    case .behind: behind
    case .diverged: diverged
    case .invalid: wrongState
    }
  }

  /// The size of the largest checkpoint that others hold with a delegate's cosignature, and the height
  /// of the last block that they hold its commit on.
  private func statements(
    of delegate: String, on chain: ConsortiumView
  ) throws -> (size: UInt64, height: UInt64?) {
    var (size, height): (UInt64, UInt64?) = (0, nil)
    for shown in shown.filter({ $0.key != delegate }).values {
      if let final = shown.final, final.size > size,
        try cosigners(of: final, chain).contains(delegate)
      {
        size = final.size
      }
      if let decision = shown.decision, height.map({ $0 < decision.height }) ?? true,
        let seat = try chain.delegates(forHeight: decision.height).seat(of: delegate),
        decision.commits.contains(where: { $0.seat == seat })
      {
        height = decision.height
      }
    }
    return (size, height)
  }

  /// The delegates of whom a final checkpoint has a cosignature.
  private func cosigners(of final: FinalRecord, _ chain: ConsortiumView) throws -> [String] {
    let delegates = try chain.delegates(forHeight: final.height)
    let note = try CosignedCheckpoint(
      verifying: SignedNote(encoded: final.note), origin: genesis.origin(of: ChainName.consortium),
      cosigners: delegates.cosigners)
    return delegates.seats.compactMap { seat in
      seat.cosigner.flatMap { note.cosigners.contains($0) ? seat.delegate : nil }
    }
  }

  // MARK: Hospitals' chains

  private mutating func replay(_ hospital: String) async throws {
    let keys = try directory()
    let keeper = existing.keeper(of: hospital)
    let cloud = try await replayKept(hospital, by: keeper, isKeeper: true, keys, known: nil)
    try await replayOwn(hospital, keys, known: cloud)
    try checkLogKeys(of: hospital, keys)
    for party in existing.allClouds + [manager] where party != keeper {
      _ = try await replayKept(hospital, by: party, isKeeper: false, keys, known: cloud)
    }
  }

  /// Replays the leaves that a cloud or the manager keeps of a hospital's chain.
  ///
  /// - Parameters:
  ///   - isKeeper: whether it is the cloud with whose leaves the others are compared.
  ///   - known: the chain that was made of that cloud's leaves.
  /// - Returns: the chain that is made of these, if the rules accept them.
  private mutating func replayKept(
    _ hospital: String, by party: String, isKeeper: Bool, _ consortiumView: ConsortiumView,
    known: HospitalView?
  ) async throws -> HospitalView? {
    let file = stateFile(party, hospital)
    guard existing.folder.hasStateStore(party, chain: hospital) else {
      if try needsState(party, isKeeper, of: hospital, consortiumView) {
        note("\(StoreFinding.Code.missing)", file, "the file is missing")
      }
      return nil
    }
    do {
      let state = try existing.folder.stateStore(party, chain: hospital)
      let kept = try HospitalFollower(
        genesis: genesis, hospital: hospital, store: state, consortium: consortium,
        decider: decider)
      let (made, chain) = try await replay(
        hospital, size: kept.size, known: known,
        trustsAll: isKeeper && cloudIsVerified
      ) { position in try kept.leaves(from: position, byteCount: Self.pageByteCount) }
      try compare(state, file, with: made, passingOver: [.confirmed, .closedGeneration])
      try checkConfirmed(
        kept.confirmed, of: chain.view, by: isKeeper ? party : nil, file, consortiumView)
      if isKeeper { checkBase(of: kept.view, by: party) }
      // The manager follows a chain when it has to, and a former cloud as long as it is its own.
      _ = try checkAnchors(of: chain.view, file, consortiumView, mayBeBehind: !isKeeper)
      return chain.view
    } catch {
      try note(error, file)
      return nil
    }
  }

  /// The cloud makes a chain's file with the first block that it confirms, the manager when it first
  /// looks at a consent on it.
  private func needsState(
    _ party: String, _ isKeeper: Bool, of hospital: String, _ consortiumView: ConsortiumView
  ) throws -> Bool {
    if isKeeper { return try consortiumView.anchor(of: hospital) != nil }
    guard party == manager, existing.folder.hasStateStore(hospital, chain: hospital) else {
      return false
    }
    let own = try existing.folder.stateStore(hospital, chain: hospital)
    return try !own.keys(after: "request/").isEmpty
  }

  /// Without its log key a hospital gets nothing confirmed any more.
  private mutating func checkLogKeys(
    of hospital: String, _ consortiumView: ConsortiumView
  ) throws {
    let file = "\(existing.folder.path)/\(hospital)/state.sqlite"
    do {
      let present = try consortiumView.generation(of: hospital)
      var closed: UInt64?
      let cloud = existing.cloud(of: hospital)
      if existing.folder.hasStateStore(cloud, chain: hospital) {
        closed = try existing.folder.stateStore(cloud, chain: hospital)
          .value(forKey: StateKey.closedGeneration.bytes).map { try UInt64(stateBytes: $0) }
      }
      let fault = try LogKeys.fault(
        in: existing.folder.roleStore(hospital), present: present,
        isClosed: closed.map { $0 >= present.generation } ?? false)
      if let fault { note("missing-keys", file, fault) }
    } catch {
      try note(error, file)
    }
  }

  /// Replays the log that a hospital writes: up to its state, which is compared, and to its end.
  private mutating func replayOwn(
    _ hospital: String, _ consortiumView: ConsortiumView, known: HospitalView?
  ) async throws {
    let file = stateFile(hospital, hospital)
    let logFile = "\(existing.folder.path)/\(hospital)/chain.sqlite"
    let (state, own): (SQLiteStateStore, HospitalView)
    do {
      state = try existing.folder.stateStore(hospital, chain: hospital)
      own = try HospitalView(
        genesis: genesis, hospital: hospital, store: state, consortium: consortium)
    } catch {
      return try note(error, file)
    }
    do {
      let log = try existing.folder.chainLog(hospital)
      let end = try await log.size()
      guard end >= own.size else {
        return note(
          "\(LedgerError.Code.inconsistentLog)", logFile,
          "the log ends at \(end), and the state at \(own.size)")
      }
      func page(_ position: UInt64, _ size: UInt64) async throws -> [[UInt8]] {
        try await log.leaves(
          from: position, limit: Int(clamping: size - position), byteCount: Self.pageByteCount)
      }
      let (made, chain) = try await replay(hospital, size: own.size, known: known) { position in
        try await page(position, own.size)
      }
      try compare(
        state, file, with: made, passingOver: [.confirmed, .closedGeneration], leaves: false)
      try checkConfirmed(own.confirmed, of: chain.view, by: nil, file, consortiumView)
      checkBase(of: own, by: hospital)
      var rest = chain
      var progress: HospitalFollower.Progress?
      while case let position = progress?.position ?? rest.size, position < end {
        try Self.advance(
          &rest, &progress, try await page(position, end), trustsClaims: false)
      }
      if try checkAnchors(of: rest.view, logFile, consortiumView, mayBeBehind: false), let known {
        try checkWritten(rest.view, logFile, leadsTo: known)
      }
    } catch {
      try note(error, logFile)
    }
  }

  /// Makes a chain of leaves in an empty state.
  ///
  /// - Parameters:
  ///   - known: a chain all claims of which were decided; what has its root is not decided again.
  ///   - trustsAll: whether the claims of all leaves were decided.
  ///   - read: gives leaves from an index on.
  private func replay(
    _ hospital: String, size: UInt64, known: HospitalView?, trustsAll: Bool = false,
    _ read: (_ position: UInt64) async throws -> [[UInt8]]
  ) async throws -> (SQLiteStateStore, HospitalFollower) {
    if let known, known.size > 0 {
      let common = min(size, known.size)
      let (made, chain) = try await replay(hospital, upTo: common, trustsClaims: true, read)
      if try chain.size == common && chain.view.root(size: common) == known.root(size: common) {
        return try await replay(made, chain, upTo: size, trustsClaims: false, read)
      }
    }
    return try await replay(hospital, upTo: size, trustsClaims: trustsAll, read)
  }

  private func replay(
    _ hospital: String, upTo size: UInt64, trustsClaims: Bool,
    _ read: (_ position: UInt64) async throws -> [[UInt8]]
  ) async throws -> (SQLiteStateStore, HospitalFollower) {
    let made = try Self.emptyStore()
    let chain = try HospitalFollower(
      genesis: genesis, hospital: hospital, store: made, consortium: consortium, decider: decider)
    return try await replay(made, chain, upTo: size, trustsClaims: trustsClaims, read)
  }

  private func replay(
    _ made: SQLiteStateStore, _ start: HospitalFollower, upTo size: UInt64, trustsClaims: Bool,
    _ read: (_ position: UInt64) async throws -> [[UInt8]]
  ) async throws -> (SQLiteStateStore, HospitalFollower) {
    var chain = start
    var progress: HospitalFollower.Progress?
    while case let position = progress?.position ?? chain.size, position < size {
      let page = try await read(position).prefix(Int(clamping: size - position))
      try Self.advance(&chain, &progress, Array(page), trustsClaims: trustsClaims)
    }
    return (made, chain)
  }

  /// Replays a page of leaves, and stores what ends with a header.
  private static func advance(
    _ chain: inout HospitalFollower, _ progress: inout HospitalFollower.Progress?,
    _ page: [[UInt8]], trustsClaims: Bool
  ) throws {
    guard !page.isEmpty else { throw StoreError(.corrupted, "a leaf is missing") }
    let whole = (page.lastIndex(where: Leaf.isHeader) ?? -1) + 1
    for part in [page[..<whole], page[whole...]] where !part.isEmpty {
      let next: HospitalFollower.Progress
      do {
        next = try chain.replay(
          Array(part), after: progress, isWhole: false, trustsClaims: trustsClaims)
      } catch {
        switch error {
        case .store(let error): throw error
        case .fault(let fault): throw LedgerError(.inconsistentLog, "\(fault)")
        }
      }
      progress = next
      if next.position == next.size {
        try chain.commit(next)
        progress = nil
      }
    }
  }

  /// Compares a chain with what the consortium chain has anchored of it.
  ///
  /// - Returns: whether it is as it should be.
  private mutating func checkAnchors(
    of chain: HospitalView, _ file: String, _ consortiumView: ConsortiumView, mayBeBehind: Bool
  ) throws -> Bool {
    guard let last = try consortiumView.anchor(of: chain.hospital) else { return true }
    let next = try consortiumView.numberedAnchor(covering: chain.size, of: chain.hospital)?.number
    let count = try next ?? consortiumView.anchorCount(of: chain.hospital)
    if count > 0,
      let anchor = try consortiumView.anchor(number: count - 1, of: chain.hospital),
      try !chain.leads(to: anchor)
    {
      note(
        Self.diverged, file,
        "the first \(anchor.size) leaves are not those that consortium block \(anchor.height) anchors"
      )
      return false
    }
    guard chain.size >= last.size || mayBeBehind else {
      note(
        Self.behind, file,
        "the chain ends at \(chain.size), and consortium block \(last.height) anchors \(last.size) "
          + "leaves of it")
      return false
    }
    return true
  }

  /// Neither a hospital nor its cloud stands on a block that is not final for them.
  private mutating func checkBase(of chain: HospitalView, by party: String) {
    let file = stateFile(party, ChainName.consortium)
    // What ends too early as a whole has been named.
    guard let base = chain.base?.reference.height, let shown = shown[party],
      !findings.contains(where: { $0.file == file })
    else { return }
    guard let final = shown.final else {
      return note(Self.wrongState, file, "final is missing")
    }
    if final.height < base {
      note(
        Self.wrongState, file,
        "final names block \(final.height), and the chain of \(chain.hospital) stands on block \(base)"
      )
    }
  }

  /// Compares a hospital's log with the chain that its cloud has confirmed.
  private mutating func checkWritten(
    _ own: HospitalView, _ file: String, leadsTo known: HospitalView
  ) throws {
    let size = min(own.size, known.size)
    if try own.root(size: size) != known.root(size: size) {
      note(Self.diverged, file, "the chain is not the one that the cloud confirmed")
    } else if own.size < known.size {
      note(
        Self.behind, file,
        "the chain ends at \(own.size), and the cloud has confirmed \(known.size) leaves of it")
    }
  }

  /// The checkpoint that the cloud has cosigned: what it confirmed is all that it keeps of a chain, but for
  /// what it took from the cloud before it, and a part of what others have.
  ///
  /// - Parameter keeper: the cloud whose file it is; nil for the others'.
  private mutating func checkConfirmed(
    _ confirmed: ConfirmedRecord?, of chain: HospitalView, by keeper: String?, _ file: String,
    _ consortiumView: ConsortiumView
  ) throws {
    let base = chain.base?.reference.height ?? 0
    if let keeper, confirmed?.size ?? 0 != chain.size,
      try consortiumView.members(at: base).cloud(ofHospital: chain.hospital) == keeper
    {
      return note(
        Self.wrongState, file, "\(chain.size) leaves are kept, \(confirmed?.size ?? 0) confirmed")
    }
    guard let confirmed else { return }
    let keys = try consortiumView.keys(of: chain.hospital, note: confirmed.note)
    let checkpoint = keys?.confirmedCheckpoint(confirmed.note)
    guard let checkpoint, checkpoint.size == confirmed.size, checkpoint.size <= chain.size,
      try chain.root(size: checkpoint.size) == checkpoint.root
    else { return note(Self.wrongState, file, "confirmed is no confirmed checkpoint of the chain") }
  }
}
