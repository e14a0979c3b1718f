import CanonicalEncoding
import Consensus
import Credentials
package import Ledger
import TransparencyLog

/// What a delegate's store says of its part in the consortium chain, read without the delegate's keys,
/// to compare it with the chain.
///
/// A step of a delegate stores the chain first, then what it says of it, and shows others only what is
/// stored: so its own replay reaches as far as its words, and they as far as others have heard.
package struct DelegateRecords: Sendable {
  /// Something in which the store and a chain do not fit.
  package struct Fault: Sendable, Equatable {
    package enum Kind: Sendable {
      /// One of them ends too early.
      case behind
      /// They are of two chains.
      case diverged
      /// No delegate could have stored this.
      case invalid
    }

    package let kind: Kind
    /// Whether it is the replay's fault, not the store's.
    package let isOfReplay: Bool
    package let what: String
  }

  package let id: String
  /// The size of the checkpoint that was cosigned last; 0 before the first.
  package let cosignedSize: UInt64
  private let stored: StoredConsensus?
  private let items: [OutboxItem]
  private let shelf: BlockShelf

  /// - Throws: ``StoreError``; `corrupted` if something in the store cannot be read.
  package init(of id: String, in store: any RoleStore) throws(StoreError) {
    self.id = id
    items = try Outbox(store: store).items.map(\.item)
    shelf = try BlockShelf(store: store)
    stored = try store.value(forKey: Delegate.storedKey).map(Delegate.stored)
    var size: UInt64 = 0
    for case .cosignature(let note) in items {
      size = max(size, try Self.checkpoint(note).size)
    }
    cosignedSize = size
  }

  /// The height of the block on which it was voted last; nil before the first.
  package var votedHeight: UInt64? { stored?.height }

  @inline(never)
  private static func checkpoint(_ note: String) throws(StoreError) -> Checkpoint {
    do {
      return try Delegate.checkpoint(note)
    } catch {
      throw StoreError(.corrupted, "a cosigned checkpoint in the outbox cannot be read")
    }
  }

  /// What does not fit.
  ///
  /// - Parameters:
  ///   - own: how far the delegate's own replay is.
  ///   - chain: the chain as far as it is known, which begins with that replay.
  package func faults(
    beside own: (size: UInt64, height: UInt64, hasDecision: Bool), on chain: ConsortiumView
  ) throws(StoreError) -> [Fault] {
    var faults: [Fault] = []
    if cosignedSize > own.size {
      faults.append(
        Fault(
          kind: .behind, isOfReplay: true,
          what: "the chain ends at \(own.size), and \(id) cosigned \(cosignedSize) leaves of it"))
    } else if let votedHeight, votedHeight > own.height {
      faults.append(
        Fault(
          kind: .behind, isOfReplay: true,
          what: "the chain has \(own.height) blocks, and \(id) voted on block \(votedHeight)"))
    } else if let stored, stored.height == own.height, let locked = stored.locked,
      shelf[locked.root] == nil
    {
      faults.append(
        Fault(
          kind: .invalid, isOfReplay: false,
          what: "\(id) committed to a block \(own.height) that is not kept here"))
    }
    if let stored, stored.isSilenced, stored.height == own.height {
      faults.append(
        Fault(
          kind: .behind, isOfReplay: false,
          what: "\(id) met votes of its own on block \(own.height) that are not kept here"))
    }
    for item in items {
      guard let fault = try fault(in: item, beside: own, on: chain) else { continue }
      // That something ends too early, or is of another chain, shows in many items.
      let isKnown = faults.contains {
        $0.kind == fault.kind && $0.isOfReplay == fault.isOfReplay && $0.kind != .invalid
      }
      if !isKnown { faults.append(fault) }
    }
    return faults
  }

  /// What others hold that the delegate has said, and its store does not: it was put back.
  ///
  /// - Parameters:
  ///   - size: of a checkpoint with the delegate's cosignature; 0 if none is known.
  ///   - height: of a block with the delegate's commit.
  package func fault(cosigned size: UInt64, voted height: UInt64?) -> Fault? {
    let what: String
    if size > cosignedSize {
      let kept = cosignedSize > 0 ? "a checkpoint of \(cosignedSize)" : "no checkpoint of it"
      what = "\(id) cosigned \(size) leaves of the consortium chain, and keeps \(kept)"
    } else if let height, votedHeight.map({ $0 < height }) ?? true {
      let kept = votedHeight.map { "votes on block \($0)" } ?? "no votes"
      what = "\(id) voted on block \(height) of the consortium chain, and keeps \(kept)"
    } else {
      return nil
    }
    return Fault(kind: .behind, isOfReplay: false, what: what)
  }

  // MARK: Items

  private func fault(
    in item: OutboxItem, beside own: (size: UInt64, height: UInt64, hasDecision: Bool),
    on chain: ConsortiumView
  ) throws(StoreError) -> Fault? {
    func invalid(_ what: String) -> Fault {
      Fault(kind: .invalid, isOfReplay: false, what: what)
    }
    switch item {
    case .entry(let bytes):
      return WaitingEntry(bytes) == nil ? invalid("an entry that waits cannot be read") : nil
    case .proposal(let signed):
      let proposal = signed.proposal
      guard
        try signer(signed.signature, of: proposal, signed.seat, proposal.height, chain) == id
      else { return invalid("a proposal of block \(proposal.height) is not signed by \(id)") }
      return remembers(proposal.height, proposal.round)
        ? nil : forgotten("proposed block \(proposal.height)", proposal.round)
    case .vote(let signed):
      let vote = signed.vote
      guard
        let voter = try signer(signed.signature, of: vote, signed.seat, vote.height, chain)
      else { return invalid("a vote on block \(vote.height) is not signed by its seat") }
      // Others' votes are passed on.
      return voter != id || remembers(vote)
        ? nil : forgotten("voted on block \(vote.height)", vote.round)
    case .decision(let certificate): return try fault(in: certificate, beside: own, on: chain)
    case .cosignature(let note): return try fault(inCosigned: note, on: chain)
    }
  }

  /// Whether what is stored is not from before a statement.
  private func remembers(_ height: UInt64, _ round: UInt64) -> Bool {
    guard let stored else { return false }
    return (stored.height, stored.round) >= (height, round)
  }

  /// Votes of the round under way are kept, and who commits to a block is locked on it until a later
  /// round.
  private func remembers(_ vote: ConsensusVote) -> Bool {
    guard remembers(vote.height, vote.round), let stored else { return false }
    guard stored.height == vote.height else { return true }
    if stored.round == vote.round, !stored.votes.contains(vote) { return false }
    guard vote.phase == .commit, let root = vote.root else { return true }
    guard let locked = stored.locked else { return false }
    return locked.round > vote.round || (locked.round == vote.round && locked.root == root)
  }

  private func forgotten(_ what: String, _ round: UInt64) -> Fault {
    Fault(
      kind: .behind, isOfReplay: false,
      what: "\(id) \(what) in round \(round), and \(Delegate.storedKey) is from before")
  }

  /// The delegate whose seat signed a statement; nil if its seat did not.
  private func signer(
    _ signature: [UInt8], of statement: some CanonicalObject, _ seat: UInt64, _ height: UInt64,
    _ chain: ConsortiumView
  ) throws(StoreError) -> String? {
    let seats = try chain.delegates(forHeight: height).seats
    guard seat < seats.count,
      IdentityKey.isValid(signature, of: statement, by: seats[Int(seat)].votingKey)
    else { return nil }
    return seats[Int(seat)].delegate
  }

  private func fault(
    in certificate: CommitCertificate,
    beside own: (size: UInt64, height: UInt64, hasDecision: Bool), on chain: ConsortiumView
  ) throws(StoreError) -> Fault? {
    let height = certificate.height
    guard
      try chain.delegates(forHeight: height).holds(certificate, genesis: chain.genesis.digest)
    else {
      return Fault(
        kind: .invalid, isOfReplay: false,
        what: "the decision on block \(height) lacks commits of more than two thirds of the seats")
    }
    guard height < own.height, let block = try chain.block(height) else {
      return Fault(
        kind: .behind, isOfReplay: true,
        what: "the chain has \(own.height) blocks, and \(id) decided block \(height)")
    }
    guard try chain.checkpoint(size: block.index + 1).root == certificate.root.bytes else {
      return Fault(
        kind: .diverged, isOfReplay: false,
        what: "block \(height) is not the one that \(id) decided")
    }
    return height + 1 == own.height && !own.hasDecision
      ? Fault(kind: .invalid, isOfReplay: true, what: "decision is missing") : nil
  }

  private func fault(
    inCosigned note: String, on chain: ConsortiumView
  ) throws(StoreError) -> Fault? {
    let checkpoint = try Self.checkpoint(note)
    guard checkpoint.size <= chain.size else { return nil }
    guard try chain.checkpoint(size: checkpoint.size) == checkpoint,
      let height = try chain.height(endingAt: checkpoint.size)
    else {
      return Fault(
        kind: .diverged, isOfReplay: false,
        what: "the consortium chain is not the one that \(id) cosigned")
    }
    let cosigners = try chain.delegates(forHeight: height).seats
      .filter { $0.delegate == id }.compactMap(\.cosigner)
    guard let parsed = try? SignedNote(encoded: note),
      (try? CosignedCheckpoint(verifying: parsed, origin: checkpoint.origin, cosigners: cosigners))
        != nil
    else {
      return Fault(
        kind: .invalid, isOfReplay: false,
        what: "the checkpoint of \(checkpoint.size) leaves is not cosigned by \(id)")
    }
    return nil
  }
}
