package import CanonicalEncoding
import EMRScheme
import Ledger
import Synchronization

/// The records that a cloud has not got of visits whose chain it has taken over: somebody else has
/// signed for them. They are remembered across restarts, and asked for until they are here.
package final class WantedRecords: Sendable {
  private let store: any RoleStore
  /// By visit, the hospital.
  private let wanted: Mutex<[Digest32: String]>

  private static let prefix = "wanted/"
  private static func key(_ visit: Digest32) -> String { "\(prefix)\(visit)" }

  /// Whether a visit's record is to be asked for, by what a cloud has stored.
  package static func contain(_ visit: Digest32, in store: any RoleStore) throws -> Bool {
    try store.value(forKey: key(visit)) != nil
  }

  init(store: any RoleStore) throws {
    self.store = store
    var known: [Digest32: String] = [:]
    for key in try store.keys(withPrefix: Self.prefix) {
      if let visit = Digest32(hex: String(key.dropFirst(Self.prefix.count))),
        let hospital = try store.value(forKey: key)
      {
        known[visit] = String(decoding: hospital, as: UTF8.self)
      }
    }
    wanted = Mutex(known)
  }

  /// Remembers visits before the leaves with their completions are stored. Returns when that is durable.
  func add(_ visits: [Digest32], of hospital: String) throws {
    if visits.isEmpty { return }
    var changes: [String: [UInt8]?] = [:]
    for visit in visits { changes[Self.key(visit)] = Array(hospital.utf8) }
    try store.write(changes)
    wanted.withLock { wanted in for visit in visits { wanted[visit] = hospital } }
  }

  func remove(_ visit: Digest32) throws {
    guard wanted.withLock({ $0[visit] != nil }) else { return }
    try store.write([Self.key(visit): nil])
    wanted.withLock { $0[visit] = nil }
  }

  /// In ascending order.
  func visits(of hospital: String) -> [Digest32] {
    wanted.withLock { $0.filter { $0.value == hospital }.keys.sorted() }
  }
}
