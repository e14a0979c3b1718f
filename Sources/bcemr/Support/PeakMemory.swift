#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The most memory that this process had at one time.
enum PeakMemory {
  static func bytes() -> Int {
    var usage = rusage()
    #if canImport(Glibc)
      guard unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
      return usage.ru_maxrss << 10
    #else
      guard unsafe getrusage(RUSAGE_SELF, &usage) == 0 else { return 0 }
      return usage.ru_maxrss
    #endif
  }
}
