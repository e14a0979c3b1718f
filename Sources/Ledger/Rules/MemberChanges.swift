import CanonicalEncoding

/// What changes make of members, and whom they concern: a pure function, without the state.
extension Members {
  /// - Throws: ``Refusal`` `wrong-members` if a change cannot be made.
  func changed(by changes: [MemberChange]) throws(Refusal) -> Members {
    var next = self
    var removed: Set<String> = []
    for change in changes { try next.make(change, of: self, &removed) }
    return next
  }

  /// - Parameters:
  ///   - before: the members before all changes.
  ///   - removed: who was removed by changes before, and now.
  private mutating func make(
    _ change: MemberChange, of before: Members, _ removed: inout Set<String>
  ) throws(Refusal) {
    switch change {
    case .admit(let party):
      // As another party, with another history, it would need another name.
      guard !removed.contains(party.id) else { throw .wrongMembers }
      try put(party)
    case .remove(let id):
      guard before.lists(id) else { throw .wrongMembers }
      removed.formUnion(try remove(id))
    case .assignCloud(let assigned):
      guard supernodes.contains(where: { $0.id == assigned.cloud }),
        supernodes.contains(where: { $0.id == assigned.hospital && $0.role == .hospital })
      else { throw .wrongMembers }
      for index in supernodes.indices {
        supernodes[index].cosigners.removeAll { $0.chain == assigned.hospital }
        if supernodes[index].id == assigned.cloud {
          supernodes[index].cosigners.append(
            Cosigner(chain: assigned.hospital, publicKey: assigned.cosigningKey))
        }
      }
    case .setNumbers(let numbers): self.numbers = numbers
    case .readmit(let organisation):
      guard organisations.contains(where: { $0.id == organisation }) else { throw .wrongMembers }
    case .unbar(let hospital):
      guard supernodes.contains(where: { $0.id == hospital && $0.role == .hospital }) else {
        throw .wrongMembers
      }
    }
  }

  /// Whether it is one that can be removed.
  private func lists(_ id: String) -> Bool {
    organisations.contains { $0.id == id } || supernodes.contains { $0.id == id }
  }

  /// Puts a party in the place that it has, or behind all others of its kind.
  mutating func put(_ party: Party) throws(Refusal) {
    switch party {
    case .organisation(let organisation):
      if let index = organisations.firstIndex(where: { $0.id == organisation.id }) {
        organisations[index] = organisation
      } else {
        organisations.append(organisation)
      }
      guard organisations.count <= Self.partyLimit else { throw .wrongMembers }
    case .manager(let manager):
      // There is one, whose name stands in visits and notices.
      guard manager.id == self.manager.id,
        Self.mayTake(.manager(self.manager), party, but: [])
      else { throw .wrongMembers }
      self.manager = manager
    case .supernode(let node):
      if let index = supernodes.firstIndex(where: { $0.id == node.id }) {
        let former = supernodes[index]
        // The first log key of a chain is what its first generation is checked by.
        guard former.role == node.role, former.logKey == node.logKey,
          Self.mayTake(.supernode(former), party, but: node.logKey.map { [$0.publicKey] } ?? [])
        else { throw .wrongMembers }
        supernodes[index] = node
      } else {
        supernodes.append(node)
      }
      guard supernodes.count <= Self.partyLimit else { throw .wrongMembers }
    }
  }

  /// Who runs a party from now on brings keys of its own: whatever a key signs, one organisation answers
  /// for it.
  private static func mayTake(_ former: Party, _ party: Party, but kept: [[UInt8]]) -> Bool {
    former.organisation == party.organisation
      || Set(former.keys).intersection(party.keys).isSubset(of: kept)
  }

  /// - Returns: all who are gone with it.
  private mutating func remove(_ id: String) throws(Refusal) -> Set<String> {
    let removed = Set(
      supernodes.filter { $0.id == id || $0.organisation == id }.map(\.id))
    guard !removed.isEmpty || organisations.contains(where: { $0.id == id }) else {
      throw .wrongMembers
    }
    organisations.removeAll { $0.id == id }
    supernodes.removeAll { removed.contains($0.id) }
    // Nobody cosigns the chain of a hospital that is gone.
    for index in supernodes.indices {
      supernodes[index].cosigners.removeAll { removed.contains($0.chain) }
    }
    return removed.union([id])
  }

  // MARK: Whom changes concern

  /// For each change of these members the organisation that it concerns, and that does not vote on it.
  func organisations(concernedBy changes: [MemberChange]) -> [String?] {
    // Who is to run what changes before have put.
    var joining: [String: String] = [:]
    func organisation(_ id: String) -> String? {
      organisations.contains { $0.id == id } ? id : nil
    }
    func operatorOf(_ id: String) -> String? { supernodes.first { $0.id == id }?.organisation }
    return changes.map { change in
      switch change {
      case .admit(let party):
        // Who runs it now; whoever is to run it has to agree instead.
        joining[party.id] = party.organisation
        switch party {
        case .organisation: return party.id
        case .manager: return party.id == manager.id ? manager.organisation : party.organisation
        case .supernode: return operatorOf(party.id) ?? party.organisation
        }
      case .remove(let id):
        let manages = id == manager.id ? manager.organisation : nil
        return organisation(id) ?? manages ?? operatorOf(id) ?? joining[id]
      case .readmit(let id): return organisation(id) ?? joining[id]
      case .unbar(let id): return operatorOf(id) ?? joining[id]
      case .assignCloud(let assigned):
        return operatorOf(assigned.hospital) ?? joining[assigned.hospital]
      case .setNumbers: return nil
      }
    }
  }
}

extension ValidMembers {
  /// The identity keys of those who have to agree to changes of these members, by their identifiers:
  /// every party that is admitted, with the key that it is to have; the organisation that is to run
  /// it, unless it runs it already; and a cloud that is to cosign.
  ///
  /// - Parameter next: what the changes make of these members.
  func consents(
    to changes: [MemberChange], making next: ValidMembers
  ) throws(Refusal) -> [String: [UInt8]] {
    var keys: [String: [UInt8]] = [:]
    for change in changes {
      switch change {
      case .admit(let party):
        keys[party.id] = party.identityKey
        if organisation(of: party.id) != party.organisation, party.organisation != party.id {
          guard let key = next.identityKey(of: party.organisation) else { throw .wrongMembers }
          keys[party.organisation] = key
        }
      case .assignCloud(let assigned):
        guard let key = next.identityKey(of: assigned.cloud) else { throw .wrongMembers }
        keys[assigned.cloud] = key
      case .remove, .setNumbers, .readmit, .unbar: break
      }
    }
    return keys
  }

  /// The keys that these members have and a former set did not, each with the identifier of its party.
  /// A key is new where its party did not have it for this use: none changes party or use.
  func newKeys(since former: ValidMembers) -> [(party: String, key: [UInt8])] {
    parties.flatMap { party in
      let known = Dictionary(
        (former.party(party.id)?.keysByUse ?? []).map { ($0.use, $0.key) }
      ) { first, _ in first }
      return party.keysByUse.filter { known[$0.use] != $0.key }.map { (party.id, $0.key) }
    }
  }
}
