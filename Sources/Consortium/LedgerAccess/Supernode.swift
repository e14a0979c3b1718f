import CanonicalEncoding
import Credentials
import Ledger
package import TransparencyLog

/// A supernode's duties to the consortium chain: it states the time, cuts blocks in its turn, and
/// cosigns what it has replayed itself.
///
/// A checkpoint is stored before its cosignature leaves, and the stored one only grows. Its
/// cosignature is sent again until it is seen in the log, and a log that leads to another root is
/// refused.
package actor Supernode {
  package nonisolated let id: String
  package nonisolated let node: LedgerNode
  private let identityKey: IdentityKey
  private let cosigner: CosignerKey?
  private let store: any RoleStore
  private let clock: @Sendable () -> UInt64
  private let gate = SerialGate()

  /// Seconds by which a block's time may differ from the own clock, on top of the take-over
  /// interval.
  private static let timeTolerance: UInt64 = 60
  /// Seconds after which time moves although nothing else happens.
  private static let idleInterval: UInt64 = 10

  /// - Parameter clock: seconds since 1970.
  package init(
    id: String, node: LedgerNode, keys: SupernodeKeys, store: any RoleStore,
    clock: @escaping @Sendable () -> UInt64
  ) {
    self.id = id
    self.node = node
    identityKey = keys.identity
    cosigner = keys.cosigners[ChainName.consortium]
    self.store = store
    self.clock = clock
  }

  /// Does everything that is due now; one call at a time.
  ///
  /// - Parameter hasWork: whether this supernode wants a block although nothing waits for one.
  /// - Returns: whether anything new was appended to the log.
  /// - Throws: ``ConsortiumError`` `ledger-diverged` if the log contradicts what was cosigned.
  package func advance() async throws -> Bool {
    await gate.enter()
    defer { gate.leave() }
    try await node.catchUp()
    let known = try Self.cosigned(in: store)
    try await compare(known?.checkpoint)
    var entries: [Entry] = []
    var isNew = false
    if let next = try await dueCosignature(after: known?.checkpoint) {
      try store.write([Self.key: next.encoded()])
      entries.append(next)
      isNew = true
    } else if let known, await node.cosignedSize(by: id) < known.checkpoint.size,
      await node.consortium.final?.size ?? 0 < known.checkpoint.size
    {
      entries.append(known.entry)
    }
    let statements = try await statements()
    isNew = isNew || !statements.isEmpty
    entries += statements
    if entries.isEmpty { return false }
    try await node.append(entries.map { $0.encoded() })
    return isNew
  }

  // MARK: Cosignatures

  private static let key = "cosigned/\(ChainName.consortium)"

  private func compare(_ checkpoint: Checkpoint?) async throws {
    guard let checkpoint else { return }
    let consortium = await node.consortium
    guard checkpoint.size <= consortium.size,
      try consortium.checkpoint(size: checkpoint.size) == checkpoint
    else {
      throw ConsortiumError(
        .ledgerDiverged,
        "the log does not lead to the checkpoint of the consortium that was cosigned")
    }
  }

  /// The consortium checkpoint that a supernode's store says it cosigned last.
  package static func cosignedCheckpoint(in store: any RoleStore) throws -> Checkpoint? {
    try cosigned(in: store)?.checkpoint
  }

  private static func cosigned(
    in store: any RoleStore
  ) throws -> (checkpoint: Checkpoint, entry: Entry)? {
    guard let bytes = try store.value(forKey: key) else { return nil }
    let entry = try Entry(encoded: bytes)
    guard case .cosignature(let body) = entry.content.body else {
      throw StoreError(.corrupted, "what was cosigned cannot be read")
    }
    return (try Checkpoint(body: SignedNote(encoded: body.note).body), entry)
  }

  private func dueCosignature(after known: Checkpoint?) async throws -> Entry? {
    let consortium = await node.consortium
    guard let cosigner, consortium.size > known?.size ?? 0 else { return nil }
    let (time, now) = (consortium.time, clock())
    let limit = node.genesis.genesis.numbers.takeoverInterval + Self.timeTolerance
    guard max(time, now) - min(time, now) <= limit else { return nil }
    let note = try cosigner.cosign(
      consortium.checkpoint(size: consortium.size), at: time
    ).note.encoded
    return entry(Cosignature(note: note))
  }

  // MARK: Time and blocks

  private func statements() async throws -> [Entry] {
    let now = clock()
    let consortium = await node.consortium
    let numbers = node.genesis.genesis.numbers
    let hasWork = !consortium.openKinds.isSubset(of: [.tick])
    var entries: [Entry] = []
    let last = try consortium.tick(of: id) ?? node.genesis.genesis.createdAt
    if now > last, hasWork || now >= last + Self.idleInterval {
      entries.append(entry(Tick(time: now)))
    }
    // One block after the other becomes final, so that all delegates cosign the same sizes; unless
    // one hangs for the time of a take-over.
    let lag = try consortium.pendingTime() - consortium.time
    if try consortium.mayCut(id), hasWork || lag >= Self.idleInterval,
      consortium.final?.size ?? 0 == consortium.size || lag >= numbers.takeoverInterval
    {
      entries.append(entry(BlockCut(height: consortium.height)))
    }
    return entries
  }

  private func entry(_ body: some CanonicalObject) -> Entry {
    Entry(
      EntryContent(
        genesis: node.genesis.digest, chain: ChainName.consortium, signer: .party(id), body: body),
      signedBy: identityKey)
  }
}
