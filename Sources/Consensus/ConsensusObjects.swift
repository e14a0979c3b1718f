public import CanonicalEncoding

/// Bounds of what the objects of consensus hold.
public enum ConsensusLimits {
  /// Heights and epochs: what C2SP's decimals hold, 2⁶³ − 1.
  public static let height = UInt64(Int64.max)
  /// The highest round of a height.
  public static let round: UInt64 = 1 << 32
  /// The seats of a set of delegates.
  public static let seatCount = 400
  /// The longest vote or proposal, in bytes.
  public static let statementByteCount = 1024
  /// Bytes of a bitmap of rounds that timed out: 256 rounds.
  public static let timedOutByteCount = 32
}

/// What one delegate says of one round: a prepare (Tendermint's prevote) or a commit (its precommit)
/// for a block or for none.
public struct ConsensusVote: CanonicalObject, Hashable {
  public static let kind = ObjectKind.consensusVote
  public static let maximumByteCount = ConsensusLimits.statementByteCount

  /// The two votes of a round.
  public enum Phase: UInt64, Sendable {
    case prepare = 1
    case commit = 2
  }

  public var genesis: Digest32
  public var epoch: UInt64
  public var height: UInt64
  public var round: UInt64
  public var phase: Phase
  /// The root of the whole chain up to and with the block's header; nil: no block.
  public var root: Digest32?
  /// In a commit, the rounds below its own in which the delegate's propose timeout expired without a
  /// proposal having arrived; bit 7 of byte 0 is round 0, without trailing zero bytes. Else empty.
  public var timedOut: [UInt8]

  public init(
    genesis: Digest32, epoch: UInt64, height: UInt64, round: UInt64, phase: Phase,
    root: Digest32?, timedOut: [UInt8] = []
  ) {
    self.genesis = genesis
    self.epoch = epoch
    self.height = height
    self.round = round
    self.phase = phase
    self.root = root
    self.timedOut = timedOut
  }

  /// Whether the vote says that this round timed out without a proposal.
  public func saysTimedOut(_ round: UInt64) -> Bool { TimedOutRounds(timedOut).contains(round) }

  /// Whether ``timedOut`` is as the vote's phase and round demand.
  var hasWellFormedTimedOut: Bool {
    switch phase {
    case .prepare: timedOut.isEmpty
    case .commit: TimedOutRounds(timedOut).isWellFormed(below: round)
    }
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.integer("epoch", epoch)
    fields.integer("height", height)
    fields.integer("round", round)
    fields.integer("phase", phase.rawValue)
    fields.octetsList("root", root.map { [$0.bytes] } ?? [])
    fields.octets("timedOut", timedOut)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    epoch = try fields.integer("epoch", in: 0...ConsensusLimits.height)
    height = try fields.integer("height", in: 0...ConsensusLimits.height)
    round = try fields.integer("round", in: 0...ConsensusLimits.round)
    guard let phase = Phase(rawValue: try fields.integer("phase")) else {
      throw DecodingFailure(.invalidField, "phase is neither prepare nor commit")
    }
    self.phase = phase
    root = try fields.octetsList("root", maximum: 1, 32...32).first.flatMap { Digest32($0) }
    timedOut = try fields.octets("timedOut", 0...ConsensusLimits.timedOutByteCount)
    guard hasWellFormedTimedOut else {
      throw DecodingFailure(.invalidField, "timedOut is not of rounds below a commit's")
    }
  }
}

/// A block put to the vote by the delegate whose turn the round is.
public struct ConsensusProposal: CanonicalObject, Hashable {
  public static let kind = ObjectKind.consensusProposal
  public static let maximumByteCount = ConsensusLimits.statementByteCount

  public var genesis: Digest32
  public var epoch: UInt64
  public var height: UInt64
  public var round: UInt64
  /// The root of the whole chain up to and with the block's header.
  public var root: Digest32
  /// The round in which a quorum prepared this block; nil if it is proposed for the first time.
  public var validRound: UInt64?

  public init(
    genesis: Digest32, epoch: UInt64, height: UInt64, round: UInt64, root: Digest32,
    validRound: UInt64?
  ) {
    self.genesis = genesis
    self.epoch = epoch
    self.height = height
    self.round = round
    self.root = root
    self.validRound = validRound
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.integer("epoch", epoch)
    fields.integer("height", height)
    fields.integer("round", round)
    fields.digest("root", root)
    fields.optional("validRound", validRound.map(Number.init))
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    epoch = try fields.integer("epoch", in: 0...ConsensusLimits.height)
    height = try fields.integer("height", in: 0...ConsensusLimits.height)
    round = try fields.integer("round", in: 0...ConsensusLimits.round)
    root = try fields.digest("root")
    validRound = try fields.optional("validRound", of: Number.self)?.number
    if let validRound, validRound >= round {
      throw DecodingFailure(.invalidField, "validRound is not below the round")
    }
  }

  private struct Number: CanonicalValue {
    let number: UInt64
    init(_ number: UInt64) { self.number = number }
    func encode(into fields: inout some FieldEncoder) { fields.integer("number", number) }
    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      number = try fields.integer("number", in: 0...ConsensusLimits.round)
    }
  }
}

/// A set of the first 256 rounds of a height.
struct TimedOutRounds: Sendable, Equatable {
  /// Most significant bit first, without trailing zero bytes.
  private(set) var bytes: [UInt8]

  init(_ bytes: [UInt8] = []) { self.bytes = bytes }

  func contains(_ round: UInt64) -> Bool {
    guard round < UInt64(bytes.count) * 8 else { return false }
    return bytes[Int(round / 8)] & Self.bit(of: round) != 0
  }

  /// Rounds from 256 on are not kept.
  mutating func insert(_ round: UInt64) {
    guard round < UInt64(ConsensusLimits.timedOutByteCount) * 8 else { return }
    let index = Int(round / 8)
    if index >= bytes.count {
      bytes += [UInt8](repeating: 0, count: index + 1 - bytes.count)
    }
    bytes[index] |= Self.bit(of: round)
  }

  func isWellFormed(below round: UInt64) -> Bool {
    bytes.count <= ConsensusLimits.timedOutByteCount && bytes.last != 0
      && below(round).bytes == bytes
  }

  func below(_ limit: UInt64) -> Self {
    var result = Self()
    for round in 0..<min(limit, UInt64(bytes.count) * 8) where contains(round) {
      result.insert(round)
    }
    return result
  }

  private static func bit(of round: UInt64) -> UInt8 { 0x80 >> UInt8(round % 8) }
}
