import ArgumentParser
import TerminalText

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The options that every command has.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print one JSON value instead of text.")
  var json = false

  @Flag(help: "Print no result; the exit code says how it ended.")
  var quiet = false

  @Flag(help: "Report progress on stderr even if that is no terminal.")
  var progress = false

  @Flag(inversion: .prefixedNo, help: "Use colors. By default only on a terminal.")
  var color: Bool?

  func validate() throws {
    guard !(json && quiet) else {
      throw ValidationError("--json and --quiet exclude each other")
    }
  }

  var console: Console {
    Console(
      isQuiet: json || quiet, isReported: json,
      usesColor: color ?? (SystemFile.Stream.output.isTerminal && Self.environmentAllowsColor),
      showsProgress: progress || (!quiet && SystemFile.Stream.diagnostics.isTerminal))
  }

  private static var environmentAllowsColor: Bool {
    // https://no-color.org
    ProcessInfo.processInfo.environment["NO_COLOR", default: ""].isEmpty
  }
}

/// Results on stdout; diagnostics and progress on stderr.
struct Console: Sendable {
  /// Whether text is kept back.
  let isQuiet: Bool
  /// Whether a JSON value says what is wrong, so that stderr need not.
  var isReported = false
  let usesColor: Bool
  let showsProgress: Bool

  /// Text of one line or several; what could steer a terminal in it becomes spaces.
  func line(_ text: String = "") { verbatim(printableLines(text) + "\n") }

  /// Text that is a result byte for byte.
  func verbatim(_ text: String) {
    if !isQuiet { Self.write(text, to: .output) }
  }

  func heading(_ text: String) {
    line()
    guard usesColor else { return line(text) }
    verbatim("\u{1b}[1m\(printableLines(text))\u{1b}[0m\n")
  }

  /// One state of long work; on a terminal it takes the place of the one before.
  func progress(_ text: String) {
    guard showsProgress else { return }
    let isTerminal = SystemFile.Stream.diagnostics.isTerminal
    let text = printable(text, limit: .max)
    Self.write(isTerminal ? "\r\u{1b}[K\(text)" : "bcemr: \(text)\n", to: .diagnostics)
  }

  /// Ends progress, so that what follows begins on a clean line.
  func endProgress() {
    guard showsProgress, SystemFile.Stream.diagnostics.isTerminal else { return }
    Self.write("\r\u{1b}[K", to: .diagnostics)
  }

  /// Says what is wrong, on lines that steer no terminal, whatever files it names.
  static func diagnostic(_ text: String) {
    write("bcemr: \(printableLines(text))\n", to: .diagnostics)
  }

  /// Writes one JSON value in the project's form: sorted snake_case keys. On a terminal, what could steer it is
  /// escaped.
  static func write(_ value: some Encodable) {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(value) else {
      preconditionFailure("reports have nothing that JSON cannot hold")
    }
    write(forOutput(Array(data) + [UInt8(ascii: "\n")]), to: .output)
  }

  /// JSON as standard output gets it.
  static func forOutput(_ json: [UInt8]) -> [UInt8] {
    SystemFile.Stream.output.isTerminal ? printableJSON(json) : json
  }

  static func write(_ text: String, to stream: SystemFile.Stream) {
    write(Array(text.utf8), to: stream)
  }

  /// A result that cannot be delivered is a failure of the command; a lost diagnostic is not.
  private static func write(_ bytes: [UInt8], to stream: SystemFile.Stream) {
    guard let problem = SystemFile.put(bytes, into: stream), stream == .output else { return }
    diagnostic(problem)
    BCEMR.exit(withError: ExitCode(CommandFailure.ExitStatus.badInput.rawValue))
  }
}
