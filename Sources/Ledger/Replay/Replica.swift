public import CanonicalEncoding
public import TransparencyLog

/// A deterministic replay of the ordering log: every replica of one log prefix is in one state.
///
/// It follows the consortium chain and any number of hospitals' chains; entries of other chains are
/// passed over unread.
public struct Replica: Sendable {
  public let genesis: ValidGenesis
  public private(set) var consortium: Chain<ConsortiumState>
  /// The hospitals' chains that are followed.
  public private(set) var hospitals: [String: Chain<HospitalState>]
  /// The position of the next entry to replay.
  public private(set) var nextPosition: UInt64 = 0
  /// Entries in the log that belong to no chain: undecodable, of another ledger, or early.
  public private(set) var passedOver = 0
  /// What cosigners have signed against each other or against this replay.
  public private(set) var contradictions: [Contradiction] = []

  private let equations: any EquationChecker
  private var cosignatures: [String: CosignatureCollection]
  /// States of the consortium after its blocks, from the last final one on.
  private var states: [UInt64: ConsortiumBase] = [:]
  private let origin: ConsortiumBase
  private var final: ConsortiumBase?

  /// A cosigned checkpoint that is not of the chain this replay reached.
  public struct Contradiction: Sendable, Equatable {
    public let chain: String
    public let note: String
  }

  public init(
    genesis: ValidGenesis, following hospitals: some Sequence<String>,
    equations: any EquationChecker
  ) {
    self.genesis = genesis
    self.equations = equations
    origin = ConsortiumBase(genesis: genesis)
    consortium = Chain(name: ChainName.consortium, genesis: genesis, state: origin.state)
    self.hospitals = Dictionary(
      uniqueKeysWithValues: hospitals.map {
        ($0, Chain(name: $0, genesis: genesis, state: HospitalState(hospital: $0)))
      })
    cosignatures = Dictionary(
      uniqueKeysWithValues: ([ChainName.consortium] + self.hospitals.keys).map {
        ($0, CosignatureCollection(chain: $0, genesis: genesis))
      })
  }

  /// Replays the next entry of the log.
  ///
  /// - Throws: ``LedgerError`` `inconsistent-log` if it is not the next one.
  public mutating func replay(_ ordered: OrderedEntry) throws(LedgerError) {
    guard ordered.position == nextPosition else {
      throw LedgerError(
        .inconsistentLog, "position \(ordered.position) follows where \(nextPosition) was expected")
    }
    nextPosition += 1
    guard ordered.bytes.count <= genesis.genesis.maximumEntryByteCount,
      let entry = try? Entry(encoded: ordered.bytes), entry.content.genesis == genesis.digest
    else {
      passedOver += 1
      return
    }
    let chain = entry.content.chain
    if ObjectKind(of: entry.content.body) == .cosignature {
      takeCosignature(entry, chain)
    } else if chain == ChainName.consortium {
      let height = consortium.blocks.count
      consortium.process(entry, encoded: ordered.bytes, base: origin, equations: equations)
      if let block = consortium.blocks.last, consortium.blocks.count > height {
        states[block.header.height] = .init(
          state: consortium.state, height: block.header.height, digest: block.header.digest)
      }
    } else if hospitals[chain] != nil, let final {
      hospitals[chain]?.process(
        entry, encoded: ordered.bytes, base: final, equations: equations)
    } else {
      passedOver += 1
    }
  }

  private mutating func takeCosignature(_ entry: Entry, _ chain: String) {
    guard let body = try? Cosignature(encoded: entry.content.body),
      let claimed = genesis.checkpoint(in: body.note, chain: chain),
      case let size = Int(clamping: claimed.size), let own = checkpoint(of: chain, size: size),
      // Nothing hangs on one more cosignature of what has enough; against it, one is evidence.
      size > confirmedSize(of: chain) || own != claimed,
      let cosigned = genesis.partlyCosignedCheckpoint(body.note, chain: chain),
      cosigned.cosignatures.count == 1
    else {
      passedOver += 1
      return
    }
    guard own == cosigned.checkpoint else {
      contradictions.append(Contradiction(chain: chain, note: body.note))
      return
    }
    cosignatures[chain]?.add(cosigned)
    if chain == ChainName.consortium, let size = cosignatures[chain]?.completeSize, size > 0 {
      if let base = states[UInt64(size - 1)] { final = base }
      states = states.filter { $0.key + 1 >= size }
    }
  }

