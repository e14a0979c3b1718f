import CanonicalEncoding
import Consortium
import Foundation
import Ledger
import Testing

@Suite("What a block costs its delegates")
struct DelegateCostTests {
  /// `BCEMR_COST_DELEGATES`, as `4,16,100`, measures other numbers.
  private static let counts: [Int] = {
    let asked = ProcessInfo.processInfo.environment["BCEMR_COST_DELEGATES"] ?? "4,7"
    return asked.split(separator: ",").compactMap { Int($0) }
  }()

  /// A block among so many delegates of 1,000 organisations, without faults.
  ///
  /// Each delegate reads each other once in a step, so that a message is a page with something new. What
  /// has to grow no faster than the pairs of delegates are messages; what one delegate checks, no faster
  /// than the delegates.
  @Test("messages grow with the pairs of delegates, and signature checks of one with the delegates")
  func cost() throws {
    var lines: [String] = []
    for count in Self.counts {
      var network = try DelegateNetwork(delegates: count, strangers: 999 - count)
      try network.settle()
      var before = network.cost
      let blocks: UInt64 = 4
      let start = try #require(network.processes[0].delegate).height
      for block in 0..<blocks {
        let entry = network.demand(by: network.processes[Int(block) % count].id)
        try network.run(Int(block) % count) { try $0.submit(entry) }
        try network.settle()
      }
      let height = try #require(network.processes[0].delegate).height
      #expect(height == start + blocks)
      #expect(
        network.processes.allSatisfy { $0.delegate?.follower.final?.height == height - 1 })
      before = network.cost - before
      let pairs = UInt64(count * (count - 1))
      lines.append(
        """
        \(count) delegates: a block takes \(before.messages / blocks) messages with \
        \(before.bytes / blocks) bytes, and \(before.checks / blocks / UInt64(count)) signature checks \
        of each delegate
        """)
      #expect(before.messages <= 12 * blocks * pairs)
      #expect(before.checks <= 8 * blocks * UInt64(count) * UInt64(count))
    }
    print(lines.joined(separator: "\n"))
  }
}
