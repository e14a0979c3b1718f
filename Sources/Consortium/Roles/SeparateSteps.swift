import Ledger

/// What is done step by step, each by itself: one that fails, or that somebody hinders, keeps none of the others
/// back.
struct SeparateSteps {
  private var failure: (any Error)?

  /// Takes a step.
  ///
  /// - Throws: ``StoreError`` alone, at once, but not that one row is damaged; that and any other failure
  ///   wait for ``finish()``.
  mutating func take(
    isolation: isolated (any Actor)? = #isolation, _ step: () async throws -> Void
  ) async throws {
    do {
      try await step()
    } catch {
      try note(error)
    }
  }

  /// The same, of a step that does not suspend.
  mutating func takeNow(_ step: () throws -> Void) throws {
    do {
      try step()
    } catch {
      try note(error)
    }
  }

  private mutating func note(_ error: any Error) throws {
    if error.isOfWholeStore { throw error }
    failure = failure ?? error
  }

  /// - Throws: what failed first.
  func finish() throws { if let failure { throw failure } }
}

extension Error {
  /// Whether a store has failed, and not merely one row of it is damaged, or was not written.
  var isOfWholeStore: Bool {
    (self as? StoreError).map { ![.corrupted, .invalidValue].contains($0.code) } ?? false
  }
}
