import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing
import TransparencyLog

@Suite("Supernodes and what they sign for each other")
struct SupernodeTests {
  @Test("the cloud confirms no visit whose record it does not hold")
  func missingRecord() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    let plan = test.plan()
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    for position in 1...3 { try await consortium.diagnose(visit, plan, position: position) }
    test.storage.records.replace(visit, by: nil)
    #expect(
      await ConsortiumError.code {
        try await consortium.complete(visit, at: plan.hospital)
      } == "outcome-unknown")
    #expect(await ConsortiumError.code { try await consortium.settle() } == "record-missing")
    let writer = try #require(consortium.hospitals["hospital-1"]).ledger.writer
    // The block before, with the signatures, is confirmed; the visit's own is not.
    let completion = try #require(try await test.state(of: visit, consortium).record.completion)
    let confirmed = try #require(await writer.view.confirmed?.size)
    #expect(confirmed <= completion)
    #expect(await writer.size > completion)
    #expect(
      await ConsortiumError.code { _ = try await consortium.collect(visit, plan) }
        == "record-missing")
    test.storage.records.restore()
    #expect(try await consortium.collect(visit, plan).record != nil)
    try await consortium.settle()
    #expect(await writer.view.confirmed?.size == writer.position)
  }

  @Test("[attack] supernodes whose blocks are lost or wrong on the way stop nobody")
  func blocksOnTheWay() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    for isLost in [true, false] {
      let before = test.wire.requests(FetchBlock.self).count
      test.wire.intercept { transit in
        guard transit.recipient == "hospital-2", transit.payload(FetchBlock.self) != nil else {
          return try await transit.deliver(transit.request)
        }
        if isLost { throw ConsortiumError(.unreachable, "the message is lost") }
        let reply = try await transit.deliver(transit.request)
        var block = try ReplyMessage<ProposedBlock>(encoded: reply).result.get()
        block.entries.removeLast()
        return ReplyMessage(.success(block)).encoded()
      }
      _ = try await consortium.hold(test.plan("encounter-\(isLost)"))
      try await consortium.settle()
      #expect(test.wire.requests(FetchBlock.self).count > before)
      #expect(await consortium.cloud.node.delegate?.wanted == [])
    }
    test.wire.intercept(nil)
    // Nobody but a party of the genesis is answered, and with no block that is not there.
    let node = consortium.cloud.node
    let height = await node.consortium.height - 1
    let block = try #require(try await node.consortium.block(height))
    let root = try #require(
      Digest32(try await node.consortium.checkpoint(size: block.index + 1).root))
    func query(_ party: String, by signer: String, _ root: Digest32) throws -> FetchBlock {
      FetchBlock(
        query: Signed(
          Message(
            BlockQuery(test.terms(party, to: "cloud"), height: height, root: root)),
          by: try test.identityKey(of: signer)))
    }
    let client = try test.client(as: "hospital-1")
    let answer = try await client.ask(
      try query("hospital-1", by: "hospital-1", root), of: "cloud")
    #expect(answer.root == root && answer.height == height && !answer.entries.isEmpty)
    #expect(
      await ConsortiumError.code {
        _ = try await client.ask(try query("hospital-1", by: "hospital-2", root), of: "cloud")
      } == "unauthenticated")
    #expect(
      await ConsortiumError.code {
        _ = try await client.ask(try query("hospital-1", by: "hospital-1", .zero), of: "cloud")
      } == "not-final")
  }

  @Test("an anchor with a forged consistency proof, or too few cosigners, is refused")
  func forgedAnchor() async throws {
    let test = TestConsortium()
    let consortium = try await test.open()
    _ = try await consortium.hold(test.plan())
    try await consortium.settle()
    let node = consortium.cloud.node
    let anchored = try #require(try await node.consortium.anchor(of: "hospital-1"))
    let header = try #require(await consortium.hospitals["hospital-1"]?.ledger.writer.header)
    // Hospital and cloud conspire to replace the chain by a longer one.
    var other = MerkleTree()
    for leaf in 0...anchored.size { other.append([UInt8(truncatingIfNeeded: leaf), 1]) }
    let notes = try test.confirmed(other, consortium)
    func refusal(_ note: String, _ proof: [[UInt8]]) async throws -> String? {
      let anchor = Anchor(
        hospital: "hospital-1", note: note, header: header, inclusion: [], consistency: proof)
      let entry = try test.entry(
        anchor, by: "hospital-1", chain: ChainName.consortium, consortium)
      return await ConsortiumError.code { try await node.submit(entry) }
    }
    let proof = try other.consistencyProof(from: anchored.size, to: other.size).hashes
    #expect(try await refusal(notes.note, proof) == "inconsistent-checkpoint")
    #expect(try await refusal(notes.note, []) == "inconsistent-checkpoint")
    #expect(try await refusal(notes.bySelf, proof) == "wrong-checkpoint")
    #expect(try await refusal(notes.byCloud, proof) == "wrong-checkpoint")
  }
}
