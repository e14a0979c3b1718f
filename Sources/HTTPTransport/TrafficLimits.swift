import Consortium
package import NIOCore
import Synchronization

/// What strangers may take of a server, before anybody knows who they are.
public struct TrafficLimits: Sendable {
  /// Connections at once.
  public var connections = 1 << 14
  /// Connections of one address at once.
  public var connectionsByAddress = 512
  /// Connections that one address may begin at once, and within each minute: each costs the server a signature.
  public var connectionsByAddressAndMinute = 2048
  /// Bytes of requests that are being read or answered, of all.
  public var bytes = 1 << 30
  /// Those of one address.
  public var bytesByAddress = 1 << 26
  /// Seconds after which a connection is closed on which nothing comes.
  public var idleSeconds: Int64 = 60
  /// Seconds from the first byte of a request to the last of its answer.
  public var exchangeSeconds: Int64 = 120

  /// Those for a machine with a few GiB of memory.
  public init() {}
}

/// Counts what each address takes.
package final class Traffic: Sendable {
  private struct Counts {
    var connections = 0
    var bytes = 0
    var byAddress: [String: (connections: Int, bytes: Int)] = [:]
  }

  let limits: TrafficLimits
  private let counts = Mutex(Counts())
  private let begun: RequestQuota

  /// - Parameter clock: seconds since any time.
  package init(_ limits: TrafficLimits, clock: (@Sendable () -> UInt64)? = nil) {
    self.limits = limits
    let start = ContinuousClock.now
    begun = RequestQuota(
      clock: clock ?? { UInt64(start.duration(to: .now).components.seconds) })
  }

  /// By what an address counts: of IPv6 the network of 56 bits, in which one household has all addresses; one
  /// of IPv4 that an IPv6 socket sees, as what it is.
  package static func name(of address: SocketAddress?) -> String {
    switch address {
    case .v4: return address?.ipAddress ?? "unknown"
    case .v6: return address?.ipAddress.map(network) ?? "unknown"
    case .unixDomainSocket, nil: return "local"
    }
  }

  /// The first 56 bits of an address of IPv6.
  private static func network(_ address: String) -> String {
    let text = address.lowercased().prefix { $0 != "%" }
    if text.hasPrefix("::ffff:"), text.contains(".") { return String(text.dropFirst(7)) }
    let halves = text.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
    func groups(_ text: Substring) -> [Substring] { text.split(separator: ":") }
    var parts = groups(halves[0])
    if halves.count == 2 {
      // One that is written as IPv4 at its end counts for two.
      let rest = groups(halves[1])
      let count = rest.count + (rest.last?.contains(".") == true ? 1 : 0)
      parts += [Substring](repeating: "0", count: max(8 - parts.count - count, 0)) + rest
    }
    let fourth = parts.count > 3 ? UInt16(parts[3], radix: 16) ?? 0 : 0
    return parts.prefix(3).joined(separator: ":") + ":" + String(fourth >> 8, radix: 16)
  }

  /// Whether one more connection is taken, before anything is signed for it.
  package func connect(_ address: String) -> Bool {
    guard begun.take(address, limit: limits.connectionsByAddressAndMinute) else { return false }
    return counts.withLock { counts in
      let known = counts.byAddress[address, default: (0, 0)]
      guard known.connections < limits.connectionsByAddress,
        counts.connections < limits.connections
      else { return false }
      counts.connections += 1
      counts.byAddress[address] = (known.connections + 1, known.bytes)
      return true
    }
  }

  package func disconnect(_ address: String) {
    change(address) {
      $0.connections -= 1; $1.connections -= 1
    }
  }

  /// - Throws: ``Problem`` `address-busy`, `busy`.
  func take(_ bytes: Int, _ address: String) throws(Problem) {
    let problem: Problem? = counts.withLock { counts in
      let known = counts.byAddress[address, default: (0, 0)]
      if known.bytes + bytes > limits.bytesByAddress { return .addressBusy }
      if counts.bytes + bytes > limits.bytes { return .busy }
      counts.bytes += bytes
      counts.byAddress[address] = (known.connections, known.bytes + bytes)
      return nil
    }
    if let problem { throw problem }
  }

  func give(back bytes: Int, _ address: String) {
    change(address) {
      $0.bytes -= bytes; $1.bytes -= bytes
    }
  }

  private func change(
    _ address: String,
    _ change: (inout Counts, inout (connections: Int, bytes: Int)) -> Void
  ) {
    counts.withLock { counts in
      var known = counts.byAddress[address, default: (0, 0)]
      change(&counts, &known)
      counts.byAddress[address] = known == (0, 0) ? nil : known
    }
  }

  /// How many bytes of requests are being read or answered.
  package var byteCount: Int { counts.withLock { $0.bytes } }

  /// How many connections there are.
  package var connectionCount: Int { counts.withLock { $0.connections } }

  /// Whether nobody takes anything.
  package var isEmpty: Bool {
    counts.withLock { $0.byAddress.isEmpty && $0.bytes == 0 && $0.connections == 0 }
  }
}
