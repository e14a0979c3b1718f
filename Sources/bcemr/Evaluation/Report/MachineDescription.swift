import Foundation

/// The machine that the command runs on, in words.
enum MachineDescription {
  static var text: String {
    let system = ProcessInfo.processInfo
    let cores = Quantity.count(system.activeProcessorCount, "core")
    return [processor, cores, system.operatingSystemVersionString].compactMap { $0 }
      .joined(separator: ", ")
  }

  /// What Linux says; nil on another system.
  private static var processor: String? {
    guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8) else {
      return nil
    }
    let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
    return line?.split(separator: ":", maxSplits: 1).last?
      .trimmingCharacters(in: .whitespaces)
  }
}
