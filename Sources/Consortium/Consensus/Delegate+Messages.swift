import CanonicalEncoding
import Consensus
import Ledger
import TransparencyLog

/// What a seat has signed of a height.
enum SeatStatement: Sendable, Equatable {
  case proposal(SignedProposal)
  case vote(SignedVote)

  var height: UInt64 {
    switch self {
    case .proposal(let signed): signed.proposal.height
    case .vote(let signed): signed.vote.height
    }
  }

  var seat: UInt64 {
    switch self {
    case .proposal(let signed): signed.seat
    case .vote(let signed): signed.seat
    }
  }

  var isFirstProposal: Bool {
    if case .proposal(let signed) = self { signed.proposal.round == 0 } else { false }
  }
}

/// What a delegate makes of what the others publish.
extension Delegate {
  private static let contradictionLimit = 64
  private static let forgeryLimit = 8
  /// Of one seat, before a height has begun.
  private static let earlyLimit = 8
  private static let waitingLimit = 256
  private static let waitingByteLimit = 1 << 20

  /// Where to go on reading another's outbox.
  package func position(of peer: String) -> UInt64 { peers[peer]?.next ?? 1 }

  /// Receives items of another delegate's outbox, as they came: each proves itself or is passed over.
  ///
  /// - Parameters:
  ///   - position: where the page began.
  ///   - next: where the next one begins.
  package mutating func receive(
    _ items: [OutboxItem], from peer: String, at position: UInt64, next: UInt64
  ) throws -> Bool {
    guard try others.contains(peer) else { return false }
    return try durably { (delegate) throws in
      var known = delegate.peers[peer] ?? Peer()
      // What was asked for before all is read again, or before a failure made this delegate forget what
      // it had read, comes too late to say where to go on.
      if position == known.next {
        // Whose outbox begins anew has fewer positions than before.
        known.next = next < position ? 1 : next
      }
      delegate.peers[peer] = known
      let checks = delegate.verified.checkCount
      for item in items {
        if delegate.isAhead(item) { delegate.peers[peer]?.isAhead = true }
        // Nobody has all others verify without end. What is left is read again.
        guard delegate.verified.checkCount - checks < delegate.checkLimit else {
          delegate.peers[peer]?.isAhead = true
          break
        }
        try delegate.receive(item, from: peer)
      }
      try delegate.judgeAwaited()
    }
  }

  /// Whether an item is of a height that is still to come here.
  private func isAhead(_ item: OutboxItem) -> Bool {
    if case .cosignature(let note) = item {
      return genesis.consortiumCheckpoint(in: note)?.size ?? 0 > follower.reader.size
    }
    return item.height ?? 0 > height
  }

  private mutating func receive(_ item: OutboxItem, from peer: String) throws {
    switch item {
    case .entry(let bytes): try receive(entry: bytes, from: peer)
    case .proposal(let signed): try receive(statement: .proposal(signed), from: peer)
    case .vote(let signed): try receive(statement: .vote(signed), from: peer)
    case .decision(let certificate): try receive(certificate)
    case .cosignature(let note): try count(cosignature: note)
    }
  }

  private mutating func receive(entry bytes: [UInt8], from peer: String) throws {
    guard let kept = peers[peer]?.waiting, kept.count < Self.waitingLimit,
      kept.reduce(bytes.count, { $0 + $1.byteCount }) <= Self.waitingByteLimit
    else { return }
    let digest = Digest32(sha256: bytes)
    guard !kept.contains(where: { $0.digest == digest }), let waiting = WaitingEntry(bytes),
      waiting.entry.content.genesis == genesis.digest,
      waiting.entry.content.chain == ChainName.consortium,
      try hasRoom(for: waiting.entry, bytes.count, beside: kept, in: .peer)
    else { return }
    peers[peer]?.waiting.append(waiting)
  }

  /// Signatures that are verified of one page.
  private var checkLimit: UInt64 { 256 + 8 * UInt64(delegates.seats.count) }

  /// Whether a peer has shown, of this height, more than a few statements that are not signed by whom they name: nobody
  /// honest has taken one.
  package func hasForged(_ peer: String) -> Bool {
    peers[peer]?.forgeries ?? 0 >= Self.forgeryLimit
  }

  private mutating func isSigned(_ statement: SeatStatement) -> Bool {
    switch statement {
    case .proposal(let signed):
      delegates.isSigned(signed, genesis: genesis.digest, remembering: &verified)
    case .vote(let signed):
      delegates.isSigned(signed, genesis: genesis.digest, remembering: &verified)
    }
  }

