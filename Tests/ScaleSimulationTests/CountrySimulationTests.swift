import Consortium
import Ledger
import ScaleSimulation
import Synchronization
import TestSupport
import Testing

@Suite("A country's consortium chain")
struct CountrySimulationTests {
  /// Stores in memory that count what they hold.
  private final class CountedStores: SimulationStores {
    private let stores = Mutex<[String: CountedStore]>([:])

    func state(of party: String) throws -> any StateStore { store(party) }
    func roles(of party: String) throws -> any RoleStore { MemoryRoleStore() }
    func byteCount(of party: String) throws -> Int { store(party).byteCount }

    private func store(_ party: String) -> CountedStore {
      stores.withLock { stores in
        let store = stores[party] ?? CountedStore()
        stores[party] = store
        return store
      }
    }
  }

  private final class CountedStore: StateStore {
    private let values = Mutex<[[UInt8]: [UInt8]]>([:])

    var byteCount: Int {
      values.withLock { $0.reduce(0) { $0 + $1.key.count + $1.value.count } }
    }

    func value(forKey key: [UInt8]) throws(StoreError) -> [UInt8]? { values.withLock { $0[key] } }

    func commit(_ changes: [[UInt8]: [UInt8]?]) throws(StoreError) {
      values.withLock { values in
        for (key, value) in changes { values[key] = value }
      }
    }
  }

  private func load(_ country: Country, intervals: Int) throws -> ObservedLoad {
    var simulation = try CountrySimulation(country, stores: CountedStores())
    return try simulation.run(intervals: intervals)
  }

  private func expect(_ seen: Double, near predicted: Double, within part: Double) {
    #expect(abs(seen - predicted) <= part * predicted, "\(seen), predicted \(predicted)")
  }

  @Test(
    "carries the load that the account on paper says, with few visits and with many",
    arguments: [100.0, 1000, 20_000])
  func prediction(visits: Double) throws {
    let load = try load(
      Country(
        hospitals: 20, clouds: 2, delegates: 4, visitsPerHospitalAndDay: visits,
        chainLength: 1000, registrationsPerDay: 0, rotationsPerDay: 0, demandsPerDay: 0,
        votes: false),
      intervals: 12)
    #expect(load.refused.isEmpty)
    #expect(load.blocks == 12)
    expect(load.anchorsPerBlock, near: load.predicted.anchorsPerBlock, within: 0.2)
    expect(load.entriesPerBlock, near: load.predicted.entriesPerBlock, within: 0.2)
    expect(load.bytesPerBlock, near: load.predicted.bytesPerBlock, within: 0.2)
    expect(load.storedBytesPerBlock, near: load.predicted.storedBytesPerBlock, within: 0.3)
  }

  @Test("anchors between one a block and one in half of maxLag, however many visits there are")
  func bounds() {
    var country = Country(visitsPerHospitalAndDay: 0)
    #expect(abs(PredictedLoad.anchorsPerBlock(country) - 1 / 6) < 1e-9)
    country.visitsPerHospitalAndDay = 1e9
    #expect(abs(PredictedLoad.anchorsPerBlock(country) - 1) < 1e-9)
  }

  @Test("elects, and decides a motion by the votes of two thirds, while hospitals anchor")
  func votes() throws {
    let load = try load(
      Country(
        hospitals: 20, clouds: 2, delegates: 4, chainLength: 1000, epochLength: 4,
        registrationsPerDay: 10_000, rotationsPerDay: 10_000, demandsPerDay: 20_000),
      intervals: 12)
    #expect(load.refused.isEmpty)
    // 20 approvals, the motion, and votes until it has passed.
    let others = load.entries - load.anchors - load.blocks
    #expect(others >= 20 + 14)
  }
}
