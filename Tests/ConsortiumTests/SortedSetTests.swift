import Consortium
import Synchronization
import TestSupport
import Testing

/// What mailboxes are sorted in.
@Suite("Sorted sets")
struct SortedSetTests {
  @Test("a sorted set has what was put in and not taken out, once, in ascending order")
  func contents() {
    var generator = SeededGenerator(seed: 7)
    for range in [20, 300, 5000] {
      var (sorted, plain) = (SortedSet<Int>(), Set<Int>())
      for step in 0..<6000 {
        let number = Int.random(in: 0..<range, using: &generator)
        // It grows, shrinks to nothing, and grows again.
        if Int.random(in: 0..<4, using: &generator) < (step / 2000 == 1 ? 1 : 3) {
          sorted.insert(number)
          plain.insert(number)
        } else {
          sorted.remove(number)
          plain.remove(number)
        }
        #expect(sorted.first == plain.min() && sorted.last == plain.max())
        #expect(sorted.count == plain.count && sorted.isEmpty == plain.isEmpty)
      }
      #expect(Array(sorted) == plain.sorted())
      for number in plain { sorted.remove(number) }
      #expect(sorted.isEmpty && Array(sorted) == [] && sorted.first == nil && sorted.last == nil)
    }
  }

  /// Counts how often two are compared.
  private struct Compared: Comparable, Sendable {
    final class Count: Sendable { let value = Mutex(0) }

    let number: Int
    let count: Count

    static func < (a: Self, b: Self) -> Bool {
      a.count.value.withLock { $0 += 1 }
      return a.number < b.number
    }
    static func == (a: Self, b: Self) -> Bool {
      a.count.value.withLock { $0 += 1 }
      return a.number == b.number
    }
  }

  @Test("putting in and taking out takes as many comparisons among 65,536 as a search by halves")
  func comparisons() {
    let count = Compared.Count()
    var sorted = SortedSet<Compared>()
    for number in 0..<(1 << 16) { sorted.insert(Compared(number: 2 * number, count: count)) }
    var generator = SeededGenerator(seed: 8)
    for _ in 0..<1000 {
      let number = 2 * Int.random(in: 0..<(1 << 16), using: &generator) + 1
      let before = count.value.withLock { $0 }
      sorted.insert(Compared(number: number, count: count))
      sorted.remove(Compared(number: number, count: count))
      #expect(count.value.withLock { $0 } - before <= 2 * (16 + 6))
    }
  }
}
