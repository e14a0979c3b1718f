import CanonicalEncoding
import Consortium
import EMRScheme
import Ledger
import Testing

/// One visit and its sharing, by honest people alone, from admission to the access log.
struct HonestStory {
  struct Outcome {
    let visit: Digest32
    /// What the doctor who was consented to has read.
    let findings: [[UInt8]]
    let events: [AccessRecord.Event]
    /// What stands on the hospital's chain, but for where its blocks end.
    let entries: [ObjectKind]
  }

  let test: TestConsortium
  /// Called between two steps that need no message: what happens meanwhile.
  let meanwhile: @Sendable (_ step: String) async throws -> Void

  init(
    _ test: TestConsortium, meanwhile: @escaping @Sendable (String) async throws -> Void = { _ in }
  ) {
    (self.test, self.meanwhile) = (test, meanwhile)
  }

  /// A doctor more than a team has, who is on none.
  static let colleague = "hospital-1-doctor-3"

  static func consortium() -> TestConsortium { TestConsortium(teamSize: 2, doctors: 3) }

  /// - Parameter opened: called with the consortium before anything is asked.
  func run(
    opened: (LocalConsortium) async throws -> Void = { _ in }
  ) async throws -> Outcome {
    let consortium = try await test.open()
    try await opened(consortium)
    try await meanwhile("before admission")
    let plan = test.plan()
    let visit = try await consortium.open(plan).visit
    try await meanwhile("admission")
    try await consortium.agreeOnGroupKey(visit, at: plan.hospital)
    try await meanwhile("group key")
    let team = try await test.state(of: visit, consortium).context.signers.map(\.doctor)
    #expect(!team.contains(Self.colleague) && !team.contains(TestConsortium.reader))
    for position in 1...2 {
      try await consortium.diagnose(visit, plan, position: position)
      try await meanwhile("signature \(position)")
    }
    let last = try #require(await consortium.doctors[team[1]])
    try await last.sealRecord(visit)
    try await meanwhile("sealing")
    try await consortium.complete(visit, at: plan.hospital)
    try await meanwhile("completion")
    let record = try await consortium.collect(visit, plan)
    #expect(record.record?.findings.map(\.content) == plan.findings)
    try await meanwhile("collection")
    let findings = try await share(visit, consortium)
    try await consortium.settle()
    let events = try await consortium.accessLog(patient: plan.patient, visit: visit).records.map(
      \.event)
    try await meanwhile("access log")
    try await requireEnd(visit, consortium)
    let entries = try await test.storage.chainLog(plan.hospital).contents().compactMap {
      Leaf.entry(in: $0)?.content.body.kind
    }
    return Outcome(
      visit: visit, findings: findings, events: events,
      entries: entries.filter { $0 != .baseAdvance })
  }

  private func share(
    _ visit: Digest32, _ consortium: LocalConsortium
  ) async throws -> [[UInt8]] {
    let reader = TestConsortium.reader
    let request = try await consortium.requestAccess(
      doctor: reader, patient: TestConsortium.patient, purpose: "second opinion")
    try await meanwhile("access request")
    let consent = try await consortium.consent(
      patient: TestConsortium.patient, to: request, visit: visit,
      expiresAt: await consortium.ledgerTime() + 36_000)
    try await meanwhile("consent")
    try await consortium.settle()
    try await meanwhile("final consent")
    let opened = try await consortium.openRecord(doctor: reader, consent: consent)
    try await meanwhile("re-encryption")
    #expect(
      await ConsortiumError.code {
        _ = try await consortium.openRecord(doctor: reader, consent: consent)
      } == "reused")
    try await consortium.revoke(patient: TestConsortium.patient, consent: consent)
    try await meanwhile("revocation")
    return opened.findings.map(\.content)
  }

  /// That nobody's chain holds anything else, and everybody works.
  private func requireEnd(_ visit: Digest32, _ consortium: LocalConsortium) async throws {
    let report = try await test.verify(consortium)
    #expect(report.chains.allSatisfy { $0.fault == nil && $0.finalLeaves == $0.leaves })
    #expect(report.chains.dropFirst().map(\.visits.complete) == [1, 0, 0])
    #expect(report.chains.dropFirst().map(\.visits.acknowledged) == [1, 0, 0])
    for node in [consortium.cloud.node] + consortium.hospitals.values.map(\.node) {
      #expect(await node.contradictions.isEmpty)
    }
    #expect(try await test.state(of: visit, consortium).status == .complete)
  }
}
