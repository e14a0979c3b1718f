import ServiceLifecycle

extension Service {
  /// Does the same at intervals until the daemon stops, the first time at once.
  func repeatUntilShutdown(
    every interval: Duration, _ body: @escaping @Sendable () -> Void
  ) async {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        body()
        try? await Task.sleep(for: interval)
      }
    }
  }
}
