package import CanonicalEncoding
import EMRScheme
import Ledger
import Synchronization

/// The records that a cloud has not got of visits whose chain it has taken over: somebody else has
/// signed for them. They are remembered across restarts, and asked for until they are here.
package final class WantedRecords: Sendable {
  private let store: any RoleStore
  /// By hospital.
  private let wanted: Mutex<[String: Set<Digest32>]>

  private static let prefix = "wanted/"
  private static func key(_ visit: Digest32, _ hospital: String) -> String {
    "\(prefix)\(hospital)/\(visit)"
  }

  /// Whether a visit's record is to be asked for, by what a cloud has stored.
  package static func contain(
    _ visit: Digest32, of hospital: String, in store: any RoleStore
  ) throws -> Bool {
    try store.value(forKey: key(visit, hospital)) != nil
  }

  package init(store: any RoleStore) throws {
    self.store = store
    var known: [String: Set<Digest32>] = [:]
    for key in try store.keys(withPrefix: Self.prefix) {
      let parts = key.dropFirst(Self.prefix.count).split(separator: "/")
      if let hospital = parts.first, let visit = parts.last.flatMap({ Digest32(hex: String($0)) }) {
        known[String(hospital), default: []].insert(visit)
      }
    }
    wanted = Mutex(known)
  }

  /// Remembers visits before the leaves with their completions are stored. Returns when that is durable.
  package func add(_ visits: [Digest32], of hospital: String) throws {
    if visits.isEmpty { return }
    var changes: [String: [UInt8]?] = [:]
    for visit in visits { changes[Self.key(visit, hospital)] = [] }
    try store.write(changes)
    wanted.withLock { $0[hospital, default: []].formUnion(visits) }
  }

  package func remove(_ visit: Digest32, of hospital: String) throws {
    guard wanted.withLock({ $0[hospital]?.contains(visit) == true }) else { return }
    try store.write([Self.key(visit, hospital): nil])
    _ = wanted.withLock { $0[hospital]?.remove(visit) }
  }

  /// In ascending order.
  package func visits(of hospital: String) -> [Digest32] {
    wanted.withLock { $0[hospital]?.sorted() ?? [] }
  }
}
