import Dispatch
import Ledger
import NIOPosix
import Synchronization

/// Threads that are no part of Swift's own few, nor of Dispatch's, which share a limit with them: whoever waits on
/// one of those, which a protocol without `async` makes necessary, waits for something that goes on even if all of
/// them wait.
final class EngineThreads: TaskExecutor {
  static let shared = EngineThreads()

  private let threads = NIOThreadPool(numberOfThreads: 4)

  private init() { threads.start() }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    threads.submit { _ in unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

private final class Box<Value: Sendable>: Sendable {
  let result = Mutex<Result<Value, StoreError>?>(nil)
}

/// Does something asynchronous and blocks the calling thread until it is done.
func blocking<Value: Sendable>(
  _ body: @escaping @Sendable () async throws(StoreError) -> Value
) throws(StoreError) -> Value {
  let (box, done) = (Box<Value>(), DispatchSemaphore(value: 0))
  Task(executorPreference: EngineThreads.shared) {
    let result: Result<Value, StoreError>
    do throws(StoreError) {
      result = .success(try await body())
    } catch {
      result = .failure(error)
    }
    box.result.withLock { $0 = result }
    done.signal()
  }
  done.wait()
  guard let result = box.result.withLock({ $0 }) else {
    throw StoreError(.outcomeUnknown, "the engine gave no result")
  }
  return try result.get()
}
