import CanonicalEncoding
import Consortium
import Foundation
import Ledger
import SQLiteBackend
import TransparencyLog

/// Makes every chain of a folder anew, from its log and from the leaves that others keep, into empty
/// states by the same rules, and compares what each party keeps with what was made, row by row.
///
/// What was made lies in temporary files; memory holds a page of leaves and what one batch of them
/// changes.
struct FolderReplay {
  typealias Finding = Fsck.Report.Finding

  private let existing: ExistingFolder
  private let console: Console
  /// Whether the claims of all leaves that the cloud has confirmed were found to hold.
  private let cloudIsVerified: Bool
  private let decider: any ClaimDecider
  /// The consortium chain that the ordering log makes.
  private let consortium: SQLiteStateStore
  private(set) var findings: [Finding] = []

  private static let cloud = "cloud"
  private static let ledgerDiverged = "\(ConsortiumError.Code.ledgerDiverged)"
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
  private var manager: String { genesis.genesis.manager.id }

  mutating func run() async throws {
    console.progress("replaying the ordering log")
    if let follower = try await replayOrderingLog() { try checkCosigned(follower.final) }
    for hospital in genesis.hospitals {
      console.progress("replaying the chain of \(hospital)")
      try await replay(hospital)
    }
    findings += try existing.folder.missingFiles(genesis: genesis, doctors: registeredDoctors())
      .map { Finding(code: "\($0.code)", file: $0.file, what: $0.what) }
  }

  /// The consortium chain with its directory, as far as the ordering log was replayed.
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

