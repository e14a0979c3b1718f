import CanonicalEncoding
import Credentials
import Ledger
package import TransparencyLog

/// A supernode's duties to the ledger: it states the time, cuts blocks in its turn, cosigns what it
/// has replayed itself, and anchors its hospital's chain.
///
/// A checkpoint is stored before its cosignature leaves. After a restart the stored one is
/// repeated, and a log that leads to another root is refused.
package actor Supernode {
  package nonisolated let id: String
  package nonisolated let node: LedgerNode
  private let identityKey: IdentityKey
  /// By chain.
  private let cosigners: [String: CosignerKey]
  private let store: any RoleStore
  private let clock: @Sendable () -> UInt64
  private let custody: RecordCustody?
  private var cosigned: [String: Checkpoint] = [:]
  private var hasRepeated = false

  /// Seconds by which a block's time may differ from the own clock, on top of the take-over
  /// interval.
  private static let timeTolerance: UInt64 = 60
  /// Seconds after which time moves although nothing else happens.
  private static let idleInterval: UInt64 = 10

  /// - Parameters:
  ///   - clock: seconds since 1970.
  ///   - custody: a cloud's records; without them nothing of a hospital's chain is cosigned that
  ///     has one.
  package init(
    id: String, node: LedgerNode, keys: SupernodeKeys, store: any RoleStore,
    clock: @escaping @Sendable () -> UInt64, custody: RecordCustody? = nil
  ) {
    self.id = id
    self.node = node
    identityKey = keys.identity
    cosigners = keys.cosigners
    self.store = store
    self.clock = clock
    self.custody = custody
  }

  /// Does everything that is due now.
  ///
  /// - Returns: whether anything was appended to the log.
  /// - Throws: ``ConsortiumError`` `ledger-diverged` if the log contradicts what was cosigned.
  package func advance() async throws -> Bool {
    try await node.catchUp()
    let repeated = try await checkCosigned()
    var entries = try await statements()
    let cosignatures = try await dueCosignatures()
    if !cosignatures.isEmpty {
      try store.write(
        Dictionary(uniqueKeysWithValues: cosignatures.map { (Self.key($0), $1.encoded()) }))
    }
    entries.insert(contentsOf: repeated + cosignatures.values, at: 0)
    if entries.isEmpty { return false }
    try await node.append(entries.map { $0.encoded() })
    return entries.count > repeated.count
  }

  // MARK: Cosignatures

  private static let keyPrefix = "cosigned/"
  private static func key(_ chain: String) -> String { keyPrefix + chain }

  /// Loads what was cosigned before the restart and compares the replay with all of it.
  ///
  /// - Returns: the stored cosignatures, to be sent again, the first time.
  private func checkCosigned() async throws -> [Entry] {
    var repeated: [Entry] = []
    if !hasRepeated {
      for (chain, stored) in try Self.cosigned(in: store) where cosigners[chain] != nil {
        cosigned[chain] = stored.checkpoint
        repeated.append(stored.entry)
      }
    }
    let cosigned = cosigned
    try await node.read { replica in
      for (chain, checkpoint) in cosigned
      where replica.checkpoint(of: chain, size: Int(checkpoint.size)) != checkpoint {
        throw ConsortiumError(
          .ledgerDiverged,
          "the log does not lead to the checkpoint of \(chain) that was cosigned")
      }
    }
    hasRepeated = true
    return repeated
  }

  /// The checkpoints that a supernode's store says it cosigned last, by chain.
  package static func cosignedCheckpoints(
    in store: any RoleStore
  ) throws -> [String: Checkpoint] {
    try cosigned(in: store).mapValues(\.checkpoint)
  }

  private static func cosigned(
    in store: any RoleStore
  ) throws -> [String: (checkpoint: Checkpoint, entry: Entry)] {
    var result: [String: (checkpoint: Checkpoint, entry: Entry)] = [:]
    for key in try store.keys(withPrefix: keyPrefix) {
      guard let bytes = try store.value(forKey: key) else { continue }
      let entry = try Entry(encoded: bytes)
      let note = try SignedNote(encoded: Cosignature(encoded: entry.content.body).note)
      result[entry.content.chain] = (try Checkpoint(body: note.body), entry)
    }
    return result
  }

  private func dueCosignatures() async throws -> [String: Entry] {
    var result: [String: Entry] = [:]
    for (chain, key) in cosigners {
      let size = try await cosignableSize(of: chain)
      guard size > cosigned[chain]?.size ?? 0 else { continue }
      let (checkpoint, time) = await node.read {
        ($0.checkpoint(of: chain, size: Int(size)), $0.consortium.state.time)
      }
      guard let checkpoint else { continue }
      let note = try key.cosign(checkpoint, at: time).note.encoded
      result[chain] = entry(Cosignature(note: note), chain: chain)
      cosigned[chain] = checkpoint
    }
    return result
  }

  /// How many blocks of a chain this supernode stands for.
  private func cosignableSize(of chain: String) async throws -> UInt64 {
    if chain == ChainName.consortium {
      let (size, time, limit) = await node.read { replica in
        (
          replica.consortium.blocks.count, replica.consortium.blocks.last?.header.time ?? 0,
          replica.genesis.genesis.takeoverInterval + Self.timeTolerance
        )
      }
      let now = clock()
      return max(time, now) - min(time, now) <= limit ? UInt64(size) : 0
    }
    // A hospital follows its cloud, so that both confirm the same size.
    guard let custody else {
      return await node.read { replica in
        replica.genesis.cloud(ofHospital: chain).map {
          UInt64(replica.cosignedSize(of: chain, by: $0))
        } ?? 0
      }
    }
    let from = Int(cosigned[chain]?.size ?? 0)
    let blocks = await node.read { $0.hospitals[chain]?.blocks.dropFirst(from) ?? [] }
    for (offset, block) in blocks.enumerated() {
      if let completion = block.visitCompletion, await !custody.holds(completion) {
        return UInt64(from + offset)
      }
    }
    return UInt64(from + blocks.count)
  }

  // MARK: Time, blocks, anchors

  private func statements() async throws -> [Entry] {
    let now = clock()
    let (id, isHospital) = (id, cosigners[id] != nil)
    let due = try await node.read { replica in
      try Due(replica, id: id, isHospital: isHospital, now: now, idle: Self.idleInterval)
    }
    var entries: [Entry] = []
    if due.tick { entries.append(entry(Tick(time: now), chain: ChainName.consortium)) }
    if let height = due.hospitalCut { entries.append(entry(BlockCut(height: height), chain: id)) }
    if let anchor = due.anchor { entries.append(entry(anchor, chain: ChainName.consortium)) }
    if let height = due.consortiumCut {
      entries.append(entry(BlockCut(height: height), chain: ChainName.consortium))
    }
    return entries
  }

  private struct Due {
    var tick = false
    var hospitalCut: UInt64?
    var anchor: Anchor?
    var consortiumCut: UInt64?

    init(
      _ replica: Replica, id: String, isHospital: Bool, now: UInt64, idle: UInt64
    ) throws {
      let consortium = replica.consortium
      let state = consortium.state
      var hasWork = !consortium.pendingKinds.isSubset(of: [.tick])

      if isHospital, let chain = replica.hospitals[id] {
        // What belongs to a visit under way waits for the visit's block.
        if !chain.pendingKinds.isSubset(of: [.visitOpening, .partialSignature]) {
          hospitalCut = UInt64(chain.blocks.count)
        }
        let anchored = state.anchors[id]?.size ?? 0
        let confirmed = UInt64(replica.confirmedSize(of: id))
        if confirmed > anchored, let note = replica.confirmedNote(of: id) {
          anchor = Anchor(
            hospital: id, note: note,
            consistency: anchored == 0
              ? [] : try chain.tree.consistencyProof(from: anchored, to: confirmed).hashes)
          hasWork = true
        }
      }

      let last = state.ticks[id] ?? replica.genesis.genesis.createdAt
      tick = now > last && (hasWork || now >= last + idle)
      // One block after the other becomes final, so that all delegates cosign the same sizes;
      // unless one hangs for the time of a take-over.
      let count = consortium.blocks.count
      let lag = state.pendingTime - state.time
      if state.mayCut(id), hasWork || lag >= idle,
        replica.confirmedSize(of: ChainName.consortium) == count
          || lag >= replica.genesis.genesis.takeoverInterval
      {
        consortiumCut = UInt64(count)
      }
    }
  }

  private func entry(_ body: some CanonicalObject, chain: String) -> Entry {
    Entry(
      EntryContent(
        genesis: node.genesis.digest, chain: chain, signer: .party(id), body: body),
      signedBy: identityKey)
  }
}
