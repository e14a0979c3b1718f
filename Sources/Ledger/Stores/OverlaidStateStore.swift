import Synchronization

/// A store that is read and never written: what is committed lies above it in memory, and goes with
/// this object. So a chain can be opened, with all that opening does, where nothing may change.
package final class OverlaidStateStore: StateStore {
  private let store: any StateStore
  private let changes = Mutex<[[UInt8]: [UInt8]?]>([:])

  package init(over store: any StateStore) { self.store = store }

  package func value(forKey key: [UInt8]) throws(StoreError) -> [UInt8]? {
    if let changed = changes.withLock({ $0[key] }) { return changed }
    return try store.value(forKey: key)
  }

  package func commit(_ changes: [[UInt8]: [UInt8]?]) throws(StoreError) {
    self.changes.withLock { $0.merge(changes) { $1 } }
  }
}
