import CanonicalEncoding
import Consortium
import SQLiteBackend

/// What one visit of the whole system sends and stores, on BLS12-381: from admission to the patient's
/// receipt, and shared with a doctor of another hospital.
struct VisitTraffic: Encodable {
  /// Bytes of requests and replies, each with the one who sent it.
  struct Share: Encodable {
    let phase: String
    let sender: String
    let bytes: Int
  }

  /// n.
  let team: Int
  let sent: [Share]
  /// Blocks of the hospital's chain, in bytes.
  let onHospitalChain: Int
  /// Blocks of the consortium chain, in bytes.
  let onConsortiumChain: Int
  /// The sealed record, in bytes.
  let atCloud: Int

  var sentBytes: Int { sent.reduce(0) { $0 + $1.bytes } }
}

extension VisitTraffic {
  /// Holds a visit of a team of n and shares it, after another one: the patient knows the team by then.
  static func measure(team: Int) async throws -> VisitTraffic {
    try await TemporaryItems.folder { folder in
      let round = try await LedgerRound(folder, hospitals: 3, team: team)
      do {
        return try await measure(round, team: team, in: folder)
      } catch {
        throw await round.consortium.cause(of: error)
      }
    }
  }

  private static func measure(
    _ round: LedgerRound, team: Int, in folder: DataFolder
  ) async throws -> VisitTraffic {
    let consortium = round.consortium
    _ = try await consortium.hold(round.plan(hospital: 1, number: 0))
    let before = (consortium.meter.readings, try await ChainSizes(consortium))
    let visit = try await consortium.hold(round.plan(hospital: 1, number: 1)).visit
    let doctor = "hospital-2-doctor-1"
    let request = try await consortium.requestAccess(
      doctor: doctor, patient: LedgerRound.patient, purpose: "treatment")
    let consent = try await consortium.consent(
      patient: LedgerRound.patient, to: request, visit: visit,
      expiresAt: await consortium.ledgerTime() + 3600)
    try await consortium.settle()
    _ = try await consortium.openRecord(doctor: doctor, consent: consent)
    let after = (consortium.meter.readings, try await ChainSizes(consortium))
    let shares = Phase.allCases.flatMap { phase in
      RoleKind.allCases.map { sender in
        Share(
          phase: phase.rawValue, sender: sender.rawValue,
          bytes: after.0.bytes(in: phase, sentBy: sender)
            - before.0.bytes(in: phase, sentBy: sender))
      }
    }
    return VisitTraffic(
      team: team, sent: shares.filter { $0.bytes > 0 },
      onHospitalChain: after.1.hospitalBytes - before.1.hospitalBytes,
      onConsortiumChain: after.1.consortiumBytes - before.1.consortiumBytes,
      atCloud: try await Self.byteCount(of: visit, in: folder.recordStore("cloud")))
  }

  /// Of all that a cloud keeps of a visit's record.
  private static func byteCount(of visit: Digest32, in store: any RecordStore) async throws -> Int {
    var byteCount = 0
    for record in try await store.records() where record.visit == visit {
      for row in 0..<(try await store.rowCount(of: record)) {
        byteCount += try await store.row(row, of: record)?.count ?? 0
      }
    }
    return byteCount
  }
}
