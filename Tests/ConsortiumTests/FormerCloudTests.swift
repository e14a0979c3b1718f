import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("What a cloud keeps of a chain that it has given away")
struct FormerCloudTests {
  private static let hospital = TestConsortium.hospital
  private static let former = "cloud"

  private func code(_ work: () async throws -> Void) async -> String? {
    await ConsortiumError.code(work)
  }

  /// A visit whose record the first cloud has, with a note, and whose completion was lost on its way; then the
  /// second cloud has the chain.
  private struct Situation {
    let test = TestConsortium(teamSize: 1, epochLength: 24, window: 36_000)
    let consortium: LocalConsortium
    let context: VisitContext

    init() async throws {
      consortium = try await test.openWithTwoClouds()
      try await test.assign("cloud-2", consortium)
      let plan = test.plan()
      context = try await test.beginVisit(consortium, plan).context
      let visit = context.visitID
      try await consortium.diagnose(visit, plan, position: 1)
      try await consortium.settle()
      test.wire.lose(SubmitEntry.self)
      let lost = await ConsortiumError.code { [consortium] in
        try await consortium.complete(visit, at: FormerCloudTests.hospital)
      }
      #expect(lost != nil)
      test.wire.intercept(nil)
      _ = try await test.client(consortium, asPatientOf: context).ask(
        KeepNote(KeptNote(counter: 1, sealed: [1, 2, 3])), of: FormerCloudTests.former)
      #expect(try await test.presentCloud(consortium) == FormerCloudTests.former)
      try await test.passEpoch(consortium, mayFail: true)
      try await consortium.settle()
      #expect(try await test.presentCloud(consortium) == "cloud-2")
      #expect(try await records() == [visit])
      #expect(try notes().count == 1)
    }

    func records() async throws -> [Digest32] {
      try await test.storage.recordStore(FormerCloudTests.former).visits()
    }

    func notes() throws -> [String] {
      try test.storage.roleStore(FormerCloudTests.former).keys(withPrefix: "note/")
    }

    /// The visit is completed after all: the former cloud's receipt counts no more, and the last doctor gives the
    /// present one the same record.
    func complete() async throws {
      let (visit, hospital) = (context.visitID, FormerCloudTests.hospital)
      let refused = await ConsortiumError.code { [consortium] in
        try await consortium.complete(visit, at: hospital)
      }
      #expect(refused == "wrong-storage-receipt")
      try await consortium.complete(visit, at: hospital)
    }

    func abandon(_ visit: Digest32) async throws {
      try await #require(consortium.hospitals[FormerCloudTests.hospital])
        .abandon(visit, .interrupted)
    }
  }

  @Test(
    "[attack] a visit is abandoned when its chain has another cloud: the former one's record goes",
    arguments: [false, true])
  func abandoned(isHospitalSilent: Bool) async throws {
    let situation = try await Situation()
    let (test, consortium) = (situation.test, situation.consortium)
    let visit = situation.context.visitID
    // One of the two is enough to prove it.
    let silent = isHospitalSilent ? Self.hospital : "cloud-2"
    test.wire.lose { $0.recipient == silent && $0.payload(ProveVisit.self) != nil }
    try await situation.abandon(visit)
    for _ in 0..<4 { try await test.pass(seconds: 100, consortium) }
    #expect(try await situation.records() == [])
    #expect(try situation.notes() == [])
    // It asks no more.
    func asked() -> Int {
      test.wire.passages.count { $0.kind == ProveVisit.name && $0.sender == Self.former }
    }
    let count = asked()
    for _ in 0..<4 { try await test.pass(seconds: 100, consortium) }
    #expect(count > 0 && asked() == count)
  }

  @Test("[attack] it is said that a visit is over that is not: the former cloud keeps its record")
  func falseEnd() async throws {
    let situation = try await Situation()
    let (test, consortium) = (situation.test, situation.consortium)
    let visit = situation.context.visitID
    // Another visit of which the former cloud may know was abandoned, and that is final.
    let invented = try test.entry(
      VisitAbandonment(visit: visit, reason: .interrupted), by: Self.hospital, consortium)
    let other = try await test.beginVisit(consortium, test.plan("encounter-2")).context.visitID
    try await situation.abandon(other)
    for _ in 0..<4 { try await test.pass(seconds: 100, consortium) }
    let patient = try test.client(
      consortium, asPatientOf: try await test.state(of: other, consortium).context)
    let proof = try await patient.ask(
      ProveVisit(.ending, hospital: Self.hospital, visit: other, consent: nil, knownSize: 0),
      of: "cloud-2")
    var forged = proof
    forged.hospital?.leaf = Leaf.item(invented).encoded()
    var elsewhere = proof
    elsewhere.hospital = proof.consortium
    let lied = Capture<Int>()
    for lie in [proof, forged, elsewhere] {
      lied.value = 0
      test.wire.intercept { transit in
        guard transit.payload(ProveVisit.self) != nil, transit.author == .party(Self.former) else {
          return try await transit.deliver(transit.request)
        }
        lied.change { $0 = ($0 ?? 0) + 1 }
        return try transit.answer(ProveVisit.self, lie)
      }
      for _ in 0..<2 { try await test.pass(seconds: 100, consortium) }
      #expect(try #require(lied.value) > 0)
      #expect(try await situation.records() == [visit])
    }
    test.wire.intercept(nil)
    try await situation.complete()
    for _ in 0..<4 { try await test.pass(seconds: 100, consortium) }
    #expect(try await test.storage.recordStore("cloud-2").visits() == [visit])
    #expect(try await situation.records() == [visit])
    #expect(try await consortium.collect(visit, test.plan()).record != nil)
  }

