#if Network
  import Foundation

  #if canImport(Glibc)
    import Glibc
  #else
    import Darwin
  #endif

  /// What a process has used until now, as Linux says it.
  struct ProcessUse: Sendable {
    /// Of processors, in seconds.
    let processorSeconds: Double
    /// Resident, in bytes.
    let memory: Int
    /// Written to disks, in bytes; nil where it may not be seen.
    let written: Int?

    /// - Parameter process: its number; nil for this one.
    /// - Returns: nil where there is no such process, or the system does not say.
    static func read(_ process: Int32? = nil) -> ProcessUse? {
      let folder = "/proc/\(process.map(String.init) ?? "self")"
      // Behind the name, which may have anything in it; man 5 proc.
      guard let stat = text("\(folder)/stat"), let end = stat.lastIndex(of: ")"),
        case let fields = stat[end...].split(separator: " "), fields.count > 22,
        let user = Double(fields[12]), let system = Double(fields[13]), let pages = Int(fields[22])
      else { return nil }
      let written = text("\(folder)/io")?.split(separator: "\n")
        .first { $0.hasPrefix("write_bytes: ") }
        .flatMap { Int($0.dropFirst("write_bytes: ".count)) }
      return ProcessUse(
        processorSeconds: (user + system) / Double(sysconf(Int32(_SC_CLK_TCK))),
        memory: pages * Int(sysconf(Int32(_SC_PAGESIZE))), written: written)
    }

    private static func text(_ path: String) -> String? {
      try? String(contentsOfFile: path, encoding: .utf8)
    }

    /// How many processes wanted a processor, on average over the last minute; nil where nobody says.
    static var machineLoad: Double? {
      text("/proc/loadavg")?.split(separator: " ").first.flatMap { Double($0) }
    }
  }
#endif
