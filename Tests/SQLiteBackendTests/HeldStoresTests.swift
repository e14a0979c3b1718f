import Foundation
import Ledger
import SQLiteBackend
import Synchronization
import TestSupport
import Testing

@Suite("A copy of several stores is of one moment")
struct HeldStoresTests {
  @Test("What the copies of two stores hold is what both held together, however they are written")
  func oneMoment() async throws {
    let place = FileManager.default.temporaryDirectory.appending(
      path: "held-\(UInt64.random(in: .min ... .max))"
    ).path()
    defer { try? FileManager.default.removeItem(atPath: place) }
    let folder = try DataFolder(path: place)
    let (first, second) = (try folder.roleStore("cloud"), try folder.roleStore("manager"))
    let isDone = Mutex(false)
    defer { isDone.withLock { $0 = true } }
    // The second never has what the first lacks, and is never more than one behind.
    let writing = Task.detached {
      var number: UInt64 = 0
      while !isDone.withLock({ $0 }) {
        number += 1
        try Self.write("\(number)", to: first)
        try Self.write("\(number)", to: second)
      }
      return number
    }
    let beside = try DataFolder(beside: place)
    let names = ["cloud/state.sqlite", "manager/state.sqlite"]
    var seen: Set<UInt64> = []
    var round = 0
    // However slow the disk is: until the other process was seen to go on between copies.
    while round < 20 || seen.count < 3 {
      try #require(round < 1000, "the other process does not go on")
      // In both orders: it makes no difference which one is copied first.
      let order = round % 2 == 0 ? names : names.reversed()
      try Self.copy(order, of: beside) { name in
        "\(place)/copy-\(round)-\(name == names[0] ? 0 : 1)"
      }
      let numbers = try names.indices.map { index in
        try SQLiteRoleStore(readingFrom: "\(place)/copy-\(round)-\(index)").value(forKey: "n")
          .map { UInt64(String(decoding: $0, as: UTF8.self)) ?? 0 } ?? 0
      }
      #expect(
        numbers[1] <= numbers[0] && numbers[0] <= numbers[1] + 1, "round \(round): \(numbers)")
      seen.insert(numbers[0])
      round += 1
      // Who writes has a turn.
      try await Task.sleep(for: .milliseconds(20))
    }
    isDone.withLock { $0 = true }
    #expect(try await writing.value >= seen.max() ?? 0)
  }

  /// As a role writes: where a copy holds the store for longer than a writer waits, it tries again.
  private static func write(_ text: String, to store: SQLiteRoleStore) throws {
    while true {
      do {
        return try store.write(["n": Array(text.utf8)])
      } catch let error where error.code == .locked {
        continue
      }
    }
  }

  /// Without a suspension: whoever waits for a thread while it holds the stores keeps the writer out.
  private static func copy(
    _ names: [String], of folder: DataFolder, to target: (String) -> String
  ) throws {
    let held = try HeldStores(names, of: folder)
    usleep(5_000)
    for name in names {
      try held.copy(name, to: target(name))
    }
    try held.release()
  }
}
