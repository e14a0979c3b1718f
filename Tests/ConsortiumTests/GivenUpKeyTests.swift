import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Synchronization
import TestSupport
import Testing

/// A key that its owner has replaced, and that a thief has.
@Suite("Identity keys that were given up")
struct GivenUpKeyTests {
  private static let patient = TestConsortium.patient
  private static let hospital = TestConsortium.hospital

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }
  private static let week: UInt64 = 7 * 86_400

  /// What anybody on the way can say without a seal.
  private static func bare(_ code: String) -> [UInt8] {
    ReplyMessage<Done>(.failure(ConsortiumError(.init(code), "whatever"))).encoded()
  }

  /// A courier who has an identity key that hospital 1 has given up.
  private struct Thief: Sendable {
    let stolen: IdentityKey
    let own: AgreementKey
    let genesis: Digest32

    @inline(never)
    init(_ test: TestConsortium, _ consortium: LocalConsortium) throws {
      stolen = try test.identityKey(of: GivenUpKeyTests.hospital)
      own = try AgreementKey(seed: [UInt8](repeating: 4, count: 32))
      genesis = consortium.genesis.digest
    }

    func statement(_ now: UInt64) -> Signed<EnvelopeKey> {
      Signed(
        EnvelopeKey(
          genesis: genesis, owner: GivenUpKeyTests.hospital, key: own.publicKey, first: now,
          last: now + GivenUpKeyTests.week),
        by: stolen)
    }

    /// What was sealed to the thief's key.
    @inline(never)
    func open(_ request: [UInt8]) -> (content: RequestContent, answer: AnswerKey)? {
      guard let envelope = try? Envelope(encoded: request),
        envelope.keyDigest == Digest32(sha256: own.publicKey),
        let (signed, answer) = try? envelope.open(with: own, genesis: genesis)
      else { return nil }
      return (signed.object, answer)
    }
  }

  private func isAboutKey(_ transit: Wire.Transit) -> Bool {
    transit.payload(FetchEnvelopeKey.self) != nil && transit.recipient == Self.hospital
      && transit.sender == "patient"
  }

  enum Victim: CaseIterable {
    /// Was shown the thief's envelope key while the identity key was in force, and knows of the next one since.
    case remembers
    /// Has never asked anybody anything: it knows the genesis.
    case isNew
  }

  @Test(
    "[attack] who has an identity key that was given up reads no form of admission",
    arguments: Victim.allCases)
  func givenUpKey(_ victim: Victim) async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.open()
    let patient = try #require(await consortium.patients[Self.patient])
    let thief = try Thief(test, consortium)
    if victim == .remembers {
      test.wire.intercept { transit in
        if self.isAboutKey(transit) {
          return try transit.answer(FetchEnvelopeKey.self, thief.statement(test.time))
        }
        if thief.open(transit.request) != nil {
          throw ConsortiumError(.unreachable, "one call fails")
        }
        return try await transit.deliver(transit.request)
      }
      #expect(
        await code { _ = try await patient.client.currentMembers(shownBy: Self.hospital) }
          == "unreachable")
      test.wire.intercept(nil)
    }
    try await consortium.rotateKeys(of: Self.hospital)
    for _ in 0..<3 { try await test.passEpoch(consortium) }
    #expect(!test.keyNames(Self.hospital).contains("identity"))
    if victim == .remembers {
      let members = try await patient.client.currentMembers(shownBy: "cloud")
      #expect(members.identityKey(of: Self.hospital) != thief.stolen.publicKey)
    }
    let read = Capture<AdmissionForm>()
    test.wire.intercept { transit in
      if victim == .isNew, read.value == nil, self.isAboutKey(transit) {
        return try transit.answer(FetchEnvelopeKey.self, thief.statement(test.time))
      }
      if let (content, _) = thief.open(transit.request) {
        if let sent = try? Message<RequestAdmission>(encoded: content.payload) {
          read.value = sent.payload.form
        }
        return Self.bare("decryption")
      }
      return try await transit.deliver(transit.request)
    }
    // Who shows the thief's key every time keeps the form from the hospital, and has nothing of it.
    let outcome = await code { _ = try await consortium.open(test.plan()) }
    #expect(outcome == (victim == .isNew ? "unreachable" : nil))
    #expect(read.value == nil)
  }

  @Test("[attack] who has an identity key that was given up says nothing of now")
  func staleDoctor() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 12)
    let consortium = try await test.open()
    let thief = try Thief(test, consortium)
    let doctor = "hospital-1-doctor-1"
    func client() throws -> LedgerClient {
      try LedgerClient(
        genesis: consortium.genesis, store: MemoryRoleStore(),
        requests: RequestClient(courier: consortium.courier, sender: "patient"),
        clock: { test.time })
    }
    _ = try await client().activeDoctor(doctor, by: Self.hospital)
    let kept = try #require(test.wire.passages.last { $0.kind == ProveDoctors.name })
    try await consortium.rotateKeys(of: Self.hospital)
    for _ in 0..<3 { try await test.passEpoch(consortium) }
    let server = try #require(consortium.hospitals[Self.hospital])
    #expect(try await server.setStanding(of: doctor, .suspended))
    try await consortium.settle()
    #expect(
      await code { _ = try await client().activeDoctor(doctor, by: Self.hospital) } == "not-active")
    test.wire.intercept { transit in
      if self.isAboutKey(transit) {
        return try transit.answer(FetchEnvelopeKey.self, thief.statement(test.time))
      }
      if let (content, answer) = thief.open(transit.request), content.name == ProveDoctors.name {
        return SealedAnswer(sealed: try answer.seal(kept.answer)).encoded()
      }
      return try await transit.deliver(transit.request)
    }
    #expect(
      await code { _ = try await client().activeDoctor(doctor, by: Self.hospital) } != nil)
  }

  // MARK: What was on its way under a key that is given up

  /// Whether somebody is asked whether what was submitted is final.
  private static func isProof(_ transit: Wire.Transit) -> Bool {
    if transit.payload(ProveVisit.self) != nil { return true }
    guard let asked = transit.payload(Prove.self), case .entry = asked.subject else { return false }
    return true
  }

  /// The one doctor of a visit, who signs it or completes it and takes another key meanwhile.
  private struct Stage {
    let test = TestConsortium(teamSize: 1, window: 86_400)
    let consortium: LocalConsortium
    let plan: PlannedVisit
    let visit: Digest32
    let owner: Doctor
    let isCompletion: Bool
    private let seen = Seen()

    private final class Seen: Sendable {
      let entries = Mutex<Set<Digest32>>([])
    }

    init(isCompletion: Bool = false) async throws {
      self.isCompletion = isCompletion
      consortium = try await test.open()
      plan = test.plan()
      let context = try await test.beginVisit(consortium, plan).context
      visit = context.visitID
      owner = try #require(await consortium.doctors[context.signers[0].doctor])
      _ = try await owner.take(presence: test.presence(of: visit, to: owner.id, consortium).text)
      if isCompletion { _ = try await owner.diagnose(visit, plan.findings[0]) }
    }

    /// Signs or completes, or goes on with it.
    func goOn() async -> String? {
      await ConsortiumError.code {
        if isCompletion {
          _ = try await owner.completeVisit(visit)
        } else {
          _ = try await owner.diagnose(visit, plan.findings[0])
        }
      }
    }

    func rotate() async throws {
      var isRotated = false
      for _ in 0..<12 where !isRotated {
        isRotated = try await owner.rotateKeys()
        try await test.pass(seconds: 20, consortium)
      }
      #expect(isRotated)
    }

    /// Of what is tried, as it is kept.
    func submission() async throws -> Submission {
      let kind: Submission.Kind = isCompletion ? .completion : .signature
      let all = try await owner.submissions().filter { $0.kind == kind }
      #expect(all.count == 1)
      return try #require(all.last)
    }

    /// That the program has nothing left to do but what comes after, and that nothing was signed twice.
    func expectDone(sourceLocation: SourceLocation = #_sourceLocation) async throws {
      let last = try await submission()
      #expect(last.standing.isFinal, sourceLocation: sourceLocation)
      let step = try await owner.visits().first { $0.visit == visit }?.step ?? .done
      #expect(step == (isCompletion ? .done : .completion), sourceLocation: sourceLocation)
      if !isCompletion {
        #expect(await goOn() == nil, sourceLocation: sourceLocation)
        _ = try await owner.completeVisit(visit)
      }
      let state = try await test.state(of: visit, consortium)
      #expect(
        state.status == .complete && state.attempts == [1], sourceLocation: sourceLocation)
    }

    /// The entries of this kind that were sent so far, also those that were lost.
    var sent: Set<Digest32> { seen.entries.withLock { $0 } }

    /// Has somebody stand between, who sees what is sent.
    func intercept(_ interception: @escaping Wire.Interception) {
      let (seen, kind) = (seen, kind)
      test.wire.intercept { transit in
        if let entry = transit.payload(SubmitEntry.self)?.entry, entry.content.body.kind == kind {
          seen.entries.withLock { _ = $0.insert(entry.digest) }
        }
        return try await interception(transit)
      }
    }

    /// What is submitted is lost, or all of it but this.
    func lose(but known: Set<Digest32> = []) {
      intercept { transit in
        if let submit = transit.payload(SubmitEntry.self), !known.contains(submit.entry.digest) {
          throw ConsortiumError(.unreachable, "lost on the way")
        }
        return try await transit.deliver(transit.request)
      }
    }

    /// Everything arrives.
    func loseNothing() { intercept { try await $0.deliver($0.request) } }

    /// Those that were demanded.
    var demanded: [Digest32] {
      test.wire.requests(RelayDemand.self).map(\.entry)
        .filter { $0.content.body.kind == kind }.map(\.digest)
    }

    private var kind: ObjectKind { isCompletion ? .visitCompletion : .partialSignature }

    /// The hospital takes what comes, and no answer arrives.
    func loseAnswers() {
      intercept { transit in
        guard transit.payload(SubmitEntry.self) != nil else {
          return try await transit.deliver(transit.request)
        }
        _ = try await transit.deliver(transit.request)
        throw ConsortiumError(.unreachable, "lost on the way")
      }
    }
  }

  @Test(
    "[attack] what a hospital has taken, and calls unsigned, is not signed anew",
    arguments: [false, true])
  func takenAndUnknown(isCompletion: Bool) async throws {
    let stage = try await Stage(isCompletion: isCompletion)
    stage.loseAnswers()
    #expect(await stage.goOn() == "unreachable")
    try await stage.rotate()
    // Without a signature, and nobody proves anything yet.
    stage.intercept { transit in
      if Self.isProof(transit) { throw ConsortiumError(.unreachable, "silent") }
      guard transit.payload(SubmitEntry.self) != nil else {
        return try await transit.deliver(transit.request)
      }
      return try transit.seal(Self.bare("unauthenticated"))
    }
    for _ in 0..<2 {
      #expect(await stage.goOn() == "unauthenticated")
      _ = try await stage.owner.followUp()
    }
    #expect(stage.sent.count == 1)
    // Where it is proven, that is no failure.
    stage.intercept { transit in
      guard transit.payload(SubmitEntry.self) != nil else {
        return try await transit.deliver(transit.request)
      }
      return try transit.seal(Self.bare("unauthenticated"))
    }
    #expect(await stage.goOn() == nil)
    stage.loseNothing()
    _ = try await stage.owner.followUp()
    #expect(stage.sent.count == 1)
    try await stage.expectDone()
  }

  @Test(
    "[attack] a hospital refuses the key of what it has taken: its next refusal, a true one, is none",
    arguments: [false, true])
  func takenAndRefused(isCompletion: Bool) async throws {
    let stage = try await Stage(isCompletion: isCompletion)
    let (test, consortium) = (stage.test, stage.consortium)
    stage.loseAnswers()
    #expect(await stage.goOn() == "unreachable")
    let first = try #require(stage.sent.first)
    try await stage.rotate()
    let key = try test.identityKey(of: Self.hospital)
    stage.intercept { transit in
      if Self.isProof(transit) { throw ConsortiumError(.unreachable, "silent") }
      guard let submit = transit.payload(SubmitEntry.self), submit.entry.digest == first else {
        return try await transit.deliver(transit.request)
      }
      let answer = SubmissionAnswer(
        genesis: consortium.genesis.digest, chain: Self.hospital, generation: 0, entry: first,
        outcome: .refused(code: "wrong-signature", position: 3))
      return try transit.answer(SubmitEntry.self, Signed(answer, by: key))
    }
    // The hospital shows its signature to whoever signs again.
    #expect(await stage.goOn() == (isCompletion ? "visit-not-open" : nil))
    #expect(stage.sent.count == 2)
    let refused = try await stage.submission()
    #expect(refused.standing.isRefusal)
    stage.loseNothing()
    _ = try await stage.owner.followUp()
    #expect(try await stage.submission().entry == first)
    try await stage.expectDone()
    #expect(stage.demanded.isEmpty)
  }

  @Test(
    "[attack] a hospital hides what it has taken until another is demanded: it counts, and once",
    arguments: [false, true])
  func takenAndHidden(isCompletion: Bool) async throws {
    let stage = try await Stage(isCompletion: isCompletion)
    let (test, consortium, owner) = (stage.test, stage.consortium, stage.owner)
    stage.intercept { transit in
      if Self.isProof(transit) { throw ConsortiumError(.unreachable, "silent") }
      guard transit.payload(SubmitEntry.self) != nil else {
        return try await transit.deliver(transit.request)
      }
      _ = try await transit.deliver(transit.request)
      throw ConsortiumError(.unreachable, "lost on the way")
    }
    #expect(await stage.goOn() == "unreachable")
    let first = try #require(stage.sent.first)
    try await stage.rotate()
    for _ in 0..<3 {
      test.pass(seconds: 1850)
      _ = try await owner.followUp()
      try await consortium.settle()
    }
    #expect(Set(stage.demanded).subtracting([first]).count == 1)
    // The answer to the demand, a true refusal, is of the second alone.
    stage.intercept { transit in
      if Self.isProof(transit) { throw ConsortiumError(.unreachable, "silent") }
      if let submit = transit.payload(SubmitEntry.self), submit.entry.digest == first {
        throw ConsortiumError(.unreachable, "lost on the way")
      }
      return try await transit.deliver(transit.request)
    }
    _ = try await owner.followUp()
    #expect(try await !stage.submission().standing.isRefusal)
    stage.loseNothing()
    _ = try await owner.followUp()
    let last = try await stage.submission()
    #expect(last.entry == first && last.swallowedBy == Self.hospital && last.demand != nil)
    try await stage.expectDone()
  }

  @Test(
    "what is demanded is demanded once, whatever key comes after, and who swallowed it is named",
    arguments: [false, true])
  func demandedBeforeRotation(isCompletion: Bool) async throws {
    let stage = try await Stage(isCompletion: isCompletion)
    let (test, consortium, owner) = (stage.test, stage.consortium, stage.owner)
    stage.lose()
    #expect(await stage.goOn() == "unreachable")
    for _ in 0..<2 {
      test.pass(seconds: 1850)
      _ = try await owner.followUp()
    }
    // The demand becomes final, and the hospital takes the entry, which it has from there alone.
    try await test.pass(seconds: 60, consortium)
    try await stage.rotate()
    stage.loseNothing()
    _ = try await owner.followUp()
    try await consortium.settle()
    _ = try await owner.followUp()
    #expect(Set(stage.demanded).count == 1 && stage.sent.count == 1)
    let last = try await stage.submission()
    #expect(last.swallowedBy == Self.hospital && last.demand != nil)
    try await stage.expectDone()
  }

  @Test(
    "[attack] a hospital swallows an entry whose key changes before its time is over: it is named")
  func swallowedOverRotation() async throws {
    let stage = try await Stage()
    let (test, consortium, owner) = (stage.test, stage.consortium, stage.owner)
    stage.lose()
    #expect(await stage.goOn() == "unreachable")
    test.pass(seconds: 1900)
    _ = try await owner.followUp()
    try await stage.rotate()
    test.pass(seconds: 1900)
    for _ in 0..<3 {
      _ = try await owner.followUp()
      try await consortium.settle()
    }
    let last = try await stage.submission()
    #expect(last.swallowedBy == Self.hospital && last.demand != nil)
    stage.loseNothing()
    try await stage.expectDone()
  }

  @Test(
    "a hospital's time goes on where an entry is signed anew, unless it has refused the former",
    arguments: [false, true])
  func timeOverRotation(isAnswered: Bool) async throws {
    let stage = try await Stage()
    let (test, consortium, owner) = (stage.test, stage.consortium, stage.owner)
    let key = try test.identityKey(of: Self.hospital)
    // It signs that it has written it, and drops it; or it is lost.
    stage.intercept { transit in
      guard let submit = transit.payload(SubmitEntry.self) else {
        return try await transit.deliver(transit.request)
      }
      if !isAnswered { throw ConsortiumError(.unreachable, "lost on the way") }
      let answer = SubmissionAnswer(
        genesis: consortium.genesis.digest, chain: Self.hospital, generation: 0,
        entry: submit.entry.digest, outcome: .written)
      return try transit.answer(SubmitEntry.self, Signed(answer, by: key))
    }
    #expect(await stage.goOn() == (isAnswered ? nil : "unreachable"))
    test.pass(seconds: 1900)
    try await stage.rotate()
    // It signs now that the key was given up. What is signed with the next one is lost.
    let first = try #require(stage.sent.first)
    stage.lose(but: [first])
    _ = try await owner.followUp()
    #expect(stage.sent.count == 2 && stage.demanded.isEmpty)
    test.pass(seconds: isAnswered ? 1900 : 3700)
    _ = try await owner.followUp()
    let second = stage.sent.subtracting([first])
    #expect(Set(stage.demanded) == (isAnswered ? second : []))
    test.pass(seconds: 1900)
    _ = try await owner.followUp()
    #expect(Set(stage.demanded) == second)
  }

  @Test(
    "what was signed anew, however often, is demanded by the name of the first, and is one line")
  func signedAnewTwice() async throws {
    let stage = try await Stage()
    let (consortium, owner) = (stage.consortium, stage.owner)
    stage.lose()
    #expect(await stage.goOn() == "unreachable")
    let first = try await stage.submission().entry
    for count in 2...3 {
      try await stage.rotate()
      // What was sent before arrives now, and is refused.
      stage.lose(but: stage.sent)
      #expect(await stage.goOn() == "unreachable")
      #expect(stage.sent.count == count)
    }
    #expect(try await stage.submission().standing == .sent)
    #expect(
      await ConsortiumError.code { _ = try await owner.demand(submission: first) } == "not-final")
    try await consortium.settle()
    let said = try await owner.demand(submission: first)
    let place = try #require(try await stage.submission().demand)
    #expect(said == .demanded(index: place))
    stage.loseNothing()
    _ = try await owner.followUp()
    try await stage.expectDone()
  }
}

extension SubmissionStanding {
  fileprivate var isRefusal: Bool { if case .refused = self { true } else { false } }
}
