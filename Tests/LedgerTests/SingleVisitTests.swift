import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("A proof of one visit")
struct SingleVisitTests {
  private static let chain = "hospital-1"

  private func proof(_ visit: Digest32, _ ledger: LedgerFixture) throws -> VisitProof {
    try VisitProof(of: visit, on: ledger.chain().view, ledger.consortium.reader)
  }

  private func check(
    _ proof: VisitProof, _ ledger: LedgerFixture
  ) throws -> VisitVerification.Report {
    try VisitVerification.verify(
      genesis: ledger.genesis.content.encoded(), visit: proof.encoded(),
      genesisDigest: ledger.genesis.digest)
  }

  private func failure(
    _ proof: VisitProof, _ ledger: LedgerFixture, _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) -> Verification.Failure? {
    do {
      let report = try check(proof, ledger)
      Issue.record("\(comment ?? "") \(report)", sourceLocation: sourceLocation)
      return nil
    } catch {
      return error as? Verification.Failure
    }
  }

  /// A complete visit with its receipt, final, among others.
  private func conducted() throws -> (ledger: LedgerFixture, visit: TestVisit) {
    var ledger = try LedgerFixture.withTeam()
    _ = try ledger.conduct(1)
    let visit = try ledger.conduct(2)
    try ledger.append(ledger.receipt(of: visit))
    _ = try ledger.conduct(3)
    try ledger.confirmAndAnchor()
    return (ledger, visit)
  }

  // MARK: Honest

  @Test("is checked with the genesis alone, and says who signed what when")
  func honest() throws {
    let (ledger, visit) = try conducted()
    let report = try check(proof(visit.id, ledger), ledger)
    #expect(report.genesisDigest == ledger.genesis.digest)
    #expect(report.isGenesisCompared)
    #expect(report.network == "test")
    #expect(report.hospital == Self.chain)
    #expect(report.context == visit.context)
    #expect(report.recordDigest == LedgerFixture.recordDigest)
    #expect(report.receipt == .acknowledged)
    #expect(report.openedAfter == LedgerFixture.start + 10)
    #expect(report.anchoredAt == LedgerFixture.start + 10)
    #expect(report.checkpointSize == ledger.consortium.engine.size)
    #expect(report.delegates == LedgerFixture.hospitals + ["cloud"])
    #expect(report.indices.count == 3)
    let record = try #require(try ledger.chain().view.visit(visit.id))
    #expect(report.indices[0] == record.opening)
    #expect(report.indices[1] == record.completion)
  }

  @Test("shows an abandoned visit, and one whose receipt is not final yet without it")
  func otherEnds() throws {
    var (ledger, _) = try conducted()
    let left = try ledger.visit(4)
    try ledger.open(left)
    try ledger.append(ledger.abandonment(of: left))
    let fresh = try ledger.conduct(5)
    #expect(throws: UnprovableVisit.notFinal) { try proof(fresh.id, ledger) }
    try ledger.confirmAndAnchor()
    try ledger.append(ledger.receipt(of: fresh, .disputed))
    let open = try ledger.visit(6)
    try ledger.open(open)
    try ledger.closeBlock()

    let abandoned = try check(proof(left.id, ledger), ledger)
    #expect(abandoned.context == left.context)
    #expect(abandoned.recordDigest == nil && abandoned.receipt == nil)
    let without = try check(proof(fresh.id, ledger), ledger)
    #expect(without.recordDigest == LedgerFixture.recordDigest && without.receipt == nil)
    #expect(throws: UnprovableVisit.open) { try proof(open.id, ledger) }
    #expect(throws: UnprovableVisit.unknown) { try proof(Digest32(sha256: [0]), ledger) }
    try ledger.confirmAndAnchor()
    #expect(try check(proof(fresh.id, ledger), ledger).receipt == .disputed)
  }