  /// This replay's checkpoint of the first `size` blocks of a chain.
  public func checkpoint(of chain: String, size: Int) -> Checkpoint? {
    chain == ChainName.consortium
      ? consortium.checkpoint(size: size) : hospitals[chain]?.checkpoint(size: size)
  }

  /// The consortium as of its last final block: the directory and the time to judge by.
  public var finalBase: ConsortiumBase? { final }

  /// How many blocks of a chain are covered by a checkpoint with enough cosignatures: for the
  /// consortium chain these are final, for a hospital's confirmed (4.5).
  public func confirmedSize(of chain: String) -> Int { cosignatures[chain]?.completeSize ?? 0 }

  /// How many blocks of a hospital's chain are final: covered by a confirmed checkpoint that is
  /// anchored in a final consortium block.
  public func finalSize(of chain: String) -> Int {
    chain == ChainName.consortium
      ? confirmedSize(of: chain) : Int(final?.state.anchors[chain]?.size ?? 0)
  }

  /// The largest size of a chain that this supernode has cosigned.
  public func cosignedSize(of chain: String, by node: String) -> Int {
    let name = ValidGenesis.cosignerName(network: genesis.genesis.network, node: node, chain: chain)
    return cosignatures[chain]?.largestSizes[name] ?? 0
  }

  /// The latest checkpoint of a chain with enough cosignatures, as a C2SP signed note.
  public func confirmedNote(of chain: String) -> String? { cosignatures[chain]?.completeNote }

  /// What a client may be told of an entry (specification, section 6).
  public func status(of entry: Digest32, chain: String) -> EntryStatus? {
    let verdict: Verdict? =
      chain == ChainName.consortium
      ? consortium.verdict(on: entry) : hospitals[chain]?.verdict(on: entry)
    guard let verdict else { return nil }
    if let refusal = verdict.refusal { return .refused(refusal) }
    if verdict.height < finalSize(of: chain) { return .final }
    return verdict.height < confirmedSize(of: chain) ? .confirmed : .ordered
  }
}

/// The states of an accepted entry that a client sees after the log has taken it.
public enum EntryStatus: Equatable, Sendable {
  case ordered
  case confirmed
  case final
  case refused(Refusal)
}

/// The cosignatures on one chain's checkpoints, by size.
struct CosignatureCollection: Sendable {
  private let threshold: Int
  private var bySize: [Int: [CosignedCheckpoint]] = [:]
  private(set) var completeSize = 0
  /// By the name of the cosigner.
  private(set) var largestSizes: [String: Int] = [:]

  init(chain: String, genesis: ValidGenesis) {
    threshold = genesis.cosignatureThreshold(of: chain)
  }

  /// Takes a cosignature on a checkpoint that the chain has.
  mutating func add(_ cosigned: CosignedCheckpoint) {
    let size = Int(cosigned.checkpoint.size)
    guard
      bySize[size]?.contains(where: { $0.cosigners == cosigned.cosigners }) != true
    else { return }
    bySize[size, default: []].append(cosigned)
    for cosigner in cosigned.cosigners {
      largestSizes[cosigner.name] = max(largestSizes[cosigner.name] ?? 0, size)
    }
    if size > completeSize, bySize[size]?.count ?? 0 >= threshold { completeSize = size }
  }

  var completeNote: String? {
    bySize[completeSize].flatMap { CosignedCheckpoint.merged($0) }?.note.encoded
  }
}
