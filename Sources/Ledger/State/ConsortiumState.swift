import CanonicalEncoding
public import Credentials
import EMRScheme
public import TransparencyLog

/// The consortium chain's state: time, the directory of doctors, and the anchored checkpoints.
public struct ConsortiumState: ChainState {
  public let genesis: ValidGenesis
  /// Seconds since 1970; never goes back.
  public private(set) var time: UInt64
  /// Registered doctors by identifier. Registrations here have been verified.
  public private(set) var doctors: [String: DoctorRegistration] = [:]
  /// The size and root of each hospital's chain that was anchored last.
  public private(set) var anchors: [String: Checkpoint] = [:]
  /// Each delegate's latest tick.
  public private(set) var ticks: [String: UInt64] = [:]
  private var registeredKeys: Set<[UInt8]> = []
  private var height: UInt64 = 0
  private var lastCutTime: UInt64
  private var acceptedSinceCut = 0
  private var recentBlocks: [BlockHeader] = []
  private static let recentBlockLimit = 64

  public init(genesis: ValidGenesis) {
    self.genesis = genesis
    time = genesis.genesis.createdAt
    lastCutTime = genesis.genesis.createdAt
  }

  /// The Ed25519 key with which this party signs entries: of the genesis, or a registered doctor.
  public func identityKey(of party: String) -> [UInt8]? {
    genesis.identityKey(of: party) ?? doctors[party]?.statement.identityKey
  }

  public mutating func apply(
    _ entry: Entry, base: ConsortiumState, equations: any EquationChecker
  ) throws(Refusal) -> EntryEffect {
    let effect =
      switch ObjectKind(of: entry.content.body) {
      case .doctorRegistration: try register(entry, equations)
      case .tick: try tick(entry)
      case .anchor: try anchor(entry)
      case .blockCut: try cut(entry)
      default: throw .malformed
      }
    acceptedSinceCut += 1
    return effect
  }

  private mutating func register(
    _ entry: Entry, _ equations: any EquationChecker
  ) throws(Refusal) -> EntryEffect {
    let hospital = try entry.verifiedParty(self)
    let registration: DoctorRegistration = try entry.body()
    let statement = registration.statement
    guard hospital == statement.hospital, genesis.supernode(hospital)?.role == .hospital else {
      throw .notEntitled
    }
    guard statement.genesis == genesis.digest, statement.suite == genesis.genesis.suite,
      ValidGenesis.isIdentifier(statement.doctor)
    else { throw .wrongRegistration }
    let keys = [
      statement.identityKey, statement.agreementKey, statement.a, statement.b2, statement.c2,
    ]
    guard identityKey(of: statement.doctor) == nil, statement.doctor != ChainName.consortium,
      Set(keys).count == keys.count, registeredKeys.isDisjoint(with: keys)
    else { throw .alreadyRegistered }
    guard
      equations.holds(
        .registration(registration, managerKey: genesis.genesis.manager.registrationKey))
    else { throw .wrongRegistration }
    doctors[statement.doctor] = registration
    registeredKeys.formUnion(keys)
    return EntryEffect(
      changes: [.init("doctor/\(statement.doctor)", statement.digest.bytes)])
  }

  private mutating func tick(_ entry: Entry) throws(Refusal) -> EntryEffect {
    let delegate = try delegate(signing: entry)
    let tick: Tick = try entry.body()
    guard tick.time > ticks[delegate] ?? genesis.genesis.createdAt else { throw .wrongTime }
    ticks[delegate] = tick.time
    return EntryEffect(changes: [.init("tick/\(delegate)", "\(tick.time)")])
  }

  private mutating func anchor(_ entry: Entry) throws(Refusal) -> EntryEffect {
    let party = try entry.verifiedParty(self)
    guard genesis.supernode(party) != nil else { throw .notEntitled }
    let anchor: Anchor = try entry.body()
    guard genesis.hospitals.contains(anchor.hospital),
      let checkpoint = genesis.cosignedCheckpoint(anchor.note, chain: anchor.hospital)?.checkpoint
    else { throw .wrongCheckpoint }
    let previous = anchors[anchor.hospital]
    guard checkpoint.size > previous?.size ?? 0 else { throw .wrongCheckpoint }
    do {
      if let previous {
        try ConsistencyProof(hashes: anchor.consistency).verify(
          oldSize: previous.size, oldRoot: previous.root, newSize: checkpoint.size,
          newRoot: checkpoint.root)
      } else if !anchor.consistency.isEmpty {
        throw Refusal.inconsistentCheckpoint
      }
    } catch {
      throw .inconsistentCheckpoint
    }
    anchors[anchor.hospital] = checkpoint
    return EntryEffect(
      changes: [.init("anchor/\(anchor.hospital)", "\(checkpoint.size) \(checkpoint.root.hex)")])
  }

  /// The turn goes round the delegates by height; after each take-over interval without a block
  /// the next one may cut it too.
  private mutating func cut(_ entry: Entry) throws(Refusal) -> EntryEffect {
    let delegate = try delegate(signing: entry)
    let cut: BlockCut = try entry.body()
    guard cut.height == height else { throw .wrongHeight }
    guard acceptedSinceCut > 0 else { throw .nothingToCut }
    guard mayCut(delegate) else { throw .notInTurn }
    return EntryEffect(changes: [], cut: .administrative)
  }

  /// Whether a delegate may close the next block now.
  public func mayCut(_ delegate: String) -> Bool {
    guard let place = genesis.genesis.delegates.firstIndex(of: delegate) else { return false }
    let count = genesis.genesis.delegates.count
    let turn = Int(height % UInt64(count))
    let late = (pendingTime - lastCutTime) / genesis.genesis.takeoverInterval
    return UInt64((place - turn + count) % count) <= late
  }

  public mutating func close() -> [StateChange.Change] {
    time = pendingTime
    lastCutTime = time
    height += 1
    acceptedSinceCut = 0
    return [.init("time", "\(time)")]
  }

  public mutating func closed(_ header: BlockHeader) {
    recentBlocks.append(header)
    if recentBlocks.count > Self.recentBlockLimit { recentBlocks.removeFirst() }
  }

  /// A block that a visit may name as the one it was opened against: one of the last 64.
  func recentBlock(atHeight height: UInt64) -> (digest: Digest32, time: UInt64)? {
    recentBlocks.first { $0.height == height }.map { ($0.digest, $0.time) }
  }

  /// What the time becomes with the next block: the median of the delegates' latest ticks once more
  /// than two thirds have spoken, of an even
  /// number the lower; never before `time`.
  public var pendingTime: UInt64 {
    guard 3 * ticks.count > 2 * genesis.genesis.delegates.count else { return time }
    return max(time, ticks.values.sorted()[(ticks.count - 1) / 2])
  }

  private func delegate(signing entry: Entry) throws(Refusal) -> String {
    let party = try entry.verifiedParty(self)
    guard genesis.genesis.delegates.contains(party) else { throw .notEntitled }
    return party
  }
}
