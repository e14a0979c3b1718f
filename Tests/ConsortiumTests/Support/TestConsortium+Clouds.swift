import Consortium
import Credentials
import Crypto
import Ledger
import TestSupport
import Testing
import TransparencyLog

/// A hospital whose chain the others give to another cloud by vote, and what it does then that it must not.
extension TestConsortium {
  static let hospital = "hospital-1"
  private static let voters = (1...3).map { "hospital-\($0)-trust" }

  // MARK: What organisations do

  /// A consortium with a second cloud, `cloud-2`, whose server runs.
  func openWithTwoClouds() async throws -> LocalConsortium {
    let consortium = try await open()
    let motion = try await consortium.proposeCloud("cloud-2", sponsor: Self.voters[0])
    for voter in Self.voters.dropFirst() { try await consortium.vote(on: motion, by: voter) }
    #expect(
      await ConsortiumError.code { try await consortium.openCloud("cloud-2") } == "wrong-state")
    try await passEpoch(consortium)
    try await consortium.openCloud("cloud-2")
    return consortium
  }

  /// Has a cloud confirm the hospital's chain from the next epoch on.
  func assign(_ cloud: String, _ consortium: LocalConsortium) async throws {
    let motion = try await consortium.proposeCloud(
      cloud, forHospital: Self.hospital, sponsor: Self.voters[1])
    try await consortium.vote(on: motion, by: Self.voters[2])
    #expect(try await consortium.status(ofMotion: motion) == .passed)
  }

  /// The cloud that the members give the hospital now.
  func presentCloud(_ consortium: LocalConsortium) async throws -> String? {
    try await consortium.members().cloud(ofHospital: Self.hospital)
  }

  func server(_ cloud: String, _ consortium: LocalConsortium) throws -> CloudServer {
    try #require(consortium.clouds[cloud])
  }

  /// How many leaves of the hospital's chain a cloud has.
  func held(_ cloud: String, _ consortium: LocalConsortium) async throws -> UInt64 {
    try await server(cloud, consortium).confirmer.view(of: Self.hospital).size
  }

  // MARK: What is lost on the way

  /// The former cloud alone learns what the hospital goes on to write: nothing of it is anchored, and the
  /// new cloud asks in vain.
  func cutOffNewCloud() {
    wire.lose { transit in
      transit.sender == Self.hospital && transit.payload(OfferEntry.self) != nil
        || transit.sender == "cloud-2" && transit.payload(FetchLeaves.self) != nil
    }
  }

  /// Nothing of the hospital's gets onto the consortium chain.
  func cutOffConsortiumChain() {
    wire.lose { transit in
      transit.recipient == Self.hospital
        && (transit.payload(FetchOutbox.self) != nil || transit.payload(FetchBlock.self) != nil)
        || transit.sender == Self.hospital && transit.payload(OfferEntry.self) != nil
    }
  }

  // MARK: What a dishonest hospital does

  /// Its writer, on these leaves.
  func writer(
    _ leaves: [[UInt8]], _ consortium: LocalConsortium, state: MemoryState = MemoryState()
  ) async throws -> (writer: HospitalWriter, log: MemoryChainLog) {
    let log = MemoryChainLog()
    try await log.append(leaves, at: 0)
    let node = consortium.cloud.node
    let writer = try HospitalWriter(
      genesis: consortium.genesis, hospital: Self.hospital, log: log, store: state,
      consortium: node.consortiumState, decider: node.decider,
      identity: identityKey(of: Self.hospital))
    try await writer.open()
    return (writer, log)
  }

  /// Leaves as it goes on from a prefix: one block on the newest final base.
  func forked(_ prefix: [[UInt8]], _ consortium: LocalConsortium) async throws -> [[UInt8]] {
    let (fork, log) = try await writer(prefix, consortium)
    try await fork.follow(try await consortium.cloud.node.finalBlock())
    try await fork.closeBlock()
    return try await log.leaves(from: 0, limit: .max, byteCount: .max)
  }

  /// Leaves as it goes on from what it has: the block under way, which ends at `formerSize`, and one on
  /// the newest final base.
  func continued(
    _ consortium: LocalConsortium
  ) async throws -> (leaves: [[UInt8]], formerSize: UInt64) {
    let (fork, log) = try await writer(
      try await storage.chainLog(Self.hospital).contents(), consortium,
      state: MemoryState(storage.stateStore(Self.hospital, chain: Self.hospital).values))
    try await fork.closeBlock()
    let formerSize = await fork.size
    try await fork.follow(try await consortium.cloud.node.finalBlock())
    try await fork.closeBlock()
    return (try await log.leaves(from: 0, limit: .max, byteCount: .max), formerSize)
  }

  /// Asks a cloud that has `held` of these leaves to confirm all of them.
  static func confirmation(
    of leaves: [[UInt8]], from held: UInt64, _ key: LogKey, generation: UInt64 = 0
  ) throws -> ConfirmLeaves {
    let tree = MerkleTree(leaves: leaves)
    let note = try key.sign(
      Checkpoint(origin: key.verifier.origin, size: tree.size, root: tree.root)
    ).note.encoded
    return ConfirmLeaves(
      hospital: hospital, generation: generation, from: held,
      leaves: Array(leaves[Int(held)...]), note: note)
  }
}

extension Wire.Transit {
  /// Whether it asks a cloud for something about the chain of ``TestConsortium/hospital``.
  var isAboutChain: Bool {
    payload(ConfirmLeaves.self)?.hospital == TestConsortium.hospital
      || payload(FetchLeaves.self)?.query.object.payload.hospital == TestConsortium.hospital
      || payload(TakeOverRecord.self) != nil || payload(RequestTail.self) != nil
      || payload(FetchOwnRecord.self) != nil
  }
}
