#if Network
  import CanonicalEncoding
  import Consortium
  import Synchronization
  import TerminalText

  /// When something that was submitted came to stand how, from the moment at which it was asked for.
  final class StandingWatch: Sendable {
    /// A stage that was reached, and after how many seconds.
    struct Stage: Encodable, Sendable {
      let standing: String
      let seconds: Double
    }

    private let start = ContinuousClock.now
    private let stages = Mutex<[Stage]>([])

    var reached: [Stage] { stages.withLock { $0 } }

    private func note(_ standing: SubmissionStanding) {
      let name = DemoReport.StandingReport(standing).standing
      let passed = (ContinuousClock.now - start).components
      let milliseconds = passed.attoseconds / 1_000_000_000_000_000
      let seconds = Double(passed.seconds) + Double(milliseconds) / 1000
      stages.withLock { stages in
        if stages.last?.standing != name { stages.append(Stage(standing: name, seconds: seconds)) }
      }
    }

    /// Runs `body` and looks meanwhile, every twentieth of a second.
    func during<Value: Sendable>(
      _ body: @escaping @Sendable () async throws -> Value,
      looking look: @escaping @Sendable () async -> SubmissionStanding?
    ) async throws -> Value {
      let looking = Task {
        while !Task.isCancelled {
          if let standing = await look() { note(standing) }
          try? await Task.sleep(for: .milliseconds(50))
        }
      }
      defer { looking.cancel() }
      let value = try await body()
      if let standing = await look() { note(standing) }
      return value
    }

    /// Looks whether it is final, for at most so long.
    ///
    /// - Parameter follow: asks for the proof.
    /// - Returns: how it stands.
    func wait(
      _ longest: LengthOfTime, following follow: () async -> Void,
      looking look: () async -> SubmissionStanding?
    ) async -> SubmissionStanding? {
      let end = ContinuousClock.now + longest.duration
      var standing = await look()
      while let now = standing, !now.isFinal, ContinuousClock.now < end {
        try? await Task.sleep(for: .milliseconds(500))
        await follow()
        standing = await look()
        if let standing { note(standing) }
      }
      return standing
    }

    static func words(_ stages: [Stage]) -> String {
      stages.map { stage in
        let tenths = Int((stage.seconds * 10).rounded())
        return "\(stage.standing) after \(tenths / 10).\(tenths % 10) s"
      }.joined(separator: ", ")
    }
  }
#endif
