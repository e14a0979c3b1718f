#if Network
  import Synchronization

  #if canImport(Glibc)
    import Glibc
  #else
    import Darwin
  #endif

  /// A signal handler captures nothing.
  private let isStopGiven = Atomic<Bool>(false)

  /// Whether the process was told to end: what is under way ends first. A second signal ends it at once.
  enum StopSignal {
    static var isGiven: Bool { isStopGiven.load(ordering: .relaxed) }

    /// From now on SIGINT and SIGTERM are noted.
    static func listen() {
      for number in [SIGINT, SIGTERM] {
        _ = signal(number) { received in
          isStopGiven.store(true, ordering: .relaxed)
          _ = signal(received, SIG_DFL)
        }
      }
    }
  }
#endif
