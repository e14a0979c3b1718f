// Works with stores in a process of its own, so that a test can kill it, limit it or run beside it.
//
//   store-crash-probe write FILE COUNT BYTES    writes as a delegate does: a new value with their
//                                               count, and with every second one an old one goes; says
//                                               the number of each once it is acknowledged
//   store-crash-probe chain FOLDER COUNT BYTES  appends two leaves at a time and puts their count into
//                                               a state store under two keys, then says it
//   store-crash-probe read FILE                 reads a chain log as a user with few rights: says its
//                                               size, what fsck finds, and why it cannot append
//   store-crash-probe race FILE COUNT TEXT      appends a leaf at each of COUNT positions, says where
//                                               it was the first
//   store-crash-probe pass FOLDER               fills a passing store and waits to be killed
//   store-crash-probe hold FOLDER               opens a data folder and waits to be killed
//   store-crash-probe use FOLDER                opens a data folder as a user with few rights
//
// It ends with 3 after an error, whose code it says.

import Consortium
import Foundation
import Ledger
import SQLiteBackend

func say(_ text: String) {
  try? FileHandle.standardOutput.write(contentsOf: Data("\(text)\n".utf8))
}

let arguments = CommandLine.arguments
do {
  switch (arguments[1], arguments[2]) {
  case ("write", let path):
    let store = try SQLiteRoleStore(path: path)
    guard let count = Int(arguments[3]), let byteCount = Int(arguments[4]) else { exit(64) }
    for number in 0..<count {
      let text = Array("value \(number) ".utf8)
      let padding = [UInt8](repeating: 0, count: max(0, byteCount - text.count))
      var changes: [String: [UInt8]?] = [
        "outbox/\(number)": text + padding, "consensus/count": Array("\(number + 1)".utf8),
      ]
      if number.isMultiple(of: 2) { changes.updateValue(nil, forKey: "outbox/\(number - 10)") }
      try store.write(changes)
      say("\(number)")
    }
  case ("chain", let path):
    let log = try SQLiteChainLog(path: "\(path)/chain.sqlite")
    let state = try SQLiteStateStore(path: "\(path)/state.sqlite")
    guard let count = UInt64(arguments[3]), let byteCount = Int(arguments[4]) else { exit(64) }
    for number in 0..<count {
      let leaves = (2 * number...2 * number + 1).map {
        let text = Array("leaf \($0) ".utf8)
        return text + [UInt8](repeating: 0, count: byteCount - text.count)
      }
      try await log.append(leaves, at: 2 * number)
      let size = Array("\(2 * number + 2)".utf8)
      // A key of its own also makes the file grow, so that the disk may be full here too.
      try state.commit([[1]: size, [2]: size, Array("\(number)".utf8): leaves[0]])
      say("\(2 * number + 2)")
    }
  case ("read", let path):
    if geteuid() == 0 { setuid(65534) }
    let log = try SQLiteChainLog(readingFrom: path)
    say("\(try await log.size())")
    say("\(StoreCheck.findings(inFileAt: path).map(\.code))")
    do throws(StoreError) {
      try await log.append([[1]], at: log.size())
    } catch {
      say("\(error.code)")
    }
  case ("race", let path):
    let log = try SQLiteChainLog(path: path)
    guard let count = UInt64(arguments[3]) else { exit(64) }
    while case let position = try await log.size(), position < count {
      do throws(StoreError) {
        try await log.append([Array(arguments[4].utf8)], at: position)
        say("\(position)")
      } catch {
        guard error.code == .conflict else { throw error }
      }
    }
  case ("pass", let path):
    let store = try SQLiteStateStore.temporary(in: path)
    for round in 0..<6 {
      try store.commit(
        Dictionary(
          uniqueKeysWithValues: (0..<10_000).map {
            (Array("\(round) \($0)".utf8), [UInt8](repeating: 1, count: 500))
          }))
    }
    say("60000")
    while true { sleep(1000) }
  case ("hold", let path):
    let folder = try DataFolder(path: path)
    say("locked \(folder.path)")
    while true { sleep(1000) }
  case ("use", let path):
    if geteuid() == 0 { setuid(65534) }
    let folder = try DataFolder(path: path)
    try folder.roleStore("manager").write(["a": [1]])
    say("written")
  default:
    exit(64)
  }
} catch let error as StoreError {
  say("\(error)")
  exit(3)
}