  @Test("the record that a completion names stays where it was stored, and others there go")
  func completedElsewhere() async throws {
    let situation = try await Situation()
    let (test, consortium) = (situation.test, situation.consortium)
    let visit = situation.context.visitID
    let store = test.storage.recordStore(Self.former)
    let named = try #require(try await store.record(ofVisit: visit))
    let other = RecordName(hospital: Self.hospital, visit: visit, recordDigest: .zero)
    let row = try #require(try await store.row(0, of: named))
    try await store.put([0: row], of: other)
    try await situation.complete()
    for _ in 0..<4 { try await test.pass(seconds: 100, consortium) }
    #expect(try await store.records() == [named])
    // The present cloud has lost it, and is given it.
    let present = test.storage.recordStore("cloud-2")
    try await present.remove(try #require(try await present.record(ofVisit: visit)))
    #expect(try await consortium.collect(visit, test.plan()).record != nil)
  }

  @Test("[attack] a cloud asks how visits ended whose chain it did not have then")
  func strangeClouds() async throws {
    let situation = try await Situation()
    let (test, consortium) = (situation.test, situation.consortium)
    func ask(
      _ subject: ProveVisit.Subject, _ visit: Digest32, at hospital: String = Self.hospital,
      by cloud: String
    ) async -> String? {
      await code {
        _ = try await test.client(consortium, as: cloud).ask(
          ProveVisit(subject, hospital: hospital, visit: visit, consent: nil, knownSize: 0),
          of: hospital)
      }
    }
    let later = try await consortium.hold(test.plan("encounter-2")).visit
    let elsewhere = try await consortium.hold(test.plan("encounter-3", hospital: "hospital-2"))
      .visit
    try await situation.abandon(situation.context.visitID)
    for _ in 0..<3 { try await test.pass(seconds: 100, consortium) }
    #expect(await ask(.ending, situation.context.visitID, by: Self.former) == nil)
    #expect(await ask(.ending, later, by: "cloud-2") == nil)
    #expect(await ask(.ending, later, by: Self.former) == "not-entitled")
    #expect(await ask(.completion, later, by: "cloud-2") == "not-entitled")
    #expect(await ask(.ending, elsewhere, at: "hospital-2", by: "cloud-2") == "not-entitled")
  }

  @Test(
    "[attack] a former cloud shows what was the newest and takes notes: the present one has them")
  func notesOfFrozen() async throws {
    let test = TestConsortium(teamSize: 1, epochLength: 24)
    let consortium = try await test.openWithTwoClouds()
    _ = try await consortium.hold(test.plan())
    let patient = try #require(await consortium.patients[TestConsortium.patient])
    let note = try #require(test.wire.requests(KeepNote.self).last?.note)
    for _ in 0..<2 { _ = try await patient.client.currentMembers(shownBy: Self.former) }
    let kept = try #require(
      test.wire.passages.last {
        $0.kind == Prove.name && $0.recipient == Self.former && $0.sender == "patient"
      })
    try await test.assign("cloud-2", consortium)
    try await test.passEpoch(consortium, mayFail: true)
    try await consortium.settle()
    #expect(try await test.presentCloud(consortium) == "cloud-2")
    func notes() throws -> Int {
      try test.storage.roleStore("cloud-2").keys(withPrefix: "note/").count
    }
    #expect(try notes() == 0)
    test.wire.intercept { transit in
      guard transit.recipient == Self.former, transit.sender == "patient" else {
        return try await transit.deliver(transit.request)
      }
      if transit.payload(Prove.self) != nil { return try transit.seal(kept.answer) }
      if transit.payload(KeepNote.self) != nil { return try transit.answer(KeepNote.self, Done()) }
      if transit.payload(FetchNote.self) != nil {
        return try transit.answer(FetchNote.self, FetchedNote(status: .complete, note: note))
      }
      return try await transit.deliver(transit.request)
    }
    try await patient.keepNotes()
    #expect(try notes() == 1)
  }
}
