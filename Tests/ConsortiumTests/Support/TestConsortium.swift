import CanonicalEncoding
import Consortium
import Ledger
import Synchronization
import TestSupport

/// A consortium on memory, with a clock that the test moves and randomness from seeds.
final class TestConsortium: Sendable {
  let storage = MemoryStorage()
  let now: Mutex<UInt64>
  private let teamSize: Int
  private let interpose: @Sendable (any Courier) -> any Courier
  private let openings = Mutex<UInt64>(0)

  static let start: UInt64 = 1_790_000_000
  static let patient = "patient-a"
  static let identity = "Ada Quimby, 1980-02-29"

  init(
    teamSize: Int = 3, interpose: @escaping @Sendable (any Courier) -> any Courier = { $0 }
  ) {
    self.teamSize = teamSize
    self.interpose = interpose
    now = Mutex(Self.start)
  }

  /// Founds the consortium, or starts all roles again from their stores.
  func open() async throws -> LocalConsortium {
    let opening = openings.withLock { count in
      count += 1
      return count
    }
    var environment = LocalConsortium.Environment(
      clock: { self.now.withLock { $0 } }, nanoseconds: { 0 },
      randomness: { role in
        // Another stream after every start, as from a real generator.
        SeededGenerator(seed: role.utf8.reduce(opening) { ($0 &* 1_099_511_628_211) ^ UInt64($1) })
      })
    environment.interpose = interpose
    let consortium = try await LocalConsortium.open(
      storage: storage, configuration: .init(teamSize: teamSize), environment: environment)
    try await consortium.addPatient(contact: Self.patient, identity: Self.identity)
    return consortium
  }

  func pass(seconds: UInt64) { now.withLock { $0 += seconds } }

  func plan(
    _ encounter: String = "encounter-1", hospital: String = "hospital-1",
    signingTwice: Set<Int> = []
  ) -> PlannedVisit {
    PlannedVisit(
      patient: Self.patient, hospital: hospital, encounter: encounter,
      findings: (1...teamSize).map { finding(encounter, $0) }, signingTwice: signingTwice)
  }

  func finding(_ encounter: String, _ position: Int) -> [UInt8] {
    Array("{\"finding\":\"secret-\(encounter)-of-doctor-\(position)\"}".utf8)
  }
}
