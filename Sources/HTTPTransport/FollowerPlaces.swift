/// Who follows logs, by address: the fewer places are free, the fewer an address may have, so that dozens of
/// addresses leave some to others. Hundreds do not.
package struct FollowerPlaces {
  package enum Refusal {
    /// The address has as many as it may.
    case addressBusy
    /// There are no more.
    case busy
  }

  /// Of all addresses, and of one while there is room.
  package static let (limit, limitByAddress) = (1024, 16)
  /// An address may have one of so many that are free, or one at all: 64 addresses that each take what they can
  /// have 823 places, and fewer as these end.
  private static let share = 32

  private var byAddress: [String: Int] = [:]
  private var count = 0

  package init() {}

  package mutating func take(_ address: String) -> Refusal? {
    let (own, free) = (byAddress[address, default: 0], Self.limit - count)
    guard free > 0 else { return .busy }
    let fair = max(free / Self.share, 1)
    guard own < min(Self.limitByAddress, fair) else { return .addressBusy }
    byAddress[address] = own + 1
    count += 1
    return nil
  }

  package mutating func leave(_ address: String) {
    guard let own = byAddress[address] else { return }
    byAddress[address] = own > 1 ? own - 1 : nil
    count -= 1
  }
}
