import CanonicalEncoding
package import Consortium
package import Ledger

/// A property that every implementation of a store has, named by its equation.
package struct StoreLaw<Store: Sendable>: Sendable, CustomStringConvertible {
  package let description: String
  private let holds:
    @Sendable (_ open: @Sendable () throws -> Store, inout SeededGenerator) async throws -> Bool

  init(
    _ equation: String,
    holds:
      @escaping @Sendable (
        _ open: @Sendable () throws -> Store, inout SeededGenerator
      ) async throws -> Bool
  ) {
    description = equation
    self.holds = holds
  }

  /// The first seed for which the law fails, of 0, 1, 2, …, each in an empty store of its own.
  package func counterexample(
    in backend: StoreBackend<Store>, samples: UInt64 = 4
  ) async throws -> UInt64? {
    for seed in 0..<samples {
      var generator = SeededGenerator(seed: seed)
      guard try await holds(try backend.makeEmpty(), &generator) else { return seed }
    }
    return nil
  }
}

/// One implementation of a store, for laws to run on.
package struct StoreBackend<Store: Sendable>: Sendable, CustomStringConvertible {
  package let description: String
  /// Makes an empty store, and returns what opens it, as often as it is called.
  let makeEmpty: @Sendable () throws -> @Sendable () throws -> Store

  package init(
    _ name: String, makeEmpty: @escaping @Sendable () throws -> @Sendable () throws -> Store
  ) {
    description = name
    self.makeEmpty = makeEmpty
  }
}

extension SeededGenerator {
  /// Up to `count` texts of up to 100 bytes; some of them are equal, one may be empty.
  fileprivate mutating func entries(_ count: Int) -> [[UInt8]] {
    (0..<Int.random(in: 1...count, using: &self)).map { _ in
      [UInt8](
        repeating: UInt8.random(in: 0...3, using: &self),
        count: Int.random(in: 0...100, using: &self))
    }
  }
}

package enum RecordStoreLaws {
  package static let all: [StoreLaw<any RecordStore>] = [
    StoreLaw("row(i, n) == what was put there, and nothing else") { open, generator in
      let store = try open()
      var expected: [RecordName: [[UInt8]]] = [:]
      for _ in 0..<10 {
        let record = name(&generator)
        let rows = (0...Int.random(in: 0...3, using: &generator)).map { _ in
          generator.bytes(Int.random(in: 0...5000, using: &generator))
        }
        for (row, bytes) in rows.enumerated() { try await store.put([row: bytes], of: record) }
        expected[record] = rows
      }
      for (record, rows) in expected {
        for (row, bytes) in rows.enumerated() {
          guard try await store.row(row, of: record) == bytes else { return false }
        }
        guard try await store.rowCount(of: record) == rows.count,
          try await store.row(rows.count, of: record) == nil
        else { return false }
      }
      let (records, absent) = (try await store.records(), try await store.row(0, of: other))
      return records == expected.keys.sorted() && absent == nil
    },
    StoreLaw("records of one visit at two hospitals, and two records of one visit, are others") {
      open, generator in
      let store = try open()
      let first = name(&generator)
      let elsewhere = RecordName(
        hospital: "hospital-9", visit: first.visit, recordDigest: first.recordDigest)
      let second = RecordName(hospital: first.hospital, visit: first.visit, recordDigest: .zero)
      for (number, record) in [first, elsewhere, second].enumerated() {
        try await store.put([0: [UInt8(number)], 1: [9]], of: record)
      }
      let known = try await store.records(ofVisit: first.visit, at: first.hospital)
      try await store.remove(second)
      let left = try await store.records(ofVisit: first.visit, at: first.hospital)
      let (kept, gone) = (
        try await store.row(0, of: elsewhere), try await store.rowCount(of: second)
      )
      return known == [second, first].sorted() && left == [first] && kept == [1] && gone == 0
    },
    StoreLaw("a piece is put once, row 0 as often as one likes, and no piece without it") {
      open, generator in
      let store = try open()
      let (record, piece) = (name(&generator), generator.bytes(100))
      func refusal(_ rows: [Int: [UInt8]]) async -> StoreError.Code? {
        do throws(StoreError) {
          try await store.put(rows, of: record)
          return nil
        } catch {
          return error.code
        }
      }
      guard await refusal([1: piece]) == .conflict, try await store.rowCount(of: record) == 0,
        await refusal([0: [1], 1: piece]) == nil, await refusal([1: piece]) == nil,
        // All or none.
        await refusal([0: [2], 1: generator.bytes(100)]) == .conflict,
        try await store.row(0, of: record) == [1], await refusal([0: [3]]) == nil
      else { return false }
      let (first, second) = (
        try await store.row(0, of: record), try await store.row(1, of: record)
      )
      return first == [3] && second == piece
    },
    StoreLaw("open(close(store)) == store") { open, generator in
      let (record, piece) = (name(&generator), generator.bytes(1 << 20))
      try await open().put([0: [1], 1: piece], of: record)
      return try await open().row(1, of: record) == piece
    },
  ]

  private static let other = RecordName(hospital: "none", visit: .zero, recordDigest: .zero)

  private static func name(_ generator: inout SeededGenerator) -> RecordName {
    RecordName(
      hospital: "hospital-\(Int.random(in: 1...3, using: &generator))",
      visit: Digest32(sha256: generator.bytes(8)),
      recordDigest: Digest32(sha256: generator.bytes(8)))
  }
}