  private var orderingFile: String { "\(existing.folder.path)/ordering/ordering.sqlite" }

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
      from: made, where: { !names.contains($0) && (leaves || !$0.starts(with: leafPrefix)) }
    ) { difference in
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

  /// A party's replay of the ordering log.
  private struct Replica {
    let party: String
    let state: SQLiteStateStore
    let place: LogPlace
  }

  private mutating func replicas() throws -> [Replica] {
    var replicas: [Replica] = []
    for party in [Self.cloud] + genesis.hospitals + [manager] {
      do {
        let state = try existing.folder.stateStore(party, chain: ChainName.consortium)
        replicas.append(Replica(party: party, state: state, place: try Self.place(state)))
      } catch {
        try note(error, stateFile(party, ChainName.consortium))
      }
    }
    return replicas.sorted { $0.place.count < $1.place.count }
  }

  @inline(never)
  private static func place(_ state: SQLiteStateStore) throws -> LogPlace {
    try state.value(forKey: StateKey.logPlace.bytes).map { try LogPlace(stateBytes: $0) } ?? .start
  }

  /// - Returns: nil if the log cannot be followed to its end.
  private mutating func replayOrderingLog() async throws -> ConsortiumFollower? {
    var waiting = try replicas()[...]
    let file = orderingFile
    do {
      let log = try existing.folder.orderingLog()
      var follower = try ConsortiumFollower(genesis: genesis, store: consortium, decider: decider)
      while true {
        let entries = try await log.entries(from: follower.nextPosition, limit: 256)
        try compare(&waiting, at: follower)
        for entry in entries {
          try follower.replay(entry)
          try compare(&waiting, at: follower)
        }
        if entries.isEmpty { break }
      }
      for replica in waiting {
        note(
          Self.ledgerDiverged, file,
          "the log ends at entry \(follower.nextPosition), and \(replica.party) has replayed "
            + "\(replica.place.count)")
      }
      return follower
    } catch {
      try note(error, file)
      return nil
    }
  }

  /// Compares what each supernode cosigned with the chain that the ordering log makes; its own replay
  /// may be behind. What a supernode keeps of it has to reach to the last cosignature that made a block
  /// final: of later ones nothing shows that they were given.
  private mutating func checkCosigned(_ final: FinalRecord?) throws {
    let chain = try directory()
    let signers = try final.map(cosigners) ?? []
    for supernode in genesis.genesis.supernodes {
      let (id, file) = (supernode.id, "\(existing.folder.path)/\(supernode.id)/state.sqlite")
      do {
        let known = try Supernode.cosignedCheckpoint(in: existing.folder.roleStore(id))
        if let known, known.size > chain.size {
          note(
            Self.behind, orderingFile,
            "the log makes \(chain.size) leaves of the consortium chain, and \(id) cosigned "
              + "\(known.size)")
        } else if let known, try chain.checkpoint(size: known.size) != known {
          note(Self.diverged, file, "the consortium chain is not the one that \(id) cosigned")
        } else if let final, signers.contains(id), known?.size ?? 0 < final.size {
          note(
            Self.behind, file,
            "\(id) cosigned \(final.size) leaves of the consortium chain, and keeps "
              + (known.map { "a checkpoint of \($0.size)" } ?? "no checkpoint of it"))
        }
      } catch {
        try note(error, file)
      }
    }
  }

  /// The supernodes of whom a final checkpoint has a cosignature.
  private func cosigners(of final: FinalRecord) throws -> Set<String> {
    let keys = genesis.consortiumKeys
    let note = try CosignedCheckpoint(
      verifying: SignedNote(encoded: final.note), origin: keys.origin, cosigners: keys.cosigners)
    let names = Set(note.cosigners.map(\.key.name))
    let signers = genesis.genesis.supernodes.map(\.id).filter {
      names.contains(
        ValidGenesis.cosignerName(
          network: genesis.genesis.network, node: $0, chain: ChainName.consortium))
    }
    return Set(signers)
  }

  /// Compares the replicas that have come just so far.
  private mutating func compare(
    _ waiting: inout ArraySlice<Replica>, at follower: ConsortiumFollower
  ) throws {
    while let replica = waiting.first, replica.place.count <= follower.nextPosition {
      waiting.removeFirst()
      let file = stateFile(replica.party, ChainName.consortium)
      guard replica.place == follower.place else {
        note(
          Self.ledgerDiverged, file,
          "the \(replica.place.count) entries replayed are not the first of the ordering log")
        continue
      }
      do {
        try compare(replica.state, file, with: consortium, passingOver: [.final])
        try checkFinal(of: replica, file, follower)
      } catch {
        try note(error, file)
      }
    }
  }

  /// What is final a party has seen by itself, by cosignatures in the log: it may be more than was
  /// seen up to its last block, and is shown by its note.
  private mutating func checkFinal(
    of replica: Replica, _ file: String, _ follower: ConsortiumFollower
  ) throws {
    let view = try ConsortiumView(genesis: genesis, store: replica.state)
    guard let final = view.final else {
      if follower.final != nil { note(Self.wrongState, file, "final is missing") }
      return
    }
    guard final.size <= view.size,
      try view.checkpoint(size: final.size)
        == genesis.consortiumKeys.confirmedCheckpoint(final.note),
      try view.block(final.height).map({ $0.index + 1 }) == final.size
    else { return note(Self.wrongState, file, "final names no block that the delegates cosigned") }
  }

  // MARK: Hospitals' chains

  private mutating func replay(_ hospital: String) async throws {
    let keys = try directory()
    let cloud = try await replayKept(hospital, by: Self.cloud, keys, known: nil)
    try await replayOwn(hospital, keys, known: cloud)
    try checkLogKeys(of: hospital, keys)
    _ = try await replayKept(hospital, by: manager, keys, known: cloud)
  }

  /// Replays the leaves that the cloud or the manager keeps of a hospital's chain.
  ///
  /// - Parameter known: the chain that was made of the cloud's leaves.
  /// - Returns: the chain that is made of these, if the rules accept them.
  private mutating func replayKept(
    _ hospital: String, by party: String, _ consortiumView: ConsortiumView, known: HospitalView?
  ) async throws -> HospitalView? {
    let file = stateFile(party, hospital)
    guard existing.folder.hasStateStore(party, chain: hospital) else {
      if try needsState(party, of: hospital, consortiumView) {
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
        trustsAll: party == Self.cloud && cloudIsVerified
      ) { position in try kept.leaves(from: position, byteCount: Self.pageByteCount) }
      try compare(state, file, with: made, passingOver: [.confirmed, .closedGeneration])
      try checkConfirmed(kept.confirmed, of: chain.view, by: party, file, consortiumView)
      // The manager follows a chain when it has to.
      _ = try checkAnchors(
        of: chain.view, file, consortiumView, mayBeBehind: party != Self.cloud)
      return chain.view
    } catch {
      try note(error, file)
      return nil
    }
  }

  /// The cloud makes a chain's file with the first block that it confirms, the manager when it first
  /// looks at a consent on it.
  private func needsState(
    _ party: String, of hospital: String, _ consortiumView: ConsortiumView
  ) throws -> Bool {
    if party == Self.cloud { return try consortiumView.anchor(of: hospital) != nil }
    guard existing.folder.hasStateStore(hospital, chain: hospital) else { return false }
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
      if existing.folder.hasStateStore(Self.cloud, chain: hospital) {
        closed = try existing.folder.stateStore(Self.cloud, chain: hospital)
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
      try checkConfirmed(own.confirmed, of: chain.view, by: hospital, file, consortiumView)
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

  /// The checkpoint that the cloud has cosigned: what it confirmed is all that it keeps of a chain, and
  /// a part of what others have.
  private mutating func checkConfirmed(
    _ confirmed: ConfirmedRecord?, of chain: HospitalView, by party: String, _ file: String,
    _ consortiumView: ConsortiumView
  ) throws {
    if party == Self.cloud, confirmed?.size ?? 0 != chain.size {
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
