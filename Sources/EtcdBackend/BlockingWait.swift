import Dispatch
import Ledger
import Synchronization

/// Threads that are no part of Swift's own few, so that whoever waits on one of those, which a protocol without
/// `async` makes necessary, waits for something that goes on.
final class EngineThreads: TaskExecutor {
  static let shared = EngineThreads()

  private let queue = DispatchQueue(label: "bcemr.engine", attributes: .concurrent)

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
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
