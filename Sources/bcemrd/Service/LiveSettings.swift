import EtcdBackend
import Logging
import Synchronization

/// The configuration as it is now: some of it may change while the daemon runs.
final class LiveSettings: Sendable {
  private let state: Mutex<DaemonConfiguration>

  init(_ configuration: DaemonConfiguration) { state = Mutex(configuration) }

  var present: DaemonConfiguration { state.withLock { $0 } }

  /// Takes over what may change: log level, marks of the disk, and what counts as ready.
  ///
  /// - Returns: the names of what differs and needs a restart.
  func adopt(_ new: DaemonConfiguration) -> [String] {
    state.withLock { state in
      let fixed: [(String, Bool)] = [
        ("genesis", state.genesis == new.genesis), ("data", state.data == new.data),
        ("roles", state.roles == new.roles), ("listen", state.listen == new.listen),
        ("operations", state.operations == new.operations), ("pause", state.pause == new.pause),
        ("desk.socket", state.deskSocket == new.deskSocket),
        ("engine.machine", state.engine?.machine == new.engine?.machine),
        (
          "engine.etcd",
          state.engine?.etcd.certificates == new.engine?.etcd.certificates
        ),
      ]
      state.logLevel = new.logLevel
      (state.readyBehind, state.readyStalled) = (new.readyBehind, new.readyStalled)
      (state.diskFloor, state.diskResume) = (new.diskFloor, new.diskResume)
      (state.certificate, state.key) = (new.certificate, new.key)
      return fixed.filter { !$0.1 }.map(\.0)
    }
  }
}
