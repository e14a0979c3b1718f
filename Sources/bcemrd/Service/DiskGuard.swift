import Consortium
import Logging
import ServiceLifecycle
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Looks at the free room on the disk of the data folder. Below a floor nothing new is taken that has to be
/// stored, so that the disk never is full; far below it no role takes a step either. Above a second mark all goes
/// on by itself.
final class DiskGuard: Service {
  private struct State {
    var free: UInt64?
    var isOpen = true
    var mayStep = true
  }

  private static let interval = Duration.seconds(2)

  private let path: String
  private let settings: LiveSettings
  private let logger: Logger
  private let rooms = Mutex<[Room]>([])
  private let state = Mutex(State())

  init(path: String, settings: LiveSettings, logger: Logger) {
    (self.path, self.settings, self.logger) = (path, settings, logger)
  }

  /// Closes this room too while there is none.
  func add(_ room: Room) { rooms.withLock { $0.append(room) } }

  /// Free for this account, in bytes; nil if it is not known.
  var free: UInt64? { state.withLock { $0.free } }
  /// Whether what has to be stored is taken.
  var isOpen: Bool { state.withLock { $0.isOpen } }
  /// Why nothing is taken, for people; nil while it is.
  var refusal: String? {
    state.withLock {
      $0.isOpen ? nil : "\(($0.free ?? 0) >> 20) MiB are free: nothing new is taken"
    }
  }
  /// Whether roles may go on by themselves: a vote needs little, and the others wait for it.
  var mayStep: Bool { state.withLock { $0.mayStep } }

  func run() async throws {
    await repeatUntilShutdown(every: Self.interval) { self.look() }
  }

  /// Looks once.
  func look() {
    let present = settings.present
    let free = Self.freeBytes(path)
    let (before, now) = state.withLock { state in
      let before = state.isOpen
      state.free = free
      if let free {
        // A disk without a free byte is full, also where there is no floor.
        if free < max(present.diskFloor, 1) { state.isOpen = false }
        if free >= max(present.diskResume, 1) { state.isOpen = true }
        state.mayStep = state.isOpen || free >= present.diskFloor / 4
      }
      return (before, state.isOpen)
    }
    for room in rooms.withLock({ $0 }) { room.isOpen = now }
    guard before != now else { return }
    let told: Logger.Metadata = [
      "free": "\(free ?? 0)", "floor": "\(present.diskFloor)", "resume": "\(present.diskResume)",
    ]
    if now {
      logger.notice("the disk has room again: all is taken", metadata: told)
    } else {
      logger.error("the disk is almost full: nothing new is taken", metadata: told)
    }
  }

  /// Free for this account on the disk of a file or folder, in bytes.
  static func freeBytes(_ path: String) -> UInt64? {
    var status = statvfs()
    guard unsafe statvfs(path, &status) == 0 else { return nil }
    return UInt64(status.f_bavail) &* UInt64(status.f_frsize)
  }
}
