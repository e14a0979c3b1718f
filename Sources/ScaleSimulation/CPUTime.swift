#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What this process has computed so far, of all its threads.
package enum CPUTime {
  /// In milliseconds.
  package static func milliseconds() -> Double {
    var time = timespec()
    guard unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return 0 }
    return Double(time.tv_sec) * 1e3 + Double(time.tv_nsec) / 1e6
  }
}
