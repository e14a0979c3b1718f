import CanonicalEncoding
public import Consortium
import Foundation
public import Ledger
import Synchronization

/// What one role remembers, shared by the machines of its hospital: in etcd, sealed, with a copy on the disk of this
/// machine from which it is read.
///
/// A write is one transaction of etcd, and done when that is; the copy follows. What is too large for one
/// transaction is put into S3 whole, sealed, before a transaction names it; then its changes are made one part
/// after the other, by whoever opens the store next if this machine does not get to it. Long values lie in S3 too.
///
/// Writing blocks the calling thread while threads of the engine ask etcd: the protocol has no `async`, and roles
/// go on only when what they have written is safe.
public final class SharedRoleStore: RoleStore {
  private let copy: RoleCopy
  private let tenure: Tenure
  private let state: Mutex<State>

  private struct State {
    var place = RoleCopy.Place()
    /// Whether the copy may be behind what is shared.
    var isStale = true
  }

  /// Opens the store, with all that others have written.
  ///
  /// - Parameters:
  ///   - name: of the store, as `hospital-1/state`.
  ///   - local: the copy, for this store alone.
  /// - Throws: ``StoreError``; `corrupted` if etcd is older than the copy.
  public convenience init(
    _ engine: SharedEngine, _ name: String, tenure: Tenure, copy local: any RoleStore
  ) throws(StoreError) {
    try self.init(RoleCopy(engine, name, local), tenure)
  }

  /// Whether a store on this machine is a copy of a shared one.
  public static func isCopy(_ local: any RoleStore) throws(StoreError) -> Bool {
    try local.value(forKey: RoleCopy.revisionKey) != nil
  }

  private init(_ copy: RoleCopy, _ tenure: Tenure) throws(StoreError) {
    (self.copy, self.tenure) = (copy, tenure)
    state = Mutex(State())
    try state.withLock { (state) throws(StoreError) in try refresh(&state) }
  }

  public func value(forKey key: String) throws(StoreError) -> [UInt8]? {
    try requireFresh()
    return key == RoleCopy.revisionKey ? nil : try copy.local.value(forKey: key)
  }

  public func keys(withPrefix prefix: String) throws(StoreError) -> [String] {
    try requireFresh()
    return try copy.local.keys(withPrefix: prefix).filter { $0 != RoleCopy.revisionKey }
  }

  public func write(_ changes: [String: [UInt8]?]) throws(StoreError) {
    try RoleStoreLimits.check(changes)
    if changes[RoleCopy.revisionKey] != nil {
      throw StoreError(.conflict, "no value has this name: \(RoleCopy.revisionKey)")
    }
    if changes.isEmpty { return }
    try state.withLock { (state) throws(StoreError) in
      var count = 0
      while true {
        do throws(StoreError) {
          return try write(changes, &state)
        } catch {
          // Another opening of this machine has moved the head.
          count += 1
          guard error.code == .conflict, count < 4 else { throw error }
        }
      }
    }
  }

  private func write(_ changes: [String: [UInt8]?], _ state: inout State) throws(StoreError) {
    if state.isStale { try refresh(&state) }
    let (copy, tenure, place) = (copy, tenure, state.place)
    let sorted = changes.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    let result: (head: Int64, isWhole: Bool)
    do throws(StoreError) {
      result = try blocking { () async throws(StoreError) in
        try await copy.commit(sorted, from: place, tenure)
      }
    } catch {
      // The head may have moved, by this write or by a former one.
      if ![.unavailable, .full].contains(error.code) { state.isStale = true }
      throw error
    }
    state.place.revision = result.head
    guard result.isWhole else {
      state.isStale = true
      do throws(StoreError) {
        return try refresh(&state)
      } catch {
        throw error.code == .deposed
          ? error : StoreError(.outcomeUnknown, "stored, not made whole yet: \(error.message)")
      }
    }
    do throws(StoreError) {
      try copy.keep(changes, place.identity, at: result.head)
    } catch {
      state.isStale = true
      throw StoreError(.outcomeUnknown, "stored in etcd, not in the copy: \(error.message)")
    }
  }

  private func requireFresh() throws(StoreError) {
    try state.withLock { (state) throws(StoreError) in
      if state.isStale { try refresh(&state) }
    }
  }

  /// Makes sure that nothing of ours is still under way, completes what was begun, and brings the copy up to date.
  private func refresh(_ state: inout State) throws(StoreError) {
    let (copy, tenure) = (copy, tenure)
    state.place = try blocking { () async throws(StoreError) in
      try await copy.requireNotOlder()
      let place = try await copy.completeBatch(from: copy.settle(tenure), tenure)
      try await copy.synchronize()
      return place
    }
    state.isStale = false
  }
}

/// Keeps the copies of a machine that does not write up to date, so that it can take over soon.
public struct RoleStoreFollower: Sendable {
  private let copy: RoleCopy

  /// - Parameters: as of ``SharedRoleStore``.
  public init(_ engine: SharedEngine, _ name: String, copy local: any RoleStore) {
    copy = RoleCopy(engine, name, local)
  }

  /// Takes what was written since.
  ///
  /// - Throws: ``StoreError``; `corrupted` if etcd is older than the copy.
  public func follow() async throws(StoreError) { try await copy.synchronize() }
}
