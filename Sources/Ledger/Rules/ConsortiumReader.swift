import CanonicalEncoding

/// What the consortium chain's state says as of one of its closed blocks: what the rules of a
/// hospital's chain are given of it.
struct ConsortiumReader {
  let genesis: ValidGenesis
  let state: StateView

  init(genesis: ValidGenesis, store: any StateStore) {
    self.genesis = genesis
    state = StateView(store: store, open: [:])
  }

  func block(_ height: UInt64) -> ConsortiumBlock? { state.value(.block(height)) }

  /// The members of the epoch of a block.
  func members(at height: UInt64) -> ValidMembers {
    state.members(inEpoch: genesis.epoch(ofHeight: height), of: genesis)
  }

  /// Whether there is, or was, a hospital of this name up to a block.
  func isHospital(_ id: String, upTo height: UInt64) -> Bool {
    let epoch = genesis.epoch(ofHeight: height)
    return state.members(having: id, inEpoch: epoch, of: genesis).supernode(id)?.role == .hospital
  }

  /// The doctor as of a block: what stands in it counts.
  func doctor(_ id: String, at height: UInt64) -> DoctorRecord? { state.doctor(id, at: height) }

  /// The generation to which a block with this base belongs: there may be many, so it is looked up.
  func generation(of hospital: String, at height: UInt64) -> GenerationRecord {
    var found = state.members(
      having: hospital, inEpoch: genesis.epoch(ofHeight: height), of: genesis
    ).firstGeneration(of: hospital)
    guard let latest: GenerationRecord = state.value(.generation(hospital)) else { return found }
    if latest.height <= height { return latest }
    var above = latest.generation
    while found.generation + 1 < above {
      let middle = found.generation + (above - found.generation) / 2
      guard let record: GenerationRecord = state.value(.generation(hospital, number: middle)) else {
        break
      }
      if record.height <= height { found = record } else { above = middle }
    }
    return found
  }

  /// The generations that begin in blocks up to a base, and above the one before it if there is one.
  func generations(
    of hospital: String, after former: UInt64?, upTo base: UInt64
  ) -> [GenerationRecord] {
    let first = former.map { generation(of: hospital, at: $0).generation + 1 } ?? 1
    let last = generation(of: hospital, at: base).generation
    guard first <= last else { return [] }
    return (first...last).compactMap { state.value(.generation(hospital, number: $0)) }
  }

  func demand(_ number: UInt64, of hospital: String) -> DemandRecord? {
    state.value(.demand(hospital, number: number))
  }

  func demandedEntry(_ digest: Digest32) -> Entry? {
    guard let bytes = state.bytes(.demandedEntry(digest)) else { return nil }
    return try? Entry(encoded: bytes)
  }
}