  @Test("follows the sets of delegates, members and keys of doctors from one epoch to the next")
  func epochs() throws {
    var ledger = try LedgerFixture.withTeam(epochLength: 3)
    // The last doctor takes another identity key twice, and the hospital another one for the next epoch.
    let last = try #require(LedgerFixture.team.last)
    var former = try #require(ledger.doctors[last]).identity
    for _ in 0..<2 {
      let key = try IdentityKey(seed: ledger.generator.bytes(32))
      let rotation = KeyRotation(
        genesis: ledger.genesis.digest, party: last, former: former.publicKey, to: key)
      #expect(try ledger.append(rotation, on: "consortium", by: last, key: former) == nil)
      former = key
    }
    var node = try #require(ledger.genesis.members.supernode(Self.chain))
    let hospitalKey = try IdentityKey(seed: ledger.generator.bytes(32))
    node.identityKey = hospitalKey.publicKey
    #expect(
      try ledger.append(
        PartyRotation(
          genesis: ledger.genesis.digest, party: .supernode(node), key: hospitalKey),
        on: "consortium", by: Self.chain) == nil)
    func finish() throws {
      repeat {
        try ledger.closeConsortiumBlock(at: ledger.seconds + 1)
      } while ledger.consortium.engine.height % 3 != 0
    }
    try finish()
    ledger.replaceKeys(
      of: Self.chain, hospitalKey, try #require(ledger.votingKeys[Self.chain]),
      try #require(ledger.cosigners[Self.chain]?["consortium"]))
    // The first block of the next epoch: by it the new key counts.
    try ledger.closeConsortiumBlock(at: ledger.seconds + 1)

    var visit = try ledger.visit(1)
    #expect(try ledger.open(visit) == nil)
    for position in 1...2 { #expect(try ledger.sign(&visit, position: position) == nil) }
    let signed = try ledger.partialSignature(&visit, position: 3)
    #expect(
      try ledger.append(
        Entry(signed.content, signedBy: former)) == nil)
    let completion = ledger.completion(of: visit)
    #expect(try ledger.append(completion, on: Self.chain, by: last, key: former) == nil)
    try ledger.confirmAndAnchor()
    for _ in 0..<3 { try finish() }

    let proof = try proof(visit.id, ledger)
    #expect(proof.ends.count == 3)
    #expect(proof.members.count == 1)
    let report = try check(proof, ledger)
    #expect(report.context == visit.context)
    let bytes = proof.encoded().count
    for _ in 0..<3 { try finish() }
    // Of each epoch one end, and longer paths; of its blocks nothing.
    let later = try self.proof(visit.id, ledger)
    #expect(later.ends.count == 6)
    #expect(later.encoded().count - bytes < 3 * 4096)
    #expect(try check(later, ledger).context == visit.context)

    // Whatever is left out of it, it shows nothing.
    var changed = proof
    changed.ends.removeLast()
    // The same delegates sit in the last two epochs, so their signatures are those of either.
    #expect(try check(changed, ledger).context == visit.context)
    changed = proof
    changed.ends.removeFirst()
    #expect(failure(changed, ledger)?.check == .checkpoint)
    changed = proof
    changed.ends.swapAt(0, 1)
    #expect(failure(changed, ledger)?.check == .checkpoint)
    changed = proof
    changed.members = []
    #expect(failure(changed, ledger)?.check == .rules)
    changed = proof
    changed.members.append(ledger.genesis.members.members.encoded())
    #expect(failure(changed, ledger)?.check == .rules)
    var others = ledger.genesis.members.members
    others.supernodes.removeLast()
    changed.members = [others.encoded()]
    #expect(failure(changed, ledger)?.check == .rules)
  }

  // MARK: Attacks

