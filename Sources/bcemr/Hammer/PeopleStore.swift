#if Network
  import Consortium
  import Ledger
  import Synchronization

  /// What a person who is there for a load alone remembers: it goes with the process.
  final class PeopleStore: RoleStore {
    private struct State {
      /// In ascending order of their UTF-8.
      var keys: [String] = []
      var values: [String: [UInt8]] = [:]

      /// The first place whose key is not below `key`.
      func place(of key: String) -> Int {
        var (low, high) = (0, keys.count)
        while low < high {
          let middle = (low + high) / 2
          if keys[middle].utf8.lexicographicallyPrecedes(key.utf8) {
            low = middle + 1
          } else {
            high = middle
          }
        }
        return low
      }
    }

    private let state = Mutex(State())

    func value(forKey key: String) throws(StoreError) -> [UInt8]? {
      state.withLock { $0.values[key] }
    }

    func keys(withPrefix prefix: String) throws(StoreError) -> [String] {
      state.withLock { state in
        state.keys[state.place(of: prefix)...].prefix { $0.utf8.starts(with: prefix.utf8) }
          .map(\.self)
      }
    }

    func write(_ changes: [String: [UInt8]?]) throws(StoreError) {
      try RoleStoreLimits.check(changes)
      state.withLock { state in
        for (key, value) in changes {
          let former = state.values[key]
          state.values[key] = value
          if former == nil, value != nil {
            state.keys.insert(key, at: state.place(of: key))
          } else if former != nil, value == nil {
            state.keys.remove(at: state.place(of: key))
          }
        }
      }
    }
  }
#endif