  /// Takes what a seat has signed of the height under way, or keeps it until that has begun here.
  private mutating func receive(statement: SeatStatement, from peer: String) throws {
    guard isOfThisHeight(statement.height, from: peer), !hasForged(peer) else { return }
    guard isSigned(statement) else {
      peers[peer]?.forgeries += 1
      return
    }
    if machine.hasBegun || blockPause == .zero { return try receive(statement) }
    guard !early.contains(statement) else { return }
    guard early.count(where: { $0.seat == statement.seat }) < Self.earlyLimit else {
      peers[peer]?.isAhead = true
      return
    }
    early.append(statement)
  }

  private mutating func receive(_ statement: SeatStatement) throws {
    switch statement {
    case .proposal(let signed): try run(machine.receive(signed))
    case .vote(let signed): try run(machine.receive(signed))
    }
  }

  // MARK: Before a height has begun

  /// Whether others have begun this height: whose turn it is, or so many that one of them is honest. Less would have
  /// one who is not make blocks of nothing, one behind the other.
  var isAsked: Bool {
    guard hasPaused(for: blockPause) else { return false }
    return early.contains { $0.isFirstProposal }
      || machine.setting.hasHonestSeat(Set(early.map(\.seat)).count)
  }

  /// Receives what came before this height had begun.
  mutating func receiveEarly() throws {
    let known = early
    early = []
    for statement in known { try receive(statement) }
    readAgain()
  }

  /// Whether a message is of the height under way. One of a height that may not begin yet is read
  /// again when it may.
  private mutating func isOfThisHeight(_ height: UInt64, from peer: String) -> Bool {
    guard height == self.height else { return false }
    if !mayBegin { peers[peer]?.isAhead = true }
    return mayBegin
  }

  private mutating func receive(_ certificate: CommitCertificate) throws {
    if certificate.height == height {
      guard delegates.holds(certificate, genesis: genesis.digest, remembering: &verified) else {
        return
      }
      try run(machine.receive(certificate))
    } else if follower.decision == nil {
      _ = try follower.adopt(decision: certificate)
    }
  }

  /// Counts a cosignature on a checkpoint of this chain; more than two thirds make it final.
  mutating func count(cosignature text: String) throws {
    let reader = follower.reader
    // What is of a block to come is read again when that is there.
    guard !contradictions.contains(text), let note = try? SignedNote(encoded: text),
      let claimed = genesis.consortiumCheckpoint(in: text),
      claimed.size > follower.final?.size ?? 0, claimed.size <= reader.size,
      cosigned[claimed.size]?.contains(where: { $0.note.encoded == text }) != true,
      let block = try reader.height(endingAt: claimed.size)
    else { return }
    let delegates = try reader.delegates(forHeight: block)
    verified.checkCount += 1
    guard
      let part = try? CosignedCheckpoint(
        verifying: note, origin: claimed.origin, cosigners: delegates.cosigners,
        allowsExtensionLines: false),
      // Each shows its own; of several together there would be as many texts as there are subsets.
      part.cosigners.count == 1
    else { return }
    guard try reader.checkpoint(size: claimed.size) == claimed else {
      if contradictions.count == Self.contradictionLimit { contradictions.removeFirst() }
      contradictions.append(text)
      return
    }
    var parts = cosigned[claimed.size] ?? []
    guard !parts.contains(where: { $0.cosigners == part.cosigners }) else { return }
    parts.append(part)
    cosigned[claimed.size] = parts
    guard delegates.isQuorum(parts.count) else { return }
    try adoptFinal()
  }

  /// Adopts the checkpoints that enough have cosigned: at the end of an epoch first, behind which later
  /// ones have waited.
  private mutating func adoptFinal() throws {
    let before = follower.final?.size
    for size in cosigned.keys.sorted() {
      if let merged = CosignedCheckpoint.merged(cosigned[size] ?? []) {
        _ = try follower.adopt(final: merged.note.encoded)
      }
    }
    guard let final = follower.final, final.size != before else { return }
    cosigned = cosigned.filter { $0.key > final.size }
    try removeDone()
    readAgain()
  }

  /// Adopts a checkpoint that is final elsewhere.
  package mutating func adopt(final note: String) throws -> Bool {
    try durably { (delegate) throws in
      guard try delegate.follower.adopt(final: note) else { return }
      try delegate.adoptFinal()
      try delegate.removeDone()
      delegate.readAgain()
    }
  }
}
