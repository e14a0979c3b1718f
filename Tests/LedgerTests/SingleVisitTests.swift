import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

private let chain = "hospital-1"

@Suite("A proof of one visit")
struct SingleVisitTests {
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
    #expect(report.hospital == chain)
    #expect(report.context == visit.context)
    #expect(report.recordDigest == LedgerFixture.recordDigest)
    #expect(report.commitments.count == 3)
    #expect(report.commitments == visit.commitments)
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
    var (ledger, visit) = try throughEpochs()
    let proof = try proof(visit.id, ledger)
    #expect(proof.ends.count == 3)
    #expect(proof.members.count == 1)
    let report = try check(proof, ledger)
    #expect(report.context == visit.context)
    let bytes = proof.encoded().count
    for _ in 0..<3 { try ledger.finishEpoch() }
    // Of each epoch one end, and longer paths; of its blocks nothing.
    let later = try self.proof(visit.id, ledger)
    #expect(later.ends.count == 6)
    #expect(later.encoded().count - bytes < 3 * 4096)
    #expect(try check(later, ledger).context == visit.context)
  }

  @Test("whatever is left out of the epochs that it follows, it shows nothing")
  func epochsLeftOut() throws {
    let (ledger, visit) = try throughEpochs()
    let proof = try proof(visit.id, ledger)
    func failed(_ change: (inout VisitProof) -> Void) -> Verification.Check? {
      var changed = proof
      change(&changed)
      return failure(changed, ledger)?.check
    }
    // The same delegates sit in the last two epochs, so their signatures are those of either.
    var shorter = proof
    shorter.ends.removeLast()
    #expect(try check(shorter, ledger).context == visit.context)
    #expect(failed { $0.ends.removeFirst() } == .checkpoint)
    #expect(failed { $0.ends.swapAt(0, 1) } == .checkpoint)
    #expect(failed { $0.members = [] } == .rules)
    let present = ledger.genesis.members.members
    #expect(failed { $0.members.append(present.encoded()) } == .rules)
    var others = present
    others.supernodes.removeLast()
    #expect(failed { $0.members = [others.encoded()] } == .rules)
  }

  /// A visit in the second epoch, with the keys that the hospital and the last doctor have taken in the first,
  /// and three epochs behind it.
  private func throughEpochs() throws -> (ledger: LedgerFixture, visit: TestVisit) {
    var ledger = try LedgerFixture.withTeam(epochLength: 3)
    let doctorKey = try rotateTwice(&ledger)
    try rotateHospital(&ledger)
    // The first block of the next epoch: by it the new key counts.
    try ledger.closeConsortiumBlock(at: ledger.seconds + 1)

    var visit = try ledger.visit(1)
    #expect(try ledger.open(visit) == nil)
    for position in 1...2 { #expect(try ledger.sign(&visit, position: position) == nil) }
    let signed = try ledger.partialSignature(&visit, position: 3)
    #expect(try ledger.append(Entry(signed.content, signedBy: doctorKey)) == nil)
    let completion = ledger.completion(of: visit)
    let last = try #require(LedgerFixture.team.last)
    #expect(try ledger.append(completion, on: chain, by: last, key: doctorKey) == nil)
    try ledger.confirmAndAnchor()
    for _ in 0..<3 { try ledger.finishEpoch() }
    return (ledger, visit)
  }

  /// The last doctor takes another identity key twice.
  ///
  /// - Returns: the one in force.
  private func rotateTwice(_ ledger: inout LedgerFixture) throws -> IdentityKey {
    let last = try #require(LedgerFixture.team.last)
    var former = try #require(ledger.doctors[last]).identity
    for _ in 0..<2 {
      let key = try IdentityKey(seed: ledger.generator.bytes(32))
      let rotation = KeyRotation(
        genesis: ledger.genesis.digest, party: last, former: former.publicKey, to: key)
      #expect(try ledger.append(rotation, on: "consortium", by: last, key: former) == nil)
      former = key
    }
    return former
  }

  /// The hospital takes another identity key for the next epoch, which begins.
  private func rotateHospital(_ ledger: inout LedgerFixture) throws {
    var node = try #require(ledger.genesis.members.supernode(chain))
    let key = try IdentityKey(seed: ledger.generator.bytes(32))
    node.identityKey = key.publicKey
    #expect(
      try ledger.append(
        PartyRotation(genesis: ledger.genesis.digest, party: .supernode(node), key: key),
        on: "consortium", by: chain) == nil)
    try ledger.finishEpoch()
    ledger.replaceKeys(
      of: chain, key, try #require(ledger.votingKeys[chain]),
      try #require(ledger.cosigners[chain]?["consortium"]))
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

  @Test(
    "[attack] hospital and cloud confirm what nobody has signed, and have it anchored",
    arguments: Forgery.allCases)
  func colluding(_ forgery: Forgery) throws {
    var ledger = try LedgerFixture.withTeam()
    // Parties who take every claim for true.
    ledger.chains[chain]?.believesEverything = true
    var visit = try ledger.visit(1)
    let stranger = try IdentityKey(seed: [UInt8](repeating: 9, count: 32))
    try forgery.make(&visit, by: stranger, &ledger)
    try ledger.confirmAndAnchor()
    let failure = failure(try proof(visit.id, ledger), ledger)
    #expect(failure?.check == .rules)
    #expect(failure?.reason == forgery.reason)
  }

  /// Whose signature in a visit is not theirs.
  enum Forgery: CaseIterable {
    case patient, visitKey, opening, team, completion, storage, receipt, abandonment

    var reason: String {
      switch self {
      case .patient, .visitKey: "wrong-visit-key-proof"
      case .team: "wrong-multisignature"
      case .storage: "wrong-storage-receipt"
      case .opening, .completion, .receipt, .abandonment: "wrong-signature"
      }
    }

    /// Puts the visit on the chain.
    func make(
      _ visit: inout TestVisit, by stranger: IdentityKey, _ ledger: inout LedgerFixture
    ) throws {
      switch self {
      case .patient, .visitKey, .opening:
        try open(visit, by: stranger, &ledger)
        try sign(&visit, &ledger)
        try ledger.complete(visit)
      case .team: try completeUnsigned(visit, by: stranger, &ledger)
      case .completion, .storage:
        try ledger.open(visit)
        try sign(&visit, &ledger)
        try complete(visit, by: stranger, &ledger)
      case .receipt:
        try ledger.open(visit)
        try sign(&visit, &ledger)
        try ledger.complete(visit)
        let body = VisitReceipt(
          visit: visit.id, recordDigest: LedgerFixture.recordDigest, verdict: .acknowledged)
        try ledger.append(
          Entry(
            EntryContent(
              genesis: ledger.genesis.digest, chain: chain, signer: .patient(visit: visit.id),
              body: body), signedBy: stranger))
      case .abandonment:
        try ledger.open(visit)
        try ledger.append(
          VisitAbandonment(visit: visit.id, reason: .interrupted), on: chain, by: chain,
          key: stranger)
      }
    }

    private func sign(_ visit: inout TestVisit, _ ledger: inout LedgerFixture) throws {
      for position in 1...3 { try ledger.sign(&visit, position: position) }
    }

    private func open(
      _ visit: TestVisit, by stranger: IdentityKey, _ ledger: inout LedgerFixture
    ) throws {
      var opening = visit.opening
      switch self {
      case .patient: opening.patientSignature = stranger.sign(visit.context.encoded())
      case .visitKey: opening.visitKeyProof = try ledger.visit(2).opening.visitKeyProof
      default: break
      }
      let key = self == .opening ? stranger : nil
      try ledger.append(opening, on: chain, by: chain, key: key)
    }

    /// The last doctor's scheme signature is another visit's.
    private func completeUnsigned(
      _ visit: TestVisit, by stranger: IdentityKey, _ ledger: inout LedgerFixture
    ) throws {
      var other = try ledger.visit(2)
      try ledger.open(visit)
      try ledger.open(other)
      try sign(&other, &ledger)
      for (position, doctor) in LedgerFixture.team.prefix(3).enumerated() {
        let partial = PartialSignature(
          visit: visit.id, commitments: Array(other.commitments.prefix(position + 1)),
          signature: other.encodedSignature)
        try ledger.append(partial, on: chain, by: doctor, key: stranger)
      }
      var completion = ledger.completion(of: visit)
      (completion.commitments, completion.signature) = (other.commitments, other.encodedSignature)
      try ledger.append(completion, on: chain, by: LedgerFixture.team[2])
    }

    private func complete(
      _ visit: TestVisit, by stranger: IdentityKey, _ ledger: inout LedgerFixture
    ) throws {
      var completion = ledger.completion(of: visit)
      if self == .storage { completion.recordDigest = Digest32(sha256: [7]) }
      let key = self == .completion ? stranger : nil
      try ledger.append(completion, on: chain, by: LedgerFixture.team[2], key: key)
    }
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

extension LedgerFixture {
  /// Decides blocks up to the end of an epoch of three.
  fileprivate mutating func finishEpoch() throws {
    repeat {
      try closeConsortiumBlock(at: seconds + 1)
    } while consortium.engine.height % 3 != 0
  }
}
