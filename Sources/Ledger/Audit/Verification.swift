public import CanonicalEncoding
import TransparencyLog

/// The offline check of an ``Export``: numbered steps V1 … V11 of the specification, cheap ones
/// first. Trusts no server; repeats every decision of the rules.
public enum Verification {
  /// A step of the check.
  public enum Check: Int, CaseIterable, Sendable, CustomStringConvertible {
    case canonical = 1
    case genesisDigest
    case genesisRules
    case links
    case roots
    case cosignatures
    case newestCheckpoint
    case anchors
    case consortiumReplay
    case hospitalReplay
    case equations

    public var description: String { "V\(rawValue)" }

    /// What the step shows, in a sentence.
    public var meaning: String {
      switch self {
      case .canonical: "the file is one canonical export"
      case .genesisDigest: "the genesis is the one that was asked for"
      case .genesisRules: "the genesis keeps its own rules"
      case .links: "every block names the one before and its own contents"
      case .roots: "the blocks are the leaves of the checkpoints' trees"
      case .cosignatures: "enough cosigners signed the checkpoints"
      case .newestCheckpoint: "the export extends the checkpoint that was known before"
      case .anchors: "every anchored checkpoint is one of the hospital's chain"
      case .consortiumReplay: "the consortium's entries give exactly these blocks"
      case .hospitalReplay: "the hospitals' entries give exactly these blocks"
      case .equations: "Eq. 3 holds for every visit, and every key was proven"
      }
    }
  }

  /// What was found wrong first, and where.
  public struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
    public let check: Check
    /// As `hospital-1 block 7`; nil where the whole file is meant.
    public let place: String?
    public let reason: String

