import CanonicalEncoding
import Consortium
import Credentials
import EMRScheme
import Ledger
import Pairings
import TestSupport
import Testing

/// A visit of one doctor that is signed, and what the doctor would store.
struct SignedVisit: Sendable {
  private typealias Curve = BLS12381

  let test: TestConsortium
  let consortium: LocalConsortium
  let plan: PlannedVisit
  let state: TestConsortium.VisitState
  let doctor: String
  private let opening: VisitOpening
  private let evidence: [UInt8]
  private let client: TestClient

  init(findings: [UInt8]? = nil) async throws {
    let test = TestConsortium(teamSize: 1)
    try await self.init(test.plan(), findings: findings, test, test.open())
  }

  init(
    _ plan: PlannedVisit, findings: [UInt8]? = nil, _ test: TestConsortium,
    _ consortium: LocalConsortium
  ) async throws {
    (self.test, self.consortium) = (test, consortium)
    var plan = plan
    if let findings { plan.findings = [findings] }
    self.plan = plan
    let visit = try await test.beginVisit(consortium, plan).context.visitID
    try await consortium.diagnose(visit, plan, position: 1)
    // Which has the hospital close a block, and the cloud confirm it.
    state = try await test.state(of: visit, consortium)
    doctor = state.context.signers[0].doctor
    opening = try #require(test.wire.requests(AssignVisit.self).last?.opening)
    evidence = try await test.presence(of: visit, to: doctor, consortium).evidence
    client = test.client(consortium, as: doctor)
  }

  var visit: Digest32 { state.context.visitID }

  /// One of the records that the doctor can make, of so many bytes.
  func record(_ seed: UInt64, byteCount: Int = 100) throws -> SealedRecord {
    var generator = SeededGenerator(seed: seed)
    let finding = Finding(
      content: generator.bytes(byteCount), attempt: 1, using: &generator)
    return try SealedRecord.seal(
      RecordPlaintext(
        context: state.context, evidence: Evidence(evidence), findings: [finding]),
      to: VerifiedVisitKey<Curve>(verifying: opening.visitKeyProof, of: state.context),
      using: &generator)
  }

  func piece(_ record: SealedRecord, _ index: Int) throws -> RecordPiece {
    let start = index * Limits.pieceByteCount
    return RecordPiece(
      head: record.head,
      piece: try Piece(
        byteCount: record.c.count, index: index,
        bytes: Array(record.c[start..<min(start + Limits.pieceByteCount, record.c.count)])))
  }

  func store(_ part: RecordPiece) async throws -> StoredPieces {
    try await client.ask(
      StoreRecord(hospital: state.context.hospital, visit: visit, part: part), of: "cloud")
  }

  func name(_ record: SealedRecord) -> RecordName {
    RecordName(
      hospital: state.context.hospital, visit: visit,
      recordDigest: record.head.recordDigest(visitKey: state.context.visitKey))
  }

  /// Completes the visit with this record, by its receipt.
  func complete(_ record: SealedRecord, _ receipt: [UInt8]) async throws {
    let signature = state.signatures[0]
    let completion = VisitCompletion(
      context: state.context, commitments: signature.commitments, signature: signature.signature,
      recordDigest: name(record).recordDigest, storageSignature: receipt)
    _ = try await client.ask(
      SubmitEntry(
        try test.entry(completion, by: doctor, place: "doctors/\(doctor)", consortium)),
      of: state.context.hospital)
  }
}