package enum RoleStoreLaws {
  package static let all: [StoreLaw<any RoleStore>] = [
    StoreLaw("value(k) == what was written last; nil removes") { open, generator in
      let store = try open()
      var expected: [String: [UInt8]] = [:]
      for _ in 0..<20 {
        let changes = changes(&generator)
        try store.write(changes)
        expected.merge(changes.compactMapValues { $0 }) { $1 }
        for (key, value) in changes where value == nil { expected[key] = nil }
      }
      return try keys.allSatisfy { try store.value(forKey: $0) == expected[$0] }
        && store.keys(withPrefix: "") == ordered(expected.keys)
    },
    StoreLaw("keys(p) == the keys that begin with p, in the order of their UTF-8") { open, _ in
      let store = try open()
      try store.write(Dictionary(uniqueKeysWithValues: keys.map { ($0, [1]) }))
      return try (keys + ["z", "visit/1/2/3"]).allSatisfy { prefix in
        try store.keys(withPrefix: prefix)
          == ordered(keys.filter { $0.utf8.starts(with: prefix.utf8) })
      }
    },
    StoreLaw("write() changes nothing; an empty value is a value") { open, _ in
      let store = try open()
      try store.write([:])
      let wasEmpty = try store.keys(withPrefix: "").isEmpty
      try store.write(["a": []])
      return try wasEmpty && store.value(forKey: "a") == [] && store.value(forKey: "b") == nil
    },
    StoreLaw("open(close(store)) == store") { open, generator in
      let changes = changes(&generator)
      try open().write(changes)
      let store = try open()
      return try changes.allSatisfy { try store.value(forKey: $0.key) == $0.value }
    },
    StoreLaw("values may be long, and are replaced by longer and shorter ones") {
      open, generator in
      let store = try open()
      for count in [0, 1, 5000, 3_000_000, 4000, 10, 0] {
        let value = generator.bytes(count)
        try store.write(["a": value, "b": [9]])
        guard try store.value(forKey: "a") == value, try store.value(forKey: "b") == [9] else {
          return false
        }
      }
      return try store.keys(withPrefix: "") == ["a", "b"]
    },
    StoreLaw("a value above the limit is refused, with all that is written beside it") {
      open, generator in
      let store = try open()
      let largest = generator.bytes(RoleStoreLimits.valueByteCount)
      try store.write(["a": largest])
      do throws(StoreError) {
        try store.write(["a": largest + [1], "b": [1]])
        return false
      } catch {
        return try error.code == .tooLarge && store.value(forKey: "a") == largest
          && store.value(forKey: "b") == nil
      }
    },
    StoreLaw("write(A), write(B) == write(B over A), also of thousands of keys") {
      open, generator in
      let store = try open()
      var expected: [String: [UInt8]] = [:]
      for _ in 0..<3 {
        var changes: [String: [UInt8]?] = [:]
        for _ in 0..<2000 {
          let isRemoved = Bool.random(using: &generator)
          changes["key \(Int.random(in: 0..<5000, using: &generator))"] = .some(
            isRemoved ? nil : generator.bytes(20))
        }
        try store.write(changes)
        for (key, value) in changes { expected[key] = value }
      }
      return try store.keys(withPrefix: "key ") == ordered(expected.keys)
        && expected.allSatisfy { try store.value(forKey: $0.key) == $0.value }
    },
    StoreLaw("two openings see the same, and each sees a write whole or not at all") { open, _ in
      let (writer, reader) = (try open(), try open())
      return try await withThrowingTaskGroup(of: Bool.self) { group in
        group.addTask {
          for round in 1...20 as ClosedRange<UInt8> {
            try writer.write(["a": [round], "b": [round]])
          }
          return true
        }
        group.addTask {
          // The second is read later, so it is never older than the first.
          for _ in 0..<50 {
            let (first, second) = (try reader.value(forKey: "a"), try reader.value(forKey: "b"))
            guard (first?.first ?? 0) <= (second?.first ?? 0) else { return false }
          }
          return true
        }
        let hold = try await group.reduce(true) { $0 && $1 }
        return try hold && reader.value(forKey: "a") == [20]
      }
    },
  ]

  private static let keys = [
    "a", "b", "counter", "visit", "visit/", "visit/1", "visit/1/2", "visit/10", "visit/é",
    "visit/\u{10ffff}", "visitor", "Visit/1",
  ]

  private static func changes(_ generator: inout SeededGenerator) -> [String: [UInt8]?] {
    var changes: [String: [UInt8]?] = [:]
    for key in keys.shuffled(using: &generator).prefix(5) {
      let isRemoved = Bool.random(using: &generator)
      changes[key] = .some(isRemoved ? nil : generator.bytes(30))
    }
    return changes
  }

  private static func ordered(_ keys: some Sequence<String>) -> [String] {
    keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}

package enum ChainLogLaws {
  package static let all: [StoreLaw<any ChainLog>] = [
    StoreLaw("leaves(0, ∞, ∞) == all leaves appended, in order, and size() is how many") {
      open, generator in
      let log = try open()
      var expected: [[UInt8]] = []
      for _ in 0..<10 {
        let batch = generator.leaves(8)
        try await log.append(batch, at: UInt64(expected.count))
        expected += batch
        guard try await log.size() == UInt64(expected.count) else { return false }
      }
      return try await all(log) == expected
    },
    StoreLaw("append(L, p) throws a conflict where p ≠ size(), and changes nothing") {
      open, generator in
      let log = try open()
      let leaves = generator.leaves(20)
      try await log.append(leaves, at: 0)
      let size = UInt64(leaves.count)
      for position in [0, size - 1, size + 1, 1 << 63, .max] {
        for batch in [[], leaves] {
          guard
            await refusal({ () throws(StoreError) in try await log.append(batch, at: position) })
              == .conflict
          else { return false }
        }
      }
      try await log.append([], at: size)
      let stored = try await all(log)
      try await log.append([[1]], at: size)
      let sizeAfter = try await log.size()
      return stored == leaves && sizeAfter == size + 1
    },
    StoreLaw("leaves read a few at a time, each from where the last ended, are all") {
      open, generator in
      let log = try open()
      let leaves = generator.leaves(60)
      try await log.append(leaves, at: 0)
      var read: [[UInt8]] = []
      while true {
        let page = try await log.leaves(
          from: UInt64(read.count), limit: Int.random(in: 1...5, using: &generator),
          byteCount: Int.random(in: 0...300, using: &generator))
        if page.isEmpty { return read == leaves }
        read += page
      }
    },
    StoreLaw("a leaf of 0 or 65,536 bytes is refused with its batch; 1 and 65,535 are taken") {
      open, _ in
      let log = try open()
      let longest = [UInt8](repeating: 7, count: ChainLogLimits.leafByteCount)
      for leaf in [[], longest + [7]] {
        guard
          await refusal({ () throws(StoreError) in try await log.append([[1], leaf], at: 0) })
            == .tooLarge, try await log.size() == 0
        else { return false }
      }
      try await log.append([[1], longest], at: 0)
      return try await all(log) == [[1], longest]
    },
    StoreLaw("leaves(p, n, ∞) == leaves(0, ∞, ∞)[p ..< p + n]") { open, generator in
      let log = try open()
      try await log.append((1...30).map { [$0] }, at: 0)
      for _ in 0..<20 {
        let first = Int.random(in: 0...32, using: &generator)
        let limit = Int.random(in: -1...32, using: &generator)
        let found = try await log.leaves(from: UInt64(first), limit: limit, byteCount: .max)
        let end = max(first, min(30, first + limit))
        guard found == (first..<end).map({ [UInt8($0 + 1)] }) else { return false }
      }
      return try await log.leaves(from: .max, limit: .max, byteCount: .max).isEmpty
    },
    StoreLaw("leaves(p, ∞, b) stops before their sum is above b, but not before the first") {
      open, generator in
      let log = try open()
      let leaves = (0..<30).map { _ in
        generator.bytes(Int.random(in: 1...100, using: &generator))
      }
      try await log.append(leaves, at: 0)
      for bound in [Int.min, -1, 0, 1, 50, 100, 101, 500, 1000, .max] {
        for first in [0, 7, 29] {
          var (expected, sum) = ([leaves[first]], leaves[first].count)
          for leaf in leaves[(first + 1)...] {
            sum += leaf.count
            if sum > bound { break }
            expected.append(leaf)
          }
          let found = try await log.leaves(
            from: UInt64(first), limit: .max, byteCount: bound)
          guard found == expected else { return false }
        }
      }
      return true
    },
    StoreLaw("open(close(log)) == log") { open, generator in
      let leaves = generator.leaves(20)
      try await open().append(leaves, at: 0)
      let log = try open()
      guard try await all(log) == leaves else { return false }
      try await log.append([[1]], at: UInt64(leaves.count))
      return try await open().size() == UInt64(leaves.count + 1)
    },
    StoreLaw("of appends at the same position at the same time exactly one is done") { open, _ in
      let logs = try (0..<4).map { _ in try open() }
      let rounds: UInt64 = 12
      for round in 0..<rounds {
        let winners = try await withThrowingTaskGroup(of: UInt8?.self, returning: [UInt8].self) {
          group in
          for (number, log) in logs.enumerated() {
            let leaf = [UInt8(number), UInt8(round)]
            group.addTask {
              do throws(StoreError) {
                try await log.append([leaf, leaf], at: 2 * round)
                return leaf[0]
              } catch {
                guard error.code == .conflict else { throw error }
                return nil
              }
            }
          }
          return try await group.reduce(into: []) { if let winner = $1 { $0.append(winner) } }
        }
        let stored = try await logs[Int(round) % 4].leaves(
          from: 2 * round, limit: .max, byteCount: .max)
        guard winners.count == 1,
          stored == [[UInt8]](repeating: [winners[0], UInt8(round)], count: 2)
        else { return false }
      }
      return try await open().size() == 2 * rounds
    },
  ]

  private static func all(_ log: any ChainLog) async throws -> [[UInt8]] {
    try await log.leaves(from: 0, limit: .max, byteCount: .max)
  }
}

package enum StateStoreLaws {
  /// What holds also where the store ends with the object that opened it.
  package static let passing: [StoreLaw<any StateStore>] = [
    StoreLaw("value(k) == what was committed last; nil removes") { open, generator in
      let store = try open()
      var expected: [[UInt8]: [UInt8]] = [:]
      for _ in 0..<20 {
        let changes = generator.changes()
        try store.commit(changes)
        for (key, value) in changes { expected[key] = value }
      }
      return try keys.allSatisfy { try store.value(forKey: $0) == expected[$0] }
    },
    StoreLaw("commit() changes nothing; the empty key is a key, an empty value a value") {
      open, _ in
      let store = try open()
      try store.commit([:])
      guard try store.value(forKey: []) == nil else { return false }
      try store.commit([[]: [], [0]: [1]])
      guard try store.value(forKey: []) == [] && store.value(forKey: [0]) == [1] else {
        return false
      }
      try store.commit([[]: nil, [2]: nil])
      return try store.value(forKey: []) == nil && store.value(forKey: [0]) == [1]
        && store.value(forKey: [0, 0]) == nil
    },
    StoreLaw("keys and values may be long, and are replaced by longer and shorter ones") {
      open, generator in
      let store = try open()
      let key = generator.bytes(3000)
      for count in [0, 1, 100, 5000, 1_000_000, 4000, 10, 0] {
        let value = generator.bytes(count)
        try store.commit([key: value, key + [1]: [9]])
        guard try store.value(forKey: key) == value, try store.value(forKey: key + [1]) == [9]
        else { return false }
      }
      return try store.value(forKey: key.dropLast()) == nil
    },
    StoreLaw("commit(A), commit(B) == commit(B over A), also of thousands of keys") {
      open, generator in
      let store = try open()
      var expected: [[UInt8]: [UInt8]] = [:]
      for _ in 0..<3 {
        var changes: [[UInt8]: [UInt8]?] = [:]
        for _ in 0..<2000 {
          let key = Array("key \(Int.random(in: 0..<5000, using: &generator))".utf8)
          let isRemoved = Bool.random(using: &generator)
          changes[key] = .some(isRemoved ? nil : generator.bytes(20))
        }
        try store.commit(changes)
        for (key, value) in changes { expected[key] = value }
      }
      return try (0..<5000).map { Array("key \($0)".utf8) }.allSatisfy {
        try store.value(forKey: $0) == expected[$0]
      }
    },
  ]

  package static let all: [StoreLaw<any StateStore>] =
    passing + [
      StoreLaw("open(close(store)) == store") { open, generator in
        let changes = generator.changes()
        try open().commit(changes)
        let store = try open()
        return try changes.allSatisfy { try store.value(forKey: $0.key) == $0.value }
      },
      StoreLaw("two openings see the same, and each sees a commit whole or not at all") {
        open, _ in
        let (writer, reader) = (try open(), try open())
        return try await withThrowingTaskGroup(of: Bool.self) { group in
          group.addTask {
            for round in 1...20 {
              try writer.commit([[1]: [UInt8(round)], [2]: [UInt8(round)]])
            }
            return true
          }
          group.addTask {
            // The second is read later, so it is never older than the first.
            for _ in 0..<50 {
              let (first, second) = (try reader.value(forKey: [1]), try reader.value(forKey: [2]))
              guard (first?.first ?? 0) <= (second?.first ?? 0) else { return false }
            }
            return true
          }
          let hold = try await group.reduce(true) { $0 && $1 }
          return try hold && reader.value(forKey: [1]) == [20]
        }
      },
    ]

  fileprivate static let keys: [[UInt8]] = [
    [], [0], [0, 0], [1], [0xff], [0xff, 0xff], Array("key".utf8), Array("key 1".utf8),
    [UInt8](repeating: 5, count: 500), [UInt8](repeating: 5, count: 501),
  ]
}

extension SeededGenerator {
  /// Up to `count` leaves of up to 100 bytes; some of them are equal.
  fileprivate mutating func leaves(_ count: Int) -> [[UInt8]] { entries(count).map { $0 + [1] } }

  fileprivate mutating func changes() -> [[UInt8]: [UInt8]?] {
    var changes: [[UInt8]: [UInt8]?] = [:]
    for key in StateStoreLaws.keys.shuffled(using: &self).prefix(5) {
      let isRemoved = Bool.random(using: &self)
      changes[key] = .some(isRemoved ? nil : bytes(Int.random(in: 0...2000, using: &self)))
    }
    return changes
  }
}

private func refusal(
  _ body: () async throws(StoreError) -> Void
) async -> StoreError.Code? {
  do throws(StoreError) {
    try await body()
    return nil
  } catch {
    return error.code
  }
}
