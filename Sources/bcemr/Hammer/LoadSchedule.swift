#if Network
  import Synchronization

  /// 0, 1, 2, …
  private final class Numbers: Sendable {
    private let value = Mutex(0)

    func next() -> Int {
      value.withLock { value in
        defer { value += 1 }
        return value
      }
    }
  }

  /// When visits and sharings begin.
  struct LoadSchedule: Sendable {
    enum Arrivals: Sendable {
      /// So many a second, whatever becomes of those before.
      case rate(Double)
      /// So many at once, the next when one has ended: for what can be reached at most.
      case atOnce(Int)
    }

    /// How many are under way at most where a rate is given: what has to wait is late from its own beginning on.
    private static let limit = 512

    let arrivals: Arrivals
    let end: ContinuousClock.Instant

    /// Begins all that is to begin before the end, and returns when all of it has ended.
    func run(
      _ body: @escaping @Sendable (_ number: Int, _ intended: ContinuousClock.Instant) async -> Void
    ) async {
      switch arrivals {
      case .rate(let rate): await run(rate, body)
      case .atOnce(let count):
        let numbers = Numbers()
        await withDiscardingTaskGroup { group in
          for _ in 0..<count {
            group.addTask {
              while ContinuousClock.now < end {
                await body(numbers.next(), ContinuousClock.now)
              }
            }
          }
        }
      }
    }

    private func run(
      _ rate: Double,
      _ body: @escaping @Sendable (_ number: Int, _ intended: ContinuousClock.Instant) async -> Void
    ) async {
      guard rate > 0 else { return }
      let begun = ContinuousClock.now
      await withTaskGroup(of: Void.self) { group in
        var number = 0
        var running = 0
        while true {
          let intended = begun + .seconds(Double(number) / rate)
          if intended >= end { break }
          try? await Task.sleep(until: intended)
          if running >= Self.limit {
            await group.next()
            running -= 1
          }
          let current = number
          group.addTask { await body(current, intended) }
          (number, running) = (number + 1, running + 1)
        }
      }
    }
  }
#endif
