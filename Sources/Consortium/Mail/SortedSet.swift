/// Distinct elements in ascending order.
///
/// They stand in chunks of a bounded length: finding one takes as many comparisons as a binary search, putting one
/// in or taking one out moves no more than a chunk, and the first and the last are at hand.
package struct SortedSet<Element: Comparable & Sendable>: Sequence, Sendable {
  /// None is empty, and of two neighbours one is at least a quarter full.
  private var chunks: [[Element]] = []
  package private(set) var count = 0

  private static var limit: Int { 128 }

  package init() {}

  package var isEmpty: Bool { count == 0 }
  package var first: Element? { chunks.first?.first }
  package var last: Element? { chunks.last?.last }

  package func makeIterator() -> FlattenSequence<[[Element]]>.Iterator {
    chunks.joined().makeIterator()
  }

  /// How many elements of an ascending array do not satisfy what all behind them do.
  private static func count<T>(of array: [T], until isBehind: (T) -> Bool) -> Int {
    var (low, high) = (0, array.count)
    while low < high {
      let middle = (low + high) / 2
      if isBehind(array[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// Where an element is, or belongs: in the last chunk that does not begin behind it.
  private func place(of element: Element) -> (chunk: Int, index: Int) {
    let chunk = Swift.max(Self.count(of: chunks) { $0[0] > element } - 1, 0)
    return (chunk, Self.count(of: chunks[chunk]) { $0 >= element })
  }

  private func has(_ element: Element, at place: (chunk: Int, index: Int)) -> Bool {
    place.index < chunks[place.chunk].count && chunks[place.chunk][place.index] == element
  }

  package mutating func insert(_ element: Element) {
    if chunks.isEmpty {
      (chunks, count) = ([[element]], 1)
      return
    }
    let (chunk, index) = place(of: element)
    if has(element, at: (chunk, index)) { return }
    chunks[chunk].insert(element, at: index)
    count += 1
    guard chunks[chunk].count > Self.limit else { return }
    let rest = Array(chunks[chunk][(Self.limit / 2)...])
    chunks[chunk].removeSubrange((Self.limit / 2)...)
    chunks.insert(rest, at: chunk + 1)
  }

  package mutating func remove(_ element: Element) {
    if chunks.isEmpty { return }
    let (chunk, index) = place(of: element)
    guard has(element, at: (chunk, index)) else { return }
    chunks[chunk].remove(at: index)
    count -= 1
    if chunks[chunk].isEmpty {
      chunks.remove(at: chunk)
      join(chunk - 1)
    } else {
      join(chunk)
      join(chunk - 1)
    }
  }

  /// Makes one of a chunk and the next where both together are half of one.
  private mutating func join(_ chunk: Int) {
    guard chunk >= 0, chunk + 1 < chunks.count,
      chunks[chunk].count + chunks[chunk + 1].count <= Self.limit / 2
    else { return }
    let next = chunks.remove(at: chunk + 1)
    chunks[chunk] += next
  }
}
