import CanonicalEncoding
import Consortium
import Ledger
import SQLiteBackend

/// What a round of visits, whose blocks become final together, puts on the two kinds of chain, and what
/// it costs those who confirm it: F2 to F5 of Table 1.
struct LedgerLoad: Encodable {
  let hospitals: Int
  /// In the round, of all hospitals together.
  let visits: Int
  let consortiumBlocks: Int
  let consortiumBytes: Int
  /// On all hospitals' chains.
  let hospitalBlocks: Int
  let hospitalBytes: Int
  /// What the supernodes worked until everything was final.
  let supernodeMs: Double
}

extension LedgerLoad {
  /// - Parameter visits: of each hospital.
  static func measure(hospitals: Int, visits: Int) async throws -> LedgerLoad {
    try await TemporaryItems.folder { folder in
      let round = try await LedgerRound(folder, hospitals: hospitals, team: 3)
      do {
        return try await measure(round, hospitals: hospitals, visits: visits)
      } catch {
        throw await round.consortium.cause(of: error)
      }
    }
  }

  private static func measure(
    _ round: LedgerRound, hospitals: Int, visits: Int
  ) async throws -> LedgerLoad {
    let consortium = round.consortium
    let before = try await ChainSizes(consortium)
    for hospital in 1...hospitals {
      for number in 0..<visits {
        _ = try await consortium.conduct(round.plan(hospital: hospital, number: number))
      }
    }
    let start = MonotoneTime.nanoseconds()
    try await consortium.settle()
    let elapsed = MonotoneTime.nanoseconds() - start
    let after = try await ChainSizes(consortium)
    return LedgerLoad(
      hospitals: hospitals, visits: hospitals * visits,
      consortiumBlocks: after.consortiumBlocks - before.consortiumBlocks,
      consortiumBytes: after.consortiumBytes - before.consortiumBytes,
      hospitalBlocks: after.hospitalBlocks - before.hospitalBlocks,
      hospitalBytes: after.hospitalBytes - before.hospitalBytes,
      supernodeMs: Double(elapsed) / 1e6)
  }
}

/// A consortium of its own for one measurement.
struct LedgerRound {
  static let patient = "patient-1"

  let consortium: LocalConsortium
  private let team: Int

  init(_ folder: DataFolder, hospitals: Int, team: Int) async throws {
    var configuration = LocalConsortium.Configuration(teamSize: team)
    configuration.hospitals = hospitals
    // A clock that stands still: no empty block is counted among those of the visits.
    let time = LedgerTime.now()
    consortium = try await LocalConsortium.open(
      storage: folder, configuration: configuration,
      environment: .init(clock: { time }, nanoseconds: MonotoneTime.nanoseconds))
    self.team = team
    try await consortium.addPatient(contact: Self.patient, identity: Self.patient)
  }

  func plan(hospital: Int, number: Int) -> PlannedVisit {
    PlannedVisit(
      patient: Self.patient, hospital: "hospital-\(hospital)", encounter: "\(number)",
      findings: (1...team).map { Array("finding \($0)".utf8) })
  }
}

/// The blocks of both kinds of chain, as an export has them.
struct ChainSizes {
  let consortiumBlocks: Int
  let consortiumBytes: Int
  let hospitalBlocks: Int
  let hospitalBytes: Int

  init(_ consortium: LocalConsortium) async throws {
    var (count, bytes) = ([0, 0], [0, 0])
    for log in try await consortium.exportedLogs() {
      let kind = log.chain == ChainName.consortium ? 0 : 1
      var position: UInt64 = 0
      while position < log.size {
        let leaves = try log.leaves(position, .max, 1 << 20)
        if leaves.isEmpty { break }
        count[kind] += leaves.count(where: Leaf.isHeader)
        bytes[kind] += leaves.reduce(0) { $0 + $1.count }
        position += UInt64(leaves.count)
      }
    }
    (consortiumBlocks, consortiumBytes) = (count[0], bytes[0])
    (hospitalBlocks, hospitalBytes) = (count[1], bytes[1])
  }
}
