package import CanonicalEncoding
import EMRScheme

/// Why a visit cannot be proven yet.
package enum UnprovableVisit: Error {
  /// The chain has no such visit.
  case unknown
  /// It is neither complete nor abandoned.
  case open
  /// No final anchor covers its end.
  case notFinal
}

extension VisitProof {
  /// Gathers what shows a visit that is over. A receipt that is not final yet is left out.
  ///
  /// - Throws: ``UnprovableVisit``, ``StoreError``.
  package init(
    of visit: Digest32, on chain: HospitalView, _ consortium: ConsortiumView
  ) throws {
    guard let record = try chain.visit(visit) else { throw UnprovableVisit.unknown }
    guard let end = try chain.end(of: visit), let final = consortium.final else {
      throw UnprovableVisit.open
    }
    var items = [record.opening, end]
    if let receipt = try chain.receipt(of: visit) { items.append(receipt) }
    let genesis = consortium.genesis
    var gathered = try Gathered(items, on: chain, consortium)
    if gathered == nil, items.count > 2 {
      gathered = try Gathered(Array(items.prefix(2)), on: chain, consortium)
    }
    guard let gathered else { throw UnprovableVisit.notFinal }

    var members: [[UInt8]] = []
    var known: Set<Digest32> = [genesis.members.digest]
    for epoch in gathered.epochs.sorted() {
      let valid = try consortium.members(inEpoch: epoch)
      if known.insert(valid.digest).inserted { members.append(valid.members.encoded()) }
    }
    var ends: [EpochEnd] = []
    let epoch = genesis.epoch(ofHeight: final.height)
    while UInt64(ends.count) < epoch {
      let more = try consortium.epochEnds(from: UInt64(ends.count), byteCount: .max)
      guard !more.isEmpty else { throw UnprovableVisit.notFinal }
      ends += more
    }
    self.init(
      hospital: chain.hospital, ends: Array(ends.prefix(Int(clamping: epoch))), members: members,
      note: final.note,
      consortium: try gathered.consortium.sorted().map { index in
        LeafProof(
          leaf: try Self.require(consortium.leaf(index)), index: index,
          inclusion: try consortium.engine.inclusion(of: index, size: final.size))
      },
      leaves: try gathered.leaves.sorted().map { index in
        try chain.proof(
          of: index, leaf: Self.require(chain.leaf(index)), size: gathered.anchor.size)
      })
  }

  private static func require(_ leaf: [UInt8]?) throws(StoreError) -> [UInt8] {
    guard let leaf else { throw StoreError(.corrupted, "a leaf of the chain is missing") }
    return leaf
  }

  /// The indices of the leaves that a proof needs.
  private struct Gathered {
    let anchor: AnchorRecord
    var consortium: Set<UInt64> = []
    var leaves: Set<UInt64> = []
    /// Of which the members are needed.
    var epochs: Set<UInt64> = []

    /// - Returns: nil if no final anchor covers these items.
    init?(
      _ items: [UInt64], on chain: HospitalView, _ view: ConsortiumView
    ) throws {
      var headers: [BlockHeader] = []
      for index in items {
        guard let header = try Self.header(behind: index, on: chain) else { return nil }
        headers.append(header)
      }
      guard let last = headers.map(\.index).max(),
        let anchor = try view.firstAnchor(covering: last, of: chain.hospital),
        anchor.index < view.final?.size ?? 0, try chain.leads(to: anchor)
      else { return nil }
      self.anchor = anchor
      consortium.insert(anchor.index)
      try insert(block: anchor.height, view)
      leaves.formUnion(items)
      for header in headers {
        leaves.insert(header.index)
        try insert(block: header.base.height, view)
        epochs.insert(view.genesis.epoch(ofHeight: header.base.height))
      }

      guard
        let opening = try chain.leaf(items[0]).flatMap({ Leaf.entry(in: $0) }),
        case .visitOpening(let body) = opening.content.body
      else { throw StoreError(.corrupted, "a visit has no opening") }
      try insert(block: body.context.baseHeight, view)
      for signer in body.context.signers {
        guard let record = try view.registration(of: signer) else { return nil }
        try insert(registration: record.origins.statement, view)
      }
      // Who signs the completion does so with the identity key of the time.
      if let last = body.context.signers.last {
        try insert(identityOf: last.doctor, at: headers[1].base.height, view)
      }
    }

    private mutating func insert(block height: UInt64, _ view: ConsortiumView) throws {
      guard let block = try view.block(height) else {
        throw StoreError(.corrupted, "the consortium chain has no block \(height)")
      }
      consortium.insert(block.index)
    }

    private mutating func insert(registration index: UInt64, _ view: ConsortiumView) throws {
      consortium.insert(index)
      guard let block = try view.block(holding: index) else {
        throw StoreError(.corrupted, "a registration stands in no block")
      }
      epochs.insert(view.genesis.epoch(ofHeight: block.reference.height))
    }

    /// The latest registration up to a block, and all rotations since then.
    private mutating func insert(
      identityOf doctor: String, at height: UInt64, _ view: ConsortiumView
    ) throws {
      guard let record = try view.doctor(doctor, at: height) else { return }
      try insert(registration: record.origins.statement, view)
      for version in 0...record.version {
        guard let former = try view.doctor(doctor, version: version) else { continue }
        if former.origins.keys > record.origins.statement { consortium.insert(former.origins.keys) }
      }
    }

    /// The header of the block in which an item stands; nil if the block is open.
    private static func header(
      behind index: UInt64, on chain: HospitalView
    ) throws -> BlockHeader? {
      var place = index + 1
      while let leaf = try chain.leaf(place) {
        if let header = Leaf.header(in: leaf) { return header }
        place += 1
      }
      return nil
    }
  }
}

extension HospitalView {
  /// The bytes of a leaf, where the chain is kept with its leaves.
  func leaf(_ index: UInt64) throws(StoreError) -> [UInt8]? {
    let view = engine.view()
    let leaf = view.bytes(.leaf(index))
    if let failure = view.failure { throw failure }
    return leaf
  }
}

extension ConsortiumView {
  fileprivate func doctor(_ id: String, version: UInt64) throws(StoreError) -> DoctorRecord? {
    try reading { $0.doctor(id, version: version) }
  }
}
