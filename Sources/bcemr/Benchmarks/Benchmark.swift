/// The times of one operation.
struct Timing: Encodable {
  let name: String
  let medianNs: Int
  let minNs: Int
  /// How often the operation ran.
  let iterations: Int

  /// - Parameter samples: nanoseconds an operation, not empty.
  init(_ name: String, samples: [Double], iterations: Int) {
    let sorted = samples.sorted()
    self.name = name
    let middle = sorted.count / 2
    let median =
      sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    medianNs = Int(median.rounded())
    minNs = Int(sorted[0].rounded())
    self.iterations = iterations
  }
}

/// One operation to be timed by itself.
struct Benchmark {
  let name: String
  /// How many operations one call of ``run`` makes.
  let operations: Int
  /// Its result is kept until after the measurement, so that the work cannot be left out.
  let run: () throws -> Any

  init(_ name: String, operations: Int = 1, _ run: @escaping () throws -> Any) {
    (self.name, self.operations, self.run) = (name, operations, run)
  }

  /// Runs the operation for about half a second, in samples of at least a millisecond.
  func timing() throws -> Timing {
    let clock = ContinuousClock()
    var kept: Any = try run()
    let once = try clock.measure { kept = try run() }
    let calls = max(1, Int(Duration.milliseconds(1) / max(once, .nanoseconds(1))))
    var samples: [Double] = []
    let start = clock.now
    while samples.count < 5 || (clock.now - start < .milliseconds(500) && samples.count < 200) {
      let elapsed = try clock.measure { for _ in 0..<calls { kept = try run() } }
      samples.append(elapsed / .nanoseconds(calls * operations))
    }
    withExtendedLifetime(kept) {}
    return Timing(name, samples: samples, iterations: samples.count * calls * operations)
  }
}
