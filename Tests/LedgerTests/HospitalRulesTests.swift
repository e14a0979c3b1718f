import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing
import TransparencyLog

@Suite("Rules of a hospital's chain")
struct HospitalRulesTests {
  static let team = LedgerFixture.team

  @Test("a visit: opened, signed in order, complete, confirmed, final", arguments: [1, 2, 3])
  func visit(doctors: Int) throws {
    var ledger = try LedgerFixture.withTeam()
    let visit = try ledger.conduct(1, team: Array(Self.team.prefix(doctors)))
    let chain = ledger.chain()
    // The base, the opening and the signatures stand in the visit's block, which its completion
    // closes.
    #expect(chain.engine.height == 1)
    #expect(chain.leaves.count == doctors + 4)
    let record = try #require(try chain.view.visit(visit.id))
    #expect(record.status == .complete)
    #expect(record.opening == 1)
    #expect(record.completion == UInt64(doctors) + 2)
    #expect(record.recordDigest == LedgerFixture.recordDigest)
    #expect(record.attempts == [UInt64](repeating: 1, count: doctors))
    #expect(try chain.view.index(of: ledger.completionEntry(of: visit).digest) == record.completion)
    // What only an open visit needs is gone.
    #expect(try chain.view.openContext(of: visit.id) == nil)
    #expect(try chain.view.signatures(of: visit.id, count: doctors).isEmpty)
    #expect(try ledger.reader.firstAnchor(covering: 0, of: "hospital-1") == nil)
    try ledger.confirmAndAnchor()
    let anchor = try #require(
      try ledger.reader.firstAnchor(covering: 0, of: "hospital-1"))
    #expect(try ledger.chain().view.leads(to: anchor))
    #expect(anchor.size == UInt64(chain.leaves.count))
  }

  @Test("whoever replays the leaves is in the state of the hospital")
  func determinism() throws {
    var ledger = try LedgerFixture.withTeam()
    let visit = try ledger.conduct(1)
    try ledger.append(ledger.receipt(of: visit))
    try ledger.confirm()
    let chain = ledger.chain()
    let store = InspectableStore()
    var follower = try HospitalFollower(
      genesis: ledger.genesis, hospital: "hospital-1", store: store,
      consortium: ledger.consortiumStore, decider: ledger.decider)
    let progress = try follower.replay(chain.leaves)
    #expect(progress.completions.map(\.context) == [visit.context])
    try follower.commit(progress, confirmed: chain.confirmed)
    #expect(store.values == chain.store.values)
    #expect(try follower.leaves(from: 0, byteCount: .max) == chain.leaves)
    #expect(try follower.leaves(from: 1, byteCount: 0) == [chain.leaves[1]])
  }

  // MARK: Base and blocks

  @Test("a chain begins with a base: a final block that exists, moved only forward")
  func bases() throws {
    var ledger = try LedgerFixture.withTeam()
    let base = try ledger.finalBlock()
    let visit = try ledger.visit(1, follows: false)
    #expect(try ledger.open(visit) == "no-base")
    func advance(_ height: UInt64, _ digest: Digest32, by signer: String = "hospital-1") -> Entry {
      ledger.entry(
        BaseAdvance(base: BlockReference(height: height, digest: digest)), on: "hospital-1",
        by: signer)
    }
    #expect(try ledger.append(advance(0, .zero)) == "unknown-base")
    #expect(try ledger.append(advance(1, base.reference.digest)) == "unknown-base")
    let foreign = advance(0, base.reference.digest, by: "cloud")
    #expect(try ledger.append(foreign) == "not-entitled")
    #expect(
      try ledger.append(
        BaseAdvance(base: base.reference), on: "hospital-1", by: "hospital-1",
        key: ledger.identities["cloud"]) == "wrong-signature")
    #expect(try ledger.follow() == nil)
    // Only a block's first item.
    try ledger.closeConsortiumBlock(at: 20)
    let next = ledger.entry(
      BaseAdvance(base: try ledger.finalBlock().reference), on: "hospital-1", by: "hospital-1")
    #expect(try ledger.append(next) == "not-first")
    try ledger.closeBlock()
    // Neither the same nor an earlier one; the block may hold nothing else.
    #expect(try ledger.follow() == nil)
    try ledger.closeBlock()
    #expect(ledger.chain().engine.header?.itemCount == 1)
    #expect(ledger.chain().engine.header?.base == (try ledger.finalBlock().reference))
    // The entry that moved it first is known; one that names the same base with other bytes cannot
    // be made, for a signature has one value. A fresh base in between shows the rule.
    try ledger.closeConsortiumBlock(at: 30)
    let third = try ledger.finalBlock()
    try ledger.closeConsortiumBlock(at: 40)
    #expect(try ledger.follow() == nil)
    try ledger.closeBlock()
    #expect(
      try ledger.append(BaseAdvance(base: third.reference), on: "hospital-1", by: "hospital-1")
        == "stale-base")
    #expect(try ledger.append(next) == "entry-known")
  }

  @Test("a block has room for so many items, and so many bytes")
  func blockLimits() throws {
    var numbers = Members.Numbers()
    numbers.blockItemLimit = 3
    var ledger = try LedgerFixture.withTeam(numbers: numbers)
    let visits = try (1...3).map { try ledger.visit($0) }
    #expect(try ledger.open(visits[0]) == nil)
    #expect(try ledger.open(visits[1]) == nil)
    #expect(try ledger.open(visits[2]) == "block-full")
    try ledger.closeBlock()
    #expect(try ledger.open(visits[2]) == nil)

    numbers = Members.Numbers()
    numbers.blockByteLimit = 1 << 17
    ledger = try LedgerFixture.withTeam(numbers: numbers)
    _ = try ledger.visit(1)
    var refusals: [String] = []
    var count = 0
    while refusals.isEmpty, count < 255 {
      count += 1
      let visit = try ledger.visit(UInt8(count), follows: false)
      if let code = try ledger.open(visit) { refusals.append(code) }
    }
    #expect(refusals == ["block-full"])
    let bytes = ledger.chain().engine.openLeaves.map(\.count).reduce(0, +)
    let opening = ledger.chain().engine.openLeaves.last?.count ?? 0
    #expect(bytes <= 1 << 17)
    #expect(bytes + opening > 1 << 17)
  }

  @Test("a completion, a consent and a revocation close their block")
  func closing() throws {
    var ledger = try LedgerFixture.withTeam()
    var visit = try ledger.visit(1)
    try ledger.open(visit)
    for position in 1...3 { try ledger.sign(&visit, position: position) }
    let document = Digest32(sha256: [10])
    let closing = [
      ledger.completionEntry(of: visit),
      ledger.patientEntry(ConsentNotice(visit: visit.id, document: document), of: visit),
      ledger.patientEntry(Revocation(visit: visit.id, document: document), of: visit),
    ]
    let follower = ledger.abandonment(of: visit)
    for entry in closing {
      var engine = ledger.chain().engine
      let item = try #require(try? engine.judge(entry).get())
      try engine.accept(item)
      #expect(engine.mustClose)
      guard case .failure(let refusal) = try engine.judge(follower) else {
        Issue.record("an item follows \(entry.content.body.kind) in its block")
        continue
      }
      #expect(refusal.code == "block-full")
      // Whoever replays it finds the missing header.
      #expect(throws: ChainFailure.self) { try engine.replay(Leaf.item(follower).encoded()) }
      #expect(try ledger.append(entry) == nil)
      #expect(ledger.chain().engine.openLeaves.isEmpty)
    }
  }

  // MARK: Opening

  @Test("[attack] items 4, 8: openings that are not of this ledger, hospital, time or team")
  func openings() throws {
    var ledger = try LedgerFixture.withTeam()
    try ledger.register("stranger", at: "hospital-2")
    try ledger.closeConsortiumBlock(at: 11)
    func refusal(
      _ number: UInt8, team: [String] = Self.team,
      _ change: (inout VisitContext) -> Void = { _ in }
    ) throws -> String? {
      let visit = try ledger.visit(number, team: team)
      var context = visit.context
      change(&context)
      return try ledger.append(
        VisitOpening(
          context: context, visitKeyProof: visit.opening.visitKeyProof,
          patientSignature: visit.opening.patientSignature), on: "hospital-1", by: "hospital-1")
    }
    #expect(try refusal(1) { $0.genesis = .zero } == "wrong-context")
    #expect(try refusal(2) { $0.window = 601 } == "wrong-context")
    #expect(try refusal(3) { $0.resignatureLimit = 5 } == "wrong-context")
    #expect(try refusal(4) { $0.openedAt += 1 } == "wrong-context")
    #expect(try refusal(5) { $0.baseHash = .zero } == "wrong-context")
    #expect(try refusal(6) { $0.baseHeight = 77 } == "wrong-context")
    #expect(try refusal(7, team: ["stranger"]) == "unknown-doctor")
    #expect(try refusal(9) { $0.signers[0].a = $0.signers[1].a } == "unknown-doctor")
    #expect(try refusal(10) { $0.hospital = "hospital-2" } == "wrong-context")
    #expect(try refusal(12) { $0.suite = "other" } == "wrong-context")
    let foreign = try ledger.visit(11)
    #expect(
      try ledger.append(foreign.opening, on: "hospital-1", by: "hospital-2") == "not-entitled")
    #expect(
      try ledger.append(
        foreign.opening, on: "hospital-1", by: "hospital-1", key: ledger.identities["cloud"])
        == "wrong-signature")
    #expect(
      try ledger.append(
        foreign.opening, on: "hospital-1", by: "nobody", key: ledger.identities["cloud"])
        == "unknown-signer")
    #expect(try refusal(8) == nil)
  }

  @Test("a doctor counts from the block of the registration on")
  func directoryOfTheBase() throws {
    var ledger = try LedgerFixture.withTeam(doctors: 1)
    try ledger.follow()
    // Registered in a later block than the base of this chain.
    try ledger.register("late", at: "hospital-1")
    try ledger.closeConsortiumBlock(at: 20)
    let former = try #require(try ledger.reader.block(0))
    func visit(_ number: UInt8, follows: Bool) throws -> TestVisit {
      try ledger.visit(number, team: ["late"], follows: follows) {
        $0.baseHeight = 0
        $0.baseHash = former.reference.digest
        $0.openedAt = former.countedTime
      }
    }
    #expect(try ledger.open(visit(1, follows: false)) == "unknown-doctor")
    #expect(try ledger.open(visit(2, follows: true)) == nil)
  }

  @Test("[attack] T of a context is at most a quarter of the window before the base")
  func oldBase() throws {
    var ledger = try LedgerFixture.withTeam()
    let visits = try (1...3).map { try ledger.visit($0) }
    try ledger.advance(150)
    try ledger.follow()
    #expect(try ledger.open(visits[0]) == nil)
    // Nor does the hospital open it against a base that its own chain has not reached.
    let ahead = try ledger.visit(4)
    try ledger.advance(1)
    #expect(try ledger.open(try ledger.visit(5, follows: false)) == "wrong-context")
    try ledger.follow()
    #expect(try ledger.open(visits[1]) == "wrong-context")
    #expect(try ledger.open(ahead) == nil)
  }

  @Test("[attack] item 4: the hospital puts a key of its own in place of PK_v")
  func substitutedVisitKey() throws {
    var ledger = try LedgerFixture.withTeam()
    let genuine = try ledger.visit(1)
    let own = try ledger.visit(2)
    var context = genuine.context
    context.visitKey = own.context.visitKey
    // The hospital knows p_v of its own key, but cannot sign with the patient's S_v.
    let opening = try ledger.opening(of: context, visitKey: own.visitKey, patient: own.patient)
    #expect(
      try ledger.append(opening, on: "hospital-1", by: "hospital-1") == "wrong-visit-key-proof")
    // With the patient's signature on another context, or without a proof for the key.
    let moved = VisitOpening(
      context: context, visitKeyProof: genuine.opening.visitKeyProof,
      patientSignature: genuine.opening.patientSignature)
    #expect(
      try ledger.append(moved, on: "hospital-1", by: "hospital-1") == "wrong-visit-key-proof")
    // The patient signs, and nobody proves the key.
    let unproven = VisitOpening(
      context: genuine.context, visitKeyProof: own.opening.visitKeyProof,
      patientSignature: genuine.opening.patientSignature)
    #expect(
      try ledger.append(unproven, on: "hospital-1", by: "hospital-1") == "wrong-visit-key-proof")
  }

  @Test("[attack] item 4: a visit key, visit or pseudonym seen before")
  func seenBefore() throws {
    var ledger = try LedgerFixture.withTeam()
    let first = try ledger.visit(1)
    #expect(try ledger.open(first) == nil)
    #expect(try ledger.open(ledger.visit(1)) == "visit-known")
    let pseudonym = first.context.pseudonym
    #expect(try ledger.open(ledger.visit(2) { $0.pseudonym = pseudonym }) == "visit-known")
    // Each key of a visit is new, whatever it was used for.
    func again(_ change: (inout VisitContext) -> Void) throws -> String? {
      var context = first.context
      context.visitID = Digest32(sha256: [77])
      context.pseudonym = Digest32(sha256: [78])
      change(&context)
      return try ledger.append(
        VisitOpening(
          context: context, visitKeyProof: first.opening.visitKeyProof,
          patientSignature: first.opening.patientSignature), on: "hospital-1", by: "hospital-1")
    }
    #expect(try again { _ in } == "visit-key-known")
    #expect(try again { $0.visitKey = [1] } == "visit-key-known")
    let fresh = try IdentityKey(seed: [UInt8](repeating: 5, count: 32)).publicKey
    #expect(
      try again {
        $0.visitKey = [1]
        $0.visitSigningKey = fresh
      } == "visit-key-known")
    #expect(
      try again {
        $0.visitKey = [1]
        $0.visitSigningKey = fresh
        $0.mailboxKey = fresh
      } == "visit-key-known")
    // A visit that ended keeps its keys.
    #expect(try ledger.append(ledger.abandonment(of: first)) == nil)
    #expect(try again { _ in } == "visit-key-known")
  }

  @Test("a doctor stands once in a team")
  func doctorTwice() throws {
    var ledger = try LedgerFixture.withTeam()
    let visit = try ledger.visit(1, team: [Self.team[0]])
    var context = visit.context
    context.signers += context.signers
    let opening = try ledger.opening(
      of: context, visitKey: visit.visitKey, patient: visit.patient)
    #expect(try ledger.append(opening, on: "hospital-1", by: "hospital-1") == "doctor-twice")
  }

  @Test("a visit amends a complete one of this chain, or names one of another hospital")
  func amends() throws {
    var ledger = try LedgerFixture.withTeam()
    let complete = try ledger.conduct(1)
    let open = try ledger.visit(2)
    try ledger.open(open)
    func refusal(_ number: UInt8, _ hospital: String, _ visit: Digest32) throws -> String? {
      try ledger.open(
        ledger.visit(number) {
          $0.amends = complete.amended(by: $0)
          $0.amends?.hospital = hospital
          $0.amends?.visit = visit
        })
    }
    #expect(try refusal(3, "hospital-1", .zero) == "unknown-visit")
    #expect(try refusal(4, "hospital-1", open.id) == "visit-not-complete")
    #expect(try refusal(5, "hospital-9", complete.id) == "unknown-visit")
    #expect(try refusal(6, "cloud", complete.id) == "unknown-visit")
    #expect(try refusal(7, "hospital-1", complete.id) == nil)
    #expect(try refusal(8, "hospital-2", complete.id) == nil)
    try ledger.append(ledger.abandonment(of: open))
    #expect(try refusal(9, "hospital-1", open.id) == "visit-not-complete")
  }

  @Test("[attack] nobody amends a visit without the signature of its patient, for this addendum")
  func foreignAmendment() throws {
    var ledger = try LedgerFixture.withTeam()
    let complete = try ledger.conduct(1)
    let other = try ledger.conduct(2)
    func refusal(_ number: UInt8, _ change: @escaping (inout VisitContext) -> Void) throws
      -> String?
    {
      try ledger.open(ledger.visit(number, changing: change))
    }
    // Another patient's key; a signature for another addendum, for another visit, of another ledger.
    let addendum = try ledger.visit(3)
    #expect(
      try refusal(4) { $0.amends = complete.amended(by: $0, key: other.patient) }
        == "wrong-amendment")
    #expect(
      try refusal(5) { $0.amends = complete.amended(by: addendum.context) } == "wrong-amendment")
    #expect(
      try refusal(6) {
        $0.amends = other.amended(by: $0, key: complete.patient)
        $0.amends?.visit = complete.id
      } == "wrong-amendment")
    #expect(
      try refusal(7) {
        var elsewhere = $0
        elsewhere.hospital = "hospital-2"
        $0.amends = complete.amended(by: elsewhere)
      } == "wrong-amendment")
    #expect(try refusal(8) { $0.amends = complete.amended(by: $0) } == nil)
  }

  // MARK: Signing

  @Test("[attack] item 17: a signature after T_k = T + k·w is late")
  func late() throws {
    var ledger = try LedgerFixture.withTeam()
    var visit = try ledger.visit(1)
    try ledger.open(visit)
    #expect(try ledger.sign(&visit, position: 1) == nil)
    let inTime = try ledger.partialSignature(&visit, position: 2)
    try ledger.advance(1200)
    try ledger.follow()
    // At exactly T_2.
    var copy = try ledger.copy()
    #expect(try copy.append(inTime) == nil)
    try ledger.advance(1)
    try ledger.follow()
    #expect(try ledger.append(inTime) == "late")
    try copy.advance(601)
    try copy.follow()
    #expect(try copy.sign(&visit, position: 3) == "late")
    #expect(try copy.complete(visit) == "late")
    #expect(try copy.append(copy.abandonment(of: visit, reason: .deadlinePassed)) == nil)
    #expect(try copy.append(copy.abandonment(of: visit)) == "visit-not-open")
  }

  @Test("a halt of the consortium makes nobody late, but counts up to half of maxLag")
  func halt() throws {
    var ledger = try LedgerFixture.withTeam()
    var visit = try ledger.visit(1)
    try ledger.open(visit)
    try ledger.closeConsortiumBlock(at: 10 + 86_400)
    try ledger.follow()
    #expect(ledger.chain().view.base?.time == LedgerFixture.start + 10 + 86_400)
    #expect(ledger.chain().view.base?.countedTime == LedgerFixture.start + 70)
    #expect(try ledger.sign(&visit, position: 1) == nil)
  }

  @Test("a complete team that is too late completes nothing")
  func lateCompletion() throws {
    var ledger = try LedgerFixture.withTeam()
    var visit = try ledger.visit(1)
    try ledger.open(visit)
    for position in 1...3 { #expect(try ledger.sign(&visit, position: position) == nil) }
    try ledger.advance(1801)
    try ledger.follow()
    #expect(try ledger.complete(visit) == "late")
  }

  @Test("out of order, by another doctor, or over other commitments")
  func order() throws {
    var ledger = try LedgerFixture.withTeam()
    var visit = try ledger.visit(1)
    var unopened = visit
    let early = try ledger.partialSignature(&unopened, position: 1)
    #expect(try ledger.append(early) == "unknown-visit")
    try ledger.open(visit)
    var ahead = visit
    let first = try ledger.partialSignature(&ahead, position: 1)
    let second = try ledger.partialSignature(&ahead, position: 2)
    #expect(try ledger.append(second) == "wrong-commitments")
    // D_2 submits D_1's place.
    let body = PartialSignature(
      visit: visit.id, commitments: Array(ahead.commitments.prefix(1)),
      signature: ahead.signatures[0].signature.encoded())
    #expect(try ledger.append(body, on: "hospital-1", by: Self.team[1]) == "not-entitled")
    // Who is not registered, the patient, and a place behind the team.
    #expect(
      try ledger.append(body, on: "hospital-1", by: "nobody", key: ledger.identities["cloud"])
        == "unknown-signer")
    #expect(try ledger.append(ledger.patientEntry(body, of: visit)) == "unknown-signer")
    let behind = PartialSignature(
      visit: visit.id, commitments: ahead.commitments + ahead.commitments,
      signature: body.signature)
    #expect(try ledger.append(behind, on: "hospital-1", by: Self.team[0]) == "not-entitled")
    #expect(try ledger.append(first) == nil)
    // D_2 signed over another finding of D_1.
    try ledger.sign(&visit, position: 1, finding: "another")
    let other = try ledger.partialSignature(&visit, position: 2)
    #expect(try ledger.append(other) == "wrong-commitments")
    // The completion is the last doctor's, and of what stands on the chain.
    #expect(try ledger.complete(visit) == "wrong-commitments")
    var moved = ledger.completion(of: visit)
    moved.context.openedAt += 1
    #expect(try ledger.append(moved, on: "hospital-1", by: Self.team[2]) == "wrong-context")
    moved.context.visitID = .zero
    #expect(try ledger.append(moved, on: "hospital-1", by: Self.team[2]) == "unknown-visit")
    #expect(
      try ledger.append(
        VisitAbandonment(visit: visit.id, reason: .patientLeft), on: "hospital-1", by: Self.team[0])
        == "not-entitled")
  }

  @Test("[attack] item 9: a re-signature withdraws the former and all after it, for good")
  func resignature() throws {
    var ledger = try LedgerFixture.withTeam()
    var visit = try ledger.visit(1)
    try ledger.open(visit)
    try ledger.sign(&visit, position: 1)
    try ledger.sign(&visit, position: 2)
    let withdrawn = visit
    try ledger.sign(&visit, position: 3)
    let old = ledger.completionEntry(of: visit)
    // D_1 signs again: everybody after has to as well.
    #expect(try ledger.sign(&visit, position: 1, attempt: 2, finding: "revised") == nil)
    #expect(try ledger.append(old) == "wrong-commitments")
    // The withdrawn finding cannot be revived, neither as it was nor re-randomized.
    let revived = PartialSignature(
      visit: visit.id, commitments: withdrawn.commitments,
      signature: try withdrawn.rerandomized(using: &ledger.generator))
    #expect(try ledger.append(revived, on: "hospital-1", by: Self.team[1]) == "wrong-attempt")
    #expect(
      try ledger.append(
        PartialSignature(
          visit: visit.id, commitments: withdrawn.commitments,
          signature: withdrawn.encodedSignature), on: "hospital-1", by: Self.team[1])
        == "entry-known")
    #expect(try ledger.chain().view.signatures(of: visit.id, count: 3).count == 1)
    #expect(try ledger.sign(&visit, position: 2, attempt: 2) == nil)
    #expect(try ledger.sign(&visit, position: 3, attempt: 2) == nil)
    #expect(try ledger.complete(visit) == nil)
  }

  @Test("[attack] item 9: others' variants of a signature do not count as attempts")
  func variants() throws {
    var ledger = try LedgerFixture.withTeam()
    var visit = try ledger.visit(1)
    try ledger.open(visit)
    try ledger.sign(&visit, position: 1)
    for attempt in 2...5 as ClosedRange<UInt64> {
      var variant = visit
      _ = try ledger.partialSignature(&variant, position: 1, attempt: attempt)
      let body = PartialSignature(
        visit: visit.id, commitments: variant.commitments, signature: variant.encodedSignature)
      #expect(try ledger.append(body, on: "hospital-1", by: Self.team[1]) == "not-entitled")
      if attempt == 2 {
        #expect(
          try ledger.append(
            body, on: "hospital-1", by: Self.team[0], key: ledger.doctors[Self.team[1]]?.identity)
            == "wrong-signature")
      }
    }
    #expect(try ledger.chain().view.visit(visit.id)?.attempts == [1, 0, 0])
    #expect(try ledger.sign(&visit, position: 2) == nil)
  }

  @Test("a fifth re-signature is refused, and the visit stays open")
  func resignatureLimit() throws {
    var ledger = try LedgerFixture.withTeam()
    var visit = try ledger.visit(1)
    try ledger.open(visit)
    for attempt in 1...5 as ClosedRange<UInt64> {
      #expect(try ledger.sign(&visit, position: 1, attempt: attempt) == nil)
    }
    // The scheme itself refuses to verify a sixth attempt, so the entry is made by hand.
    var commitments = visit.commitments
    commitments[0].attempt = 6
    let sixth = PartialSignature(
      visit: visit.id, commitments: commitments, signature: visit.encodedSignature)
    #expect(
      try ledger.append(sixth, on: "hospital-1", by: Self.team[0]) == "resignature-limit")
    // C1: the refusal ended nothing. The team goes on from the fifth.
    #expect(try ledger.chain().view.visit(visit.id)?.status == .open)
    #expect(try ledger.sign(&visit, position: 2) == nil)
    #expect(try ledger.sign(&visit, position: 3) == nil)
    #expect(try ledger.complete(visit) == nil)
  }

  @Test("[attack] signatures that are no points, or R = 0", arguments: BadPoint.allCases)
  func points(fault: BadPoint) throws {
    var ledger = try LedgerFixture.withTeam()
    var visit = try ledger.visit(1)
    try ledger.open(visit)
    var signed = visit
    _ = try ledger.partialSignature(&signed, position: 1)
    var body = PartialSignature(
      visit: visit.id, commitments: signed.commitments, signature: signed.encodedSignature)
    switch fault {
    case .notOnTheCurve: body.signature[20] ^= 1
    case .identity:
      body.signature.replaceSubrange(0..<48, with: [0xc0] + [UInt8](repeating: 0, count: 47))
    case .short: body.signature.removeLast()
    case .long: body.signature.append(0)
    }
    #expect(try ledger.append(body, on: "hospital-1", by: Self.team[0]) == "wrong-point")
    #expect(try ledger.sign(&visit, position: 1) == nil)
  }

  enum BadPoint: String, CaseIterable { case notOnTheCurve, identity, short, long }

  @Test("[attack] item 12: the last doctor completes a visit whose record the cloud does not hold")
  func withoutRecord() throws {
    var ledger = try LedgerFixture.withTeam()
    var visit = try ledger.visit(1)
    try ledger.open(visit)
    for position in 1...3 { try ledger.sign(&visit, position: position) }
    // The cloud's receipt is for another digest, or the hospital signed in its place.
    var completion = ledger.completion(of: visit)
    completion.recordDigest = Digest32(sha256: [10])
    #expect(
      try ledger.append(completion, on: "hospital-1", by: Self.team[2]) == "wrong-storage-receipt")
    completion = ledger.completion(of: visit)
    completion.storageSignature =
      ledger.identities["hospital-1"]?.sign(
        StorageReceipt(
          genesis: ledger.genesis.digest, visit: visit.id, recordDigest: completion.recordDigest))
      ?? []
    #expect(
      try ledger.append(completion, on: "hospital-1", by: Self.team[2]) == "wrong-storage-receipt")
    #expect(try ledger.complete(visit) == nil)
  }

  @Test("[attack] M1: the last doctor completes with a signature that is not the team's")
  func forgedCompletion() throws {
    var ledger = try LedgerFixture.withTeam()
    var visit = try ledger.visit(1)
    try ledger.open(visit)
    try ledger.sign(&visit, position: 1)
    try ledger.sign(&visit, position: 2)
    // D_3 publishes points that satisfy no equation.
    var other = try ledger.visit(2)
    _ = try ledger.partialSignature(&other, position: 1)
    var signed = visit
    _ = try ledger.partialSignature(&signed, position: 3)
    let forged = PartialSignature(
      visit: visit.id, commitments: signed.commitments, signature: other.encodedSignature)
    #expect(try ledger.append(forged, on: "hospital-1", by: Self.team[2]) == nil)
    var completion = ledger.completion(of: signed)
    completion.signature = other.encodedSignature
    #expect(
      try ledger.append(completion, on: "hospital-1", by: Self.team[2]) == "wrong-multisignature")
    #expect(
      try ledger.append(ledger.completion(of: signed), on: "hospital-1", by: Self.team[1])
        == "not-entitled")
  }

  // MARK: After the visit

  /// A visit that is open, and one that is complete.
  private func openAndComplete(
    _ ledger: inout LedgerFixture
  ) throws -> (open: TestVisit, visit: TestVisit) {
    let open = try ledger.visit(2)
    try ledger.open(open)
    return (open, try ledger.conduct(1))
  }

  @Test("a receipt, by the patient of the visit and once")
  func receipts() throws {
    var ledger = try LedgerFixture.withTeam()
    let (open, visit) = try openAndComplete(&ledger)
    func patient(_ body: some CanonicalObject) throws -> String? {
      try ledger.append(ledger.patientEntry(body, of: visit))
    }
    let wrong = VisitReceipt(visit: visit.id, recordDigest: .zero, verdict: .acknowledged)
    #expect(try patient(wrong) == "wrong-record-digest")
    let receipt = VisitReceipt(
      visit: visit.id, recordDigest: LedgerFixture.recordDigest, verdict: .acknowledged)
    #expect(try ledger.append(receipt, on: "hospital-1", by: "hospital-1") == "not-entitled")
    // The patient of another visit, and S_v of another visit under this one's name.
    #expect(try ledger.append(ledger.patientEntry(receipt, of: open)) == "not-entitled")
    let stolen = Entry(
      EntryContent(
        genesis: ledger.genesis.digest, chain: "hospital-1", signer: .patient(visit: visit.id),
        body: receipt), signedBy: open.patient)
    #expect(try ledger.append(stolen) == "wrong-signature")
    #expect(
      try ledger.append(ledger.receipt(of: open)) == "visit-not-complete")
    #expect(try patient(receipt) == nil)
    #expect(try ledger.append(ledger.receipt(of: visit, .disputed)) == "already-receipted")
  }

  @Test("consent, access, revocation and request, each by whom it belongs to")
  func sharing() throws {
    var ledger = try LedgerFixture.withTeam()
    let (open, visit) = try openAndComplete(&ledger)
    func patient(_ body: some CanonicalObject) throws -> String? {
      try ledger.append(ledger.patientEntry(body, of: visit))
    }
    func manager(_ body: some CanonicalObject) throws -> String? {
      try ledger.append(body, on: "hospital-1", by: "manager")
    }
    let document = Digest32(sha256: [10])
    let access = AccessNotice(visit: visit.id, document: document)
    let consent = ConsentNotice(visit: visit.id, document: document)
    #expect(try manager(access) == "unknown-consent")
    #expect(try manager(consent) == "not-entitled")
    #expect(
      try ledger.append(
        ledger.patientEntry(ConsentNotice(visit: open.id, document: document), of: open))
        == "visit-not-complete")
    #expect(try patient(consent) == nil)
    #expect(try manager(AccessNotice(visit: .zero, document: document)) == "unknown-consent")
    #expect(
      try ledger.append(access, on: "hospital-1", by: "cloud") == "not-entitled")
    #expect(try manager(access) == nil)
    #expect(try ledger.chain().view.consent(document)?.isUsed == true)
    let revocation = Revocation(visit: visit.id, document: document)
    #expect(try ledger.append(revocation, on: "hospital-1", by: "manager") == "not-entitled")
    #expect(try patient(revocation) == nil)
    #expect(try ledger.chain().view.consent(document)?.isRevoked == true)
    let request = AccessRequestNotice(visit: visit.id, document: document)
    #expect(try manager(request) == nil)
    #expect(
      try ledger.append(request, on: "hospital-1", by: "hospital-2") == "not-entitled")
    #expect(
      try manager(AccessRequestNotice(visit: open.id, document: .zero)) == "visit-not-complete")
    #expect(try manager(AccessRequestNotice(visit: .zero, document: .zero)) == "unknown-visit")
    // The access log of the patient.
    let kinds = try ledger.chain().view.sharing(of: visit.id).compactMap {
      Leaf.entry(in: ledger.chain().leaves[Int($0)])?.content.body.kind
    }
    #expect(kinds == [.consentNotice, .accessNotice, .revocation, .accessRequestNotice])
  }

  @Test("a document is known once, whatever visit it is about")
  func documents() throws {
    var ledger = try LedgerFixture.withTeam()
    let one = try ledger.conduct(1)
    let other = try ledger.conduct(2)
    let document = Digest32(sha256: [10])
    func consent(_ visit: TestVisit) -> Entry {
      ledger.patientEntry(ConsentNotice(visit: visit.id, document: document), of: visit)
    }
    #expect(try ledger.append(consent(one)) == nil)
    #expect(try ledger.append(consent(other)) == "document-known")
    // What the patient of one visit revokes is nothing that another's has consented to.
    #expect(
      try ledger.append(
        ledger.patientEntry(Revocation(visit: other.id, document: document), of: other)) == nil)
    #expect(try ledger.chain().view.consent(document)?.isRevoked == false)
    #expect(try !ledger.chain().view.isRevoked(document, of: one.id))
    #expect(
      try ledger.append(
        ledger.patientEntry(ConsentNotice(visit: other.id, document: .zero), of: other)) == nil)
    for (visit, code) in [(one, nil), (other, "document-known")] as [(TestVisit, String?)] {
      #expect(
        try ledger.append(
          AccessRequestNotice(visit: visit.id, document: document), on: "hospital-1",
          by: "manager") == code)
    }
  }

  @Test("[attack] a manager notes more requests for a visit than its patient has consented to")
  func notedRequests() throws {
    var ledger = try LedgerFixture.withTeam()
    let (visit, other) = (try ledger.conduct(1), try ledger.conduct(2))
    var last: UInt8 = 0
    func note(_ visit: TestVisit) throws -> String? {
      last += 1
      return try ledger.append(
        AccessRequestNotice(visit: visit.id, document: Digest32(sha256: [1, last])),
        on: "hospital-1", by: "manager")
    }
    func consent(_ number: UInt8) throws -> String? {
      try ledger.append(
        ledger.patientEntry(
          ConsentNotice(visit: visit.id, document: Digest32(sha256: [2, number])), of: visit))
    }
    // Of requests that the patient leaves alone, or refuses, there is no trace, however many they are.
    for _ in 0..<3 { #expect(try note(visit) == "request-limit") }
    for number in 0..<3 as Range<UInt8> {
      #expect(try consent(number) == nil)
      #expect(try note(other) == "request-limit")
      #expect(try note(visit) == nil)
      #expect(try note(visit) == "request-limit")
    }
    // Two that come later have room too; a revocation makes none.
    #expect(try consent(3) == nil)
    #expect(try consent(4) == nil)
    #expect(
      try ledger.append(
        ledger.patientEntry(
          Revocation(visit: visit.id, document: Digest32(sha256: [2, 3])), of: visit)) == nil)
    for code in [nil, nil, "request-limit"] { #expect(try note(visit) == code) }
    let kinds = try ledger.chain().view.sharing(of: visit.id).compactMap {
      Leaf.entry(in: ledger.chain().leaves[Int($0)])?.content.body.kind
    }
    #expect(kinds.filter { $0 == .accessRequestNotice }.count == 5)
  }

  @Test("[attack] item 1: an access under a revoked consent is refused")
  func accessAfterRevocation() throws {
    var ledger = try LedgerFixture.withTeam()
    let visit = try ledger.conduct(1)
    let document = Digest32(sha256: [10])
    try ledger.append(
      ledger.patientEntry(ConsentNotice(visit: visit.id, document: document), of: visit))
    let revocation = ledger.patientEntry(
      Revocation(visit: visit.id, document: document), of: visit)
    #expect(try ledger.append(revocation) == nil)
    #expect(
      try ledger.append(
        AccessNotice(visit: visit.id, document: document), on: "hospital-1", by: "manager")
        == "consent-revoked")
    #expect(try ledger.append(revocation) == "entry-known")
  }

  @Test("[attack] item 1: one consent, one AccessNotice")
  func accessTwice() throws {
    var ledger = try LedgerFixture.withTeam()
    let visit = try ledger.conduct(1)
    let document = Digest32(sha256: [10])
    try ledger.append(
      ledger.patientEntry(ConsentNotice(visit: visit.id, document: document), of: visit))
    let notice = AccessNotice(visit: visit.id, document: document)
    #expect(try ledger.append(notice, on: "hospital-1", by: "manager") == nil)
    // The same notice has the same bytes, for Ed25519 signs one thing one way; a manager that signs
    // with another nonce makes another entry.
    let content = ledger.entry(notice, on: "hospital-1", by: "manager").content
    var second = Entry(content, signedBy: ledger.manager.identity)
    second.signature[0] ^= 1
    #expect(try ledger.append(second) == "consent-used")
  }

  @Test("kinds of the consortium chain, and a refusal of nothing, are no items")
  func wrongKinds() throws {
    var ledger = try LedgerFixture.withTeam()
    try ledger.follow()
    #expect(
      try ledger.append(LedgerFixture.consortiumBody(1), on: "hospital-1", by: "hospital-1")
        == "wrong-kind")
    #expect(
      try ledger.append(
        BlockOpening(height: 0, round: 0, time: 0, commits: nil), on: "hospital-1", by: "hospital-1"
      ) == "wrong-kind")
    #expect(
      try ledger.append(Refused(entry: .zero, code: "late"), on: "hospital-1", by: "hospital-1")
        == "wrong-kind")
    let foreign = ledger.entry(LedgerFixture.consortiumBody(1), on: "hospital-2", by: "hospital-1")
    guard case .failure(let refusal) = try ledger.chain().engine.judge(foreign) else {
      Issue.record("it is of this chain")
      return
    }
    #expect(refusal.code == "wrong-chain")
  }
}
