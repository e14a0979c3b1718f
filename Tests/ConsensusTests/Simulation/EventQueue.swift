/// What happens when; of two events at one time, the one first that was scheduled first.
struct EventQueue<Event> {
  private struct Item {
    let time: UInt64
    let order: UInt64
    let event: Event

    func isBefore(_ other: Item) -> Bool { (time, order) < (other.time, other.order) }
  }

  /// A binary heap.
  private var items: [Item] = []
  private var nextOrder: UInt64 = 0

  mutating func schedule(_ event: Event, at time: UInt64) {
    items.append(Item(time: time, order: nextOrder, event: event))
    nextOrder += 1
    var index = items.count - 1
    while index > 0, items[index].isBefore(items[(index - 1) / 2]) {
      items.swapAt(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  mutating func next() -> (time: UInt64, event: Event)? {
    guard let first = items.first else { return nil }
    let last = items.removeLast()
    guard !items.isEmpty else { return (first.time, first.event) }
    items[0] = last
    var index = 0
    while true {
      var least = 2 * index + 1
      if least + 1 < items.count, items[least + 1].isBefore(items[least]) { least += 1 }
      guard least < items.count, items[least].isBefore(items[index]) else { break }
      items.swapAt(index, least)
      index = least
    }
    return (first.time, first.event)
  }
}