  @Test("[attack] anything is left out of a proof, or put into another place")
  func leftOut() throws {
    let (ledger, visit) = try conducted()
    let genuine = try proof(visit.id, ledger)
    #expect(try check(genuine, ledger).receipt == .acknowledged)
    for index in genuine.consortium.indices {
      var changed = genuine
      changed.consortium.remove(at: index)
      #expect(failure(changed, ledger, "consortium \(index)") != nil)
    }
    // The last are the receipt and its header.
    let receipt = genuine.leaves.count - 2
    for index in genuine.leaves.indices where index != receipt {
      var changed = genuine
      changed.leaves.remove(at: index)
      #expect(failure(changed, ledger, "leaf \(index)") != nil)
    }
    var without = genuine
    without.leaves.remove(at: receipt)
    #expect(try check(without, ledger).receipt == nil)
    var changed = genuine
    changed.leaves.swapAt(0, 2)
    #expect(failure(changed, ledger)?.check == .archive)
    changed = genuine
    changed.leaves[0].index += 1
    #expect(failure(changed, ledger) != nil)
    changed = genuine
    changed.hospital = "hospital-2"
    #expect(failure(changed, ledger) != nil)
    // Leaves of another visit.
    let other = try proof(Self.visit(1), ledger)
    for index in [0, 2] {
      changed = genuine
      changed.leaves.append(contentsOf: other.leaves)
      changed.leaves.removeAll { $0.index == genuine.leaves[index].index }
      changed.leaves.sort { $0.index < $1.index }
      #expect(failure(changed, ledger) != nil)
    }
    // The same leaves under another tree.
    var foreign = try LedgerFixture.withTeam()
    let own = try foreign.conduct(2)
    try foreign.confirmAndAnchor()
    changed = genuine
    changed.note = try proof(own.id, foreign).note
    #expect(failure(changed, ledger) != nil)
  }

  /// The identifier of a fixture's visit.
  private static func visit(_ number: UInt8) -> Digest32 {
    Digest32(sha256: [2, number])
  }

