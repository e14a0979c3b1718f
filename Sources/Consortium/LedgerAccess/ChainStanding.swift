import Ledger

/// How far a role has a chain, beside how far others show it: for who runs the role.
package struct ChainStanding: Sendable, Equatable {
  /// `consortium` or a hospital.
  package let chain: String
  /// Leaves that are here: of the consortium chain, those that are final.
  package let held: UInt64
  /// Leaves up to the newest position that is known; nil while too few others have shown theirs.
  package let newest: UInt64?
  /// Of a hospital's chain: leaves that its cloud has confirmed, as is known here.
  package let confirmed: UInt64?
  /// Of a hospital's chain: leaves that the consortium has anchored, as is known here, so that they are final.
  package let anchored: UInt64?

  package init(
    chain: String, held: UInt64, newest: UInt64?, confirmed: UInt64? = nil, anchored: UInt64? = nil
  ) {
    (self.chain, self.held, self.newest) = (chain, held, newest)
    (self.confirmed, self.anchored) = (confirmed, anchored)
  }

  /// How many leaves are missing; nil where nobody knows.
  package var behind: UInt64? { newest.map { $0 - min($0, held) } }
}

/// What another has shown of the consortium chain.
package struct ShownPosition: Sendable, Equatable {
  /// Leaves that are final there, by its own word.
  package let finalSize: UInt64
  /// When, in seconds since 1970 by the own clock.
  package let at: UInt64

  package init(finalSize: UInt64, at: UInt64) { (self.finalSize, self.at) = (finalSize, at) }

  /// The newest position that more than a third of the seats have shown since a time, or one behind it.
  ///
  /// - Returns: nil if fewer have shown any.
  package static func newest(
    of shown: [String: Self], seats: [String?], since time: UInt64
  ) -> UInt64? {
    let sizes = seats.compactMap { $0.flatMap { shown[$0] } }.filter { $0.at >= time }
      .map(\.finalSize).sorted(by: >)
    let index = seats.count / 3
    return index < sizes.count ? sizes[index] : nil
  }
}

/// A role that knows of chains.
package protocol ChainHolder: Sendable {
  /// How far it has the chains of hospitals that it keeps, writes or follows. Nobody is asked.
  func hospitalChains() async -> [ChainStanding]
}

extension LedgerNode {
  /// The consortium chain: the newest position is one that more than a third of the seats have shown lately,
  /// or a later one, so that somebody honest is among them, and no liar makes it up.
  ///
  /// - Parameter age: in seconds; what was shown longer ago does not count.
  package func standing(shownWithin age: UInt64) throws -> ChainStanding {
    let seats = try consortium.delegates(forHeight: consortium.height).seats.map(\.delegate)
    let now = clock()
    // What was shown while the clock was ahead is not of now for as long as it was ahead.
    let others = shown.filter { $0.key != id && $0.value.at <= now &+ age }
    return ChainStanding(
      chain: ChainName.consortium, held: consortium.final?.size ?? 0,
      newest: ShownPosition.newest(of: others, seats: seats, since: now - min(age, now)))
  }

  /// How far a hospital's chain is, beside what is anchored of it as this node knows.
  func standing(of view: HospitalView) throws -> ChainStanding {
    let anchored = try consortium.anchor(of: view.hospital)?.size ?? 0
    return ChainStanding(
      chain: view.hospital, held: view.size, newest: anchored, confirmed: view.confirmed?.size,
      anchored: anchored)
  }
}

extension HospitalServer: ChainHolder {
  package func hospitalChains() async -> [ChainStanding] {
    let view = await ledger.writer.view
    return (try? await node.standing(of: view)).map { [$0] } ?? []
  }
}

extension CloudServer: ChainHolder {
  package func hospitalChains() async -> [ChainStanding] {
    var found: [ChainStanding] = []
    for hospital in confirmer.hospitals {
      guard (try? await node.members.cloud(ofHospital: hospital)) == id,
        let view = try? await confirmer.view(of: hospital),
        let standing = try? await node.standing(of: view)
      else { continue }
      found.append(standing)
    }
    return found
  }
}

extension SystemManager: ChainHolder {
  package func hospitalChains() async -> [ChainStanding] {
    var found: [ChainStanding] = []
    for view in await chains.heldViews {
      if let standing = try? await node.standing(of: view) { found.append(standing) }
    }
    return found
  }
}
