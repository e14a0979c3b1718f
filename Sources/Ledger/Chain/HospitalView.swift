package import CanonicalEncoding
package import EMRScheme

/// Looks things up on a hospital's chain as it stands, with the items of the open block.
package struct HospitalView: Sendable {
  let engine: ChainEngine<HospitalRules>
  package let confirmed: ConfirmedRecord?

  package init(engine: ChainEngine<HospitalRules>, confirmed: ConfirmedRecord?) {
    (self.engine, self.confirmed) = (engine, confirmed)
  }

  /// The chain as its state was committed, to look at and to export.
  package init(
    genesis: ValidGenesis, hospital: String, store: any StateStore, consortium: any StateStore
  ) throws {
    let follower = try HospitalFollower(
      genesis: genesis, hospital: hospital, store: store, consortium: consortium,
      decider: LedgerSuite.decider(for: genesis))
    self.init(engine: follower.engine, confirmed: follower.confirmed)
  }

  private func reading<Value>(_ body: (StateView) -> Value) throws(StoreError) -> Value {
    let view = engine.view()
    let value = body(view)
    if let failure = view.failure { throw failure }
    return value
  }

  package func visit(_ id: Digest32) throws(StoreError) -> VisitRecord? {
    try reading { $0.value(.visit(id)) }
  }

  /// The context of a visit that is open.
  package func openContext(of id: Digest32) throws(StoreError) -> VisitContext? {
    try reading { $0.value(.context(id)) }
  }

  /// The latest signatures of an open visit, each extending the one before.
  package func signatures(of id: Digest32, count: Int) throws(StoreError) -> [PartialSignature] {
    try reading { view in
      var signatures: [PartialSignature] = []
      for position in 1...max(count, 1) {
        guard let signature: PartialSignature = view.value(.signature(id, position: position))
        else { break }
        signatures.append(signature)
      }
      return signatures
    }
  }

  package func consent(_ document: Digest32) throws(StoreError) -> ConsentRecord? {
    try reading { $0.value(.consent(document)) }
  }

  /// Whether a notice of this request stands.
  package func isRequested(_ document: Digest32) throws(StoreError) -> Bool {
    try reading { $0.holds(.request(document)) }
  }

  /// Whether the patient of a visit has taken a consent back, after its notice or before.
  package func isRevoked(
    _ document: Digest32, of visit: Digest32
  ) throws(StoreError) -> Bool {
    if let consent = try consent(document), consent.visit == visit { return consent.isRevoked }
    return try reading { $0.holds(.takenBack(document, of: visit)) }
  }

  /// How many entries there are about sharing a visit.
  package func sharingCount(of visit: Digest32) throws(StoreError) -> UInt64 {
    try reading { $0.value(.sharingCount(visit)) ?? 0 }
  }

  /// The indices of the entries about sharing a visit, in their order: of those with these numbers, or all.
  package func sharing(
    of visit: Digest32, _ numbers: Range<UInt64> = 0..<LedgerLimits.size
  ) throws(StoreError) -> [UInt64] {
    let count = try sharingCount(of: visit)
    return try reading { view in
      numbers.clamped(to: 0..<count).compactMap { view.value(.sharing(visit, number: $0)) }
    }
  }

  /// Where a visit came to its end, if it did; of one that was abandoned by what an earlier program has
  /// replayed, the last item there is.
  package func end(of visit: Digest32) throws(StoreError) -> UInt64? {
    guard let record = try self.visit(visit) else { return nil }
    switch record.status {
    case .open: return nil
    case .complete: return record.completion
    case .abandoned: return try abandonment(of: visit) ?? position - 1
    }
  }

  /// Where the abandonment of a visit stands, if it has one.
  package func abandonment(of visit: Digest32) throws(StoreError) -> UInt64? {
    try reading { $0.value(.abandonment(visit)) }
  }

  /// Where the receipt of a visit stands, if it has one.
  package func receipt(of visit: Digest32) throws(StoreError) -> UInt64? {
    try reading { $0.value(.receipt(visit)) }
  }

  /// Where an entry stands, if it is an item.
  package func index(of entry: Digest32) throws(StoreError) -> UInt64? {
    try reading { $0.value(.item(entry)) }
  }

  /// The consortium block that judges the open block; none before the first.
  package var base: ConsortiumBlock? { engine.block.base }
  package var answered: UInt64 { engine.block.answered }
}

/// A checkpoint of a hospital's chain that its cloud has cosigned.
package struct ConfirmedRecord: StateRecord, Equatable {
  package var size: UInt64
  /// The checkpoint with the hospital's signature and the cloud's, a C2SP signed note.
  package var note: String

  package init(size: UInt64, note: String) { (self.size, self.note) = (size, note) }

  /// Of the log that signed the checkpoint: the last part of its origin. The chain may be in a later
  /// one, of which nothing is confirmed yet.
  package var generation: UInt64 {
    let origin = note.prefix { $0 != "\n" }
    return origin.split(separator: "/").last.flatMap { UInt64($0) } ?? 0
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.integer("size", size)
    fields.text("note", note)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    size = try fields.integer("size")
    note = try fields.text("note", maximum: LedgerLimits.noteByteCount)
  }
}

extension StateKey {
  package static let confirmed = Self("confirmed")
  /// The last generation that a cloud has closed.
  package static let closedGeneration = Self("closed-generation")
}

extension HospitalView {
  package var hospital: String { engine.rules.hospital }
  package var size: UInt64 { engine.size }
  /// How many leaves there are, with those of the open block.
  package var position: UInt64 { engine.position }
  /// How many blocks are closed.
  package var height: UInt64 { engine.height }

  /// The root of the first `size` leaves.
  package func root(size: UInt64) throws(StoreError) -> [UInt8] { try engine.root(size: size) }

  /// Whether an anchored checkpoint is one of this chain.
  package func leads(to anchor: AnchorRecord) throws(StoreError) -> Bool {
    guard anchor.size <= engine.size else { return false }
    return try engine.root(size: anchor.size) == anchor.root.bytes
  }

  /// The place of a leaf under the checkpoint of a size.
  package func proof(
    of index: UInt64, leaf: [UInt8], size: UInt64
  ) throws(StoreError) -> LeafProof {
    LeafProof(leaf: leaf, index: index, inclusion: try engine.inclusion(of: index, size: size))
  }

  /// RFC 6962 consistency between two sizes.
  package func consistency(from old: UInt64, to new: UInt64) throws(StoreError) -> [[UInt8]] {
    try engine.consistency(from: old, to: new)
  }

  /// The inclusion of a leaf under the checkpoint of a size.
  package func inclusion(of index: UInt64, size: UInt64) throws(StoreError) -> [[UInt8]] {
    try engine.inclusion(of: index, size: size)
  }
}
