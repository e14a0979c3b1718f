import CanonicalEncoding
import Ledger

/// Visits that are over on a chain that a cloud follows, until that is final and the records are dropped that
/// nobody can name any more. They are remembered across restarts.
struct EndedVisits: Sendable {
  let store: any RoleStore

  private static let prefix = "ended/"
  /// That records from before this was remembered were looked at.
  private static let lookedKey = "ended-looked"
  private static func prefix(_ hospital: String) -> String { "\(prefix)\(hospital)/" }

  /// Remembers visits before the leaves that end them are stored. Returns when that is durable.
  func add(_ visits: [Digest32], of hospital: String) throws {
    if visits.isEmpty { return }
    var changes: [String: [UInt8]?] = [:]
    for visit in visits { changes["\(Self.prefix(hospital))\(visit)"] = [] }
    try store.write(changes)
  }

  func remove(_ visit: Digest32, of hospital: String) throws {
    try store.write(["\(Self.prefix(hospital))\(visit)": nil])
  }

  /// In ascending order.
  func visits(of hospital: String) throws -> [Digest32] {
    let prefix = Self.prefix(hospital)
    return try store.keys(withPrefix: prefix).compactMap {
      Digest32(hex: String($0.dropFirst(prefix.count)))
    }
  }

  var hasLooked: Bool { get throws { try store.value(forKey: Self.lookedKey) != nil } }
  func noteLooked() throws { try store.write([Self.lookedKey: []]) }
}
