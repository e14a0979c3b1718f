#if Network
  import Synchronization

  #if canImport(Glibc)
    import Glibc
  #else
    import Darwin
  #endif

  /// Whether the process was told to end: what is under way ends first. A second signal ends it at once.
  enum StopSignal {
    private static let given = Atomic<Bool>(false)

    static var isGiven: Bool { given.load(ordering: .relaxed) }

    /// From now on SIGINT and SIGTERM are noted.
    static func listen() {
      for number in [SIGINT, SIGTERM] {
        _ = signal(number) { number in
          given.store(true, ordering: .relaxed)
          signal(number, SIG_DFL)
        }
      }
    }
  }
#endif
