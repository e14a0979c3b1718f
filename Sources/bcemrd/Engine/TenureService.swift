import CanonicalEncoding
import EtcdBackend
import Ledger
import ServiceLifecycle

/// Ends the daemon once another machine writes: a service manager starts it again, as one that waits.
struct TenureService: Service {
  let tenure: Tenure

  func run() async throws {
    await cancelWhenGracefulShutdown { await tenure.untilLost() }
    if let loss = tenure.loss {
      throw DaemonFailure(
        .checkFailed, loss.message, code: loss.codeText,
        hint: "nothing is lost: what this machine was told stands; start it again, and it waits")
    }
  }
}