    public var description: String {
      "\(check) failed\(place.map { " at \($0)" } ?? ""): \(reason)"
    }
  }

  /// What a reader may rely on after all checks passed.
  public struct Report: Equatable, Sendable {
    public var genesisDigest: Digest32
    /// The checks that had nothing to compare with; all others passed.
    public var notCompared: Set<Check>
    public var network: String
    /// Ledger time of the last final consortium block, in seconds since 1970.
    public var time: UInt64
    public var consortiumBlocks: Int
    public var doctors: Int
    public var hospitals: [HospitalSummary]
  }

  public struct HospitalSummary: Equatable, Sendable {
    public var name: String
    public var blocks: Int
    /// Blocks covered by an anchored checkpoint.
    public var finalBlocks: Int
    public var visits: Int
    public var acknowledged: Int
    public var disputed: Int
    public var abandoned: Int
    public var refusedEntries: Int
  }

  /// Checks an export.
  ///
  /// - Parameters:
  ///   - file: the DER of an ``Export``.
  ///   - genesisDigest: the ledger that is meant, from a source of the user's own; without it
  ///     nothing says whose ledger this is.
  ///   - knownNote: a checkpoint of any chain that the user has from before, a C2SP signed note.
  ///   - progress: told of each step before it begins.
  /// - Throws: the first ``Failure``.
  public static func verify(
    _ file: [UInt8], genesisDigest: Digest32?, knownNote: String? = nil,
    progress: (Check) -> Void = { _ in }
  ) throws(Failure) -> Report {
    progress(.canonical)
    let export: Export
    do {
      export = try Export(encoded: file)
    } catch {
      throw Failure(.canonical, nil, error.description)
    }
    progress(.genesisDigest)
    var notCompared: Set<Check> = []
    if let genesisDigest {
      guard export.genesis.digest == genesisDigest else {
        throw Failure(.genesisDigest, nil, "the genesis of the file is \(export.genesis.digest)")
      }
    } else {
      notCompared.insert(.genesisDigest)
    }
    progress(.genesisRules)
    let (genesis, equations) = try validated(export)
    progress(.links)
    try checkLinks(export, genesis)
    progress(.roots)
    let trees = try checkRoots(export, genesis)
    progress(.cosignatures)
    try checkCosignatures(export, genesis)
    progress(.newestCheckpoint)
    if let knownNote {
      try compare(knownNote, trees, genesis)
    } else {
      notCompared.insert(.newestCheckpoint)
    }
    progress(.anchors)
    let finalSizes = try checkAnchors(export, trees, genesis)
    progress(.consortiumReplay)
    let (consortium, bases) = try replayConsortium(export, genesis, equations)
    progress(.hospitalReplay)
    var hospitals: [Chain<HospitalState>] = []
    for chain in export.hospitals {
      hospitals.append(try replayHospital(chain, genesis, bases, equations))
    }
    progress(.equations)
    if let place = equations.firstFailure() {
      throw Failure(.equations, place, "a signature or a proof of possession does not hold")
    }
    return Report(
      genesisDigest: genesis.digest, notCompared: notCompared, network: genesis.genesis.network,
      time: consortium.state.time, consortiumBlocks: consortium.blocks.count,
      doctors: consortium.state.doctors.count,
      hospitals: hospitals.map { summary(of: $0, finalBlocks: finalSizes[$0.name] ?? 0) })
  }

  // MARK: Structure

  private static func validated(
    _ export: Export
  ) throws(Failure) -> (ValidGenesis, any AuditEquations) {
    let genesis: ValidGenesis
    let equations: any AuditEquations
    do {
      genesis = try ValidGenesis(export.genesis)
      equations = try LedgerSuite.auditEquations(for: genesis)
    } catch {
      throw Failure(.genesisRules, nil, error.description)
    }
    guard export.consortium.name == ChainName.consortium,
      export.hospitals.map(\.name) == genesis.hospitals
    else { throw Failure(.genesisRules, nil, "the chains are not those of the genesis") }
    return (genesis, equations)
  }

  private static func checkLinks(
    _ export: Export, _ genesis: ValidGenesis
  ) throws(Failure) {
    for chain in [export.consortium] + export.hospitals {
      var previous = Digest32.zero
      for (height, block) in chain.blocks.enumerated() {
        let header = block.header
        guard header.genesis == genesis.digest, header.chain == chain.name,
          header.height == height, header.previous == previous
        else { throw Failure(.links, place(chain, height), "the header does not follow") }
        guard header.bodyDigest == block.body.digest else {
          throw Failure(.links, place(chain, height), "the header is not that of this body")
        }
        previous = header.digest
      }
    }
  }

  private static func checkRoots(
    _ export: Export, _ genesis: ValidGenesis
  ) throws(Failure) -> [String: MerkleTree] {
    var trees: [String: MerkleTree] = [:]
    for chain in [export.consortium] + export.hospitals {
      var tree = MerkleTree()
      for block in chain.blocks { tree.append(block.header.digest.bytes) }
      trees[chain.name] = tree
      if chain.blocks.isEmpty && chain.note.isEmpty { continue }
      guard let checkpoint = genesis.checkpoint(in: chain.note, chain: chain.name),
        checkpoint.size == chain.blocks.count, checkpoint.root == tree.root(size: checkpoint.size)
      else { throw Failure(.roots, chain.name, "the checkpoint is not that of these blocks") }
    }
    return trees
  }

  private static func checkCosignatures(
    _ export: Export, _ genesis: ValidGenesis
  ) throws(Failure) {
    for chain in [export.consortium] + export.hospitals where !chain.note.isEmpty {
      guard genesis.cosignedCheckpoint(chain.note, chain: chain.name) != nil else {
        throw Failure(
          .cosignatures, chain.name,
          "fewer than \(genesis.cosignatureThreshold(of: chain.name)) cosigners signed")
      }
    }
  }

  private static func compare(
    _ knownNote: String, _ trees: [String: MerkleTree], _ genesis: ValidGenesis
  ) throws(Failure) {
    for (chain, tree) in trees {
      guard let known = genesis.checkpoint(in: knownNote, chain: chain) else { continue }
      guard genesis.cosignedCheckpoint(knownNote, chain: chain) != nil else {
        throw Failure(.newestCheckpoint, chain, "the known checkpoint is not cosigned")
      }
      guard known.size <= tree.size else {
        throw Failure(.newestCheckpoint, chain, "the export is older than the known checkpoint")
      }
      guard known.root == tree.root(size: known.size) else {
        throw Failure(.newestCheckpoint, chain, "the export contradicts the known checkpoint")
      }
      return
    }
    throw Failure(.newestCheckpoint, nil, "the known checkpoint is of no chain of this ledger")
  }

  /// - Returns: how many blocks of each hospital's chain are anchored.
  private static func checkAnchors(
    _ export: Export, _ trees: [String: MerkleTree], _ genesis: ValidGenesis
  ) throws(Failure) -> [String: Int] {
    var sizes: [String: Int] = [:]
    for (height, block) in export.consortium.blocks.enumerated() {
      for item in block.body.items where item.refusal.isEmpty {
        guard let entry = try? Entry(encoded: item.entry),
          let anchor = try? Anchor(encoded: entry.content.body)
        else { continue }
        guard let checkpoint = genesis.checkpoint(in: anchor.note, chain: anchor.hospital),
          let tree = trees[anchor.hospital], checkpoint.size <= tree.size,
          checkpoint.root == tree.root(size: checkpoint.size)
        else {
          throw Failure(
            .anchors, place(export.consortium, height),
            "the anchored checkpoint is not one of \(anchor.hospital)")
        }
        sizes[anchor.hospital] = Int(checkpoint.size)
      }
    }
    return sizes
  }

  // MARK: Replay

  private static func replayConsortium(
    _ export: Export, _ genesis: ValidGenesis, _ equations: any AuditEquations
  ) throws(Failure) -> (Chain<ConsortiumState>, [ConsortiumBase]) {
    let origin = ConsortiumBase(genesis: genesis)
    var chain = Chain(name: ChainName.consortium, genesis: genesis, state: origin.state)
    var bases: [ConsortiumBase] = []
    for (height, block) in export.consortium.blocks.enumerated() {
      for item in block.body.items {
        try replay(
          item, in: &chain, base: origin, equations, .consortiumReplay,
          place(export.consortium, height))
      }
      guard chain.blocks.count == height + 1, chain.blocks[height] == block else {
        throw Failure(
          .consortiumReplay, place(export.consortium, height), "the rules give another block")
      }
      bases.append(
        ConsortiumBase(
          state: chain.state, height: block.header.height, digest: block.header.digest))
    }
    return (chain, bases)
  }

  private static func replayHospital(
    _ exported: ExportedChain, _ genesis: ValidGenesis, _ bases: [ConsortiumBase],
    _ equations: any AuditEquations
  ) throws(Failure) -> Chain<HospitalState> {
    var chain = Chain(
      name: exported.name, genesis: genesis, state: HospitalState(hospital: exported.name))
    var baseHeight: UInt64 = 0
    for (height, block) in exported.blocks.enumerated() {
      for item in block.body.items {
        guard item.baseHeight >= baseHeight, item.baseHeight < bases.count else {
          throw Failure(
            .hospitalReplay, place(exported, height),
            "an entry names a consortium block that is not final or older than one before")
        }
        baseHeight = item.baseHeight
        try replay(
          item, in: &chain, base: bases[Int(baseHeight)], equations, .hospitalReplay,
          place(exported, height))
      }
    }
    // A block before that of a visit is closed by the entry after it, so they are compared last.
    for (height, block) in exported.blocks.enumerated() {
      guard height < chain.blocks.count, chain.blocks[height] == block else {
        throw Failure(.hospitalReplay, place(exported, height), "the rules give another block")
      }
    }
    guard chain.blocks.count == exported.blocks.count, chain.pending.isEmpty else {
      throw Failure(
        .hospitalReplay, place(exported, exported.blocks.count), "the rules give more blocks")
    }
    return chain
  }

  private static func replay<State>(
    _ item: BlockItem, in chain: inout Chain<State>, base: ConsortiumBase,
    _ equations: any AuditEquations, _ check: Check, _ place: String
  ) throws(Failure) {
    guard let entry = try? Entry(encoded: item.entry), entry.content.chain == chain.name,
      entry.content.genesis == chain.genesis.digest
    else { throw Failure(check, place, "an entry cannot be read or is of another chain") }
    equations.begin(place: place, recordedAsAccepted: item.refusal.isEmpty)
    let refusal = chain.process(entry, encoded: item.entry, base: base, equations: equations)
    guard refusal?.code ?? "" == item.refusal else {
      throw Failure(
        check, place,
        "an entry is recorded as \(item.refusal.isEmpty ? "accepted" : item.refusal), "
          + "and the rules say \(refusal?.code ?? "accepted")")
    }
  }

  private static func summary(
    of chain: Chain<HospitalState>, finalBlocks: Int
  ) -> HospitalSummary {
    let visits = chain.state.visits.values
    return HospitalSummary(
      name: chain.name, blocks: chain.blocks.count, finalBlocks: finalBlocks,
      visits: visits.filter { if case .complete = $0.status { true } else { false } }.count,
      acknowledged: visits.filter { $0.receipt == .acknowledged }.count,
      disputed: visits.filter { $0.receipt == .disputed }.count,
      abandoned: visits.filter { $0.status == .abandoned }.count,
      refusedEntries: chain.blocks.flatMap(\.body.items).filter { !$0.refusal.isEmpty }.count)
  }

  private static func place(_ chain: ExportedChain, _ height: Int) -> String {
    "\(chain.name) block \(height)"
  }
}

extension Verification.Failure {
  init(_ check: Verification.Check, _ place: String?, _ reason: String) {
    self.init(check: check, place: place, reason: reason)
  }
}
