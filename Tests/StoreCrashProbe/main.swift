// Works with stores in a process of its own, so that a test can kill it, limit it or run beside it.
//
//   store-crash-probe append FILE COUNT BYTES   appends entries, says the position of each once it
//                                               is acknowledged
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
  case ("append", let path):
    let log = try SQLiteOrderingLog(path: path)
    guard let count = Int(arguments[3]), let byteCount = Int(arguments[4]) else { exit(64) }
    for number in 0..<count {
      let text = Array("entry \(number) ".utf8)
      let padding = [UInt8](repeating: 0, count: max(0, byteCount - text.count))
      say("\(try await log.append([text + padding])[0])")
    }
  case ("hold", let path):
    let folder = try DataFolder(path: path)
    say("locked \(folder.path)")
    while true { sleep(1000) }
  case ("use", let path):
    if geteuid() == 0 { setuid(65534) }
    let folder = try DataFolder(path: path)
    say("\(try await folder.orderingLog().append([[1]])[0])")
  default:
    exit(64)
  }
} catch let error as StoreError {
  say("\(error)")
  exit(3)
} catch let error as OrderingLogError {
  say("\(error)")
  exit(3)
}
