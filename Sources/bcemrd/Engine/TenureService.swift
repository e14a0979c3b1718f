import CanonicalEncoding
import EtcdBackend
import Ledger
import Logging
import ServiceLifecycle

/// Ends the daemon once another machine writes: a service manager starts it again, as one that waits.
struct TenureService: Service {
  let tenure: Tenure
  let logger: Logger

  func run() async throws {
    await cancelWhenGracefulShutdown { await tenure.untilLost() }
    if let loss = tenure.loss {
      logger.warning("another machine writes: ends", metadata: ["reason": "\(loss.message)"])
      throw DaemonFailure(
        .checkFailed, loss.message, code: loss.codeText,
        hint: "nothing is lost: what this machine was told stands; start it again, and it waits")
    }
  }
}
