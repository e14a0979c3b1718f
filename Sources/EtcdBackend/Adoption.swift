public import Consortium
public import Ledger
import Synchronization

/// How what one machine has kept by itself becomes what several share. All of it may be done again, until the keys,
/// which come last, say that it is done.
extension SharedRoleStore {
  /// That a store on this machine is no copy of what machines share somewhere else: both would go on by themselves.
  /// To be asked before anything is adopted.
  ///
  /// - Throws: ``StoreError`` `corrupted` for the copy of another store, or of a newer one.
  public static func requireNoOthersCopy(
    _ local: any RoleStore, _ engine: SharedEngine, _ name: String
  ) async throws(StoreError) {
    // What was written by itself alone has seen nothing of etcd.
    guard try isCopy(local) else { return }
    try await RoleCopy(engine, name, local).requireNotOlder()
  }

  /// Writes all that a store holds to what is shared, and makes it a copy of that.
  ///
  /// - Throws: ``StoreError``
  public static func adopt(
    _ local: any RoleStore, _ engine: SharedEngine, _ name: String, tenure: Tenure
  ) throws(StoreError) {
    let present = PresentKeys()
    let shared = try SharedRoleStore(engine, name, tenure: tenure, copy: present)
    let own = try local.keys(withPrefix: "").filter { $0 != RoleCopy.revisionKey }
    var (changes, byteCount): ([String: [UInt8]?], Int) = ([:], 0)
    for key in Set(try shared.keys(withPrefix: "")).subtracting(own) {
      changes.updateValue(nil, forKey: key)
    }
    for key in own {
      let value = try local.value(forKey: key)
      changes.updateValue(value, forKey: key)
      byteCount += value?.count ?? 0
      if changes.count >= 64 || byteCount > EtcdClient.byteLimit / 2 {
        try shared.write(changes)
        (changes, byteCount) = ([:], 0)
      }
    }
    try shared.write(changes)
    guard let revision = try present.value(forKey: RoleCopy.revisionKey) else {
      throw StoreError(.unavailable, "\(name) was not shared")
    }
    try local.write([RoleCopy.revisionKey: revision])
  }
}

extension SharedChainLog {
  /// Appends what a log holds, behind what was appended of it before.
  ///
  /// - Returns: how many leaves there are.
  /// - Throws: ``StoreError``; `conflict` if what is shared is another chain.
  public func adopt(_ own: any ChainLog) async throws(StoreError) -> UInt64 {
    let (end, shared) = (try await own.size(), try await size())
    guard shared <= end else {
      throw StoreError(.conflict, "what is shared has \(shared) leaves, this folder \(end)")
    }
    var position: UInt64 = 0
    while position < end {
      let leaves = try await own.leaves(
        from: position, limit: Int(clamping: (position < shared ? shared : end) - position),
        byteCount: 1 << 20)
      guard !leaves.isEmpty else { break }
      if position < shared {
        let known = try await self.leaves(from: position, limit: leaves.count, byteCount: .max)
        guard known == leaves else {
          throw StoreError(.conflict, "what is shared is another chain, from leaf \(position) on")
        }
      } else {
        try await append(leaves, at: position)
      }
      position += UInt64(leaves.count)
    }
    return end
  }
}

/// Which keys there are, without their values.
private final class PresentKeys: RoleStore {
  private let values = Mutex<[String: [UInt8]]>([:])

  func value(forKey key: String) throws(StoreError) -> [UInt8]? { values.withLock { $0[key] } }

  func keys(withPrefix prefix: String) throws(StoreError) -> [String] {
    values.withLock { $0.keys.filter { $0.utf8.starts(with: prefix.utf8) } }
  }

  func write(_ changes: [String: [UInt8]?]) throws(StoreError) {
    values.withLock { values in
      for (key, value) in changes {
        values[key] = key == RoleCopy.revisionKey ? value : value.map { _ in [] }
      }
    }
  }
}