  @Test("[attack] any byte of a proof is changed: it fails, or says the same")
  func changed() throws {
    let (ledger, visit) = try conducted()
    let genuine = try proof(visit.id, ledger)
    let expected = try check(genuine, ledger)
    let (bytes, genesis) = (genuine.encoded(), ledger.genesis.content.encoded())
    var same = 0
    for position in stride(from: 0, to: bytes.count, by: 5) {
      var changed = bytes
      changed[position] ^= 1 << UInt8(position % 8)
      let report = try? VisitVerification.verify(
        genesis: genesis, visit: changed, genesisDigest: ledger.genesis.digest)
      guard let report else { continue }
      same += 1
      #expect(report == expected, "byte \(position)")
    }
    // A line of the note that counts no more, of four where three are enough; and parts of the anchor's
    // proofs, which the delegates have checked, are covered by the tree.
    #expect(same < 60)
    #expect(throws: Verification.Failure.self) {
      try VisitVerification.verify(
        genesis: genesis, visit: bytes, genesisDigest: Digest32(sha256: [1]))
    }
  }

  @Test("[attack] hospital and cloud confirm what nobody has signed, and have it anchored")
  func colluding() throws {
    let (first, second, third) = (
      LedgerFixture.team[0], LedgerFixture.team[1], LedgerFixture.team[2]
    )
    /// A visit of which one thing is forged, on a chain whose parties take every claim for true.
    func refusal(
      _ forge: (inout LedgerFixture, inout TestVisit) throws -> Void
    ) throws -> String? {
      var ledger = try LedgerFixture.withTeam()
      ledger.chains[Self.chain]?.believesEverything = true
      var visit = try ledger.visit(1)
      try forge(&ledger, &visit)
      try ledger.confirmAndAnchor()
      let failure = failure(try proof(visit.id, ledger), ledger)
      #expect(failure?.check == .rules)
      return failure?.reason
    }
    func sign(_ ledger: inout LedgerFixture, _ visit: inout TestVisit) throws {
      for position in 1...3 { try ledger.sign(&visit, position: position) }
    }
    let stranger = try IdentityKey(seed: [UInt8](repeating: 9, count: 32))
    #expect(
      try refusal { ledger, visit in
        var opening = visit.opening
        opening.patientSignature = stranger.sign(visit.context.encoded())
        try ledger.append(opening, on: Self.chain, by: Self.chain)
        try sign(&ledger, &visit)
        try ledger.complete(visit)
      } == "wrong-visit-key-proof")
    #expect(
      try refusal { ledger, visit in
        var opening = visit.opening
        opening.visitKeyProof = try ledger.visit(2).opening.visitKeyProof
        try ledger.append(opening, on: Self.chain, by: Self.chain)
        try sign(&ledger, &visit)
        try ledger.complete(visit)
      } == "wrong-visit-key-proof")
    #expect(
      try refusal { ledger, visit in
        try ledger.append(visit.opening, on: Self.chain, by: Self.chain, key: stranger)
        try sign(&ledger, &visit)
        try ledger.complete(visit)
      } == "wrong-signature")
    // A team that never signed: its last doctor's scheme signature is another visit's.
    #expect(
      try refusal { ledger, visit in
        var other = try ledger.visit(2)
        try ledger.open(visit)
        try ledger.open(other)
        try sign(&ledger, &other)
        for (position, doctor) in [first, second, third].enumerated() {
          let partial = PartialSignature(
            visit: visit.id, commitments: Array(other.commitments.prefix(position + 1)),
            signature: other.encodedSignature)
          try ledger.append(partial, on: Self.chain, by: doctor, key: stranger)
        }
        var completion = ledger.completion(of: visit)
        (completion.commitments, completion.signature) = (other.commitments, other.encodedSignature)
        try ledger.append(completion, on: Self.chain, by: third)
      } == "wrong-multisignature")
    #expect(
      try refusal { ledger, visit in
        try ledger.open(visit)
        try sign(&ledger, &visit)
        try ledger.append(ledger.completion(of: visit), on: Self.chain, by: third, key: stranger)
      } == "wrong-signature")
    #expect(
      try refusal { ledger, visit in
        try ledger.open(visit)
        try sign(&ledger, &visit)
        var completion = ledger.completion(of: visit)
        completion.recordDigest = Digest32(sha256: [7])
        try ledger.append(completion, on: Self.chain, by: third)
      } == "wrong-storage-receipt")
    #expect(
      try refusal { ledger, visit in
        try ledger.open(visit)
        try sign(&ledger, &visit)
        try ledger.complete(visit)
        let body = VisitReceipt(
          visit: visit.id, recordDigest: LedgerFixture.recordDigest, verdict: .acknowledged)
        try ledger.append(
          Entry(
            EntryContent(
              genesis: ledger.genesis.digest, chain: Self.chain,
              signer: .patient(visit: visit.id), body: body), signedBy: stranger))
      } == "wrong-signature")
    #expect(
      try refusal { ledger, visit in
        try ledger.open(visit)
        try ledger.append(
          VisitAbandonment(visit: visit.id, reason: .interrupted), on: Self.chain, by: Self.chain,
          key: stranger)
      } == "wrong-signature")
  }

  @Test("[attack] a proof is of another ledger, or too few delegates have signed its checkpoint")
  func wrongLedger() throws {
    let (ledger, visit) = try conducted()
    let genuine = try proof(visit.id, ledger)
    let other = try LedgerFixture(seed: 2)
    #expect(throws: Verification.Failure.self) {
      try VisitVerification.verify(
        genesis: other.genesis.content.encoded(), visit: genuine.encoded(),
        genesisDigest: other.genesis.digest)
    }
    // Lines of cosignatures are taken away until too few are left.
    var changed = genuine
    let lines = genuine.note.split(separator: "\n", omittingEmptySubsequences: false)
    let (text, signatures) = (
      lines.filter { !$0.hasPrefix("—") }, lines.filter { $0.hasPrefix("—") }
    )
    for count in 0...signatures.count {
      changed.note = (text.dropLast() + signatures.prefix(count) + [""]).joined(separator: "\n")
      if count >= 3 {
        #expect(try check(changed, ledger).receipt == .acknowledged)
      } else {
        #expect(failure(changed, ledger, "\(count) cosignatures")?.check == .checkpoint)
      }
    }
    #expect(signatures.count >= 3)
    let unasked = try VisitVerification.verify(
      genesis: ledger.genesis.content.encoded(), visit: genuine.encoded(), genesisDigest: nil)
    #expect(!unasked.isGenesisCompared)
  }
}
