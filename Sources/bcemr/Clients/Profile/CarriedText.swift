#if Network
  import Credentials
  import Foundation

  #if canImport(Glibc)
    import Glibc
  #else
    import Darwin
  #endif

  /// What people carry from one device to another: an argument, or standard input for `-`, which keeps it out of the
  /// list of processes.
  enum CarriedText {
    private static let limit = 1 << 16

    /// On a terminal it is asked for, and one line is enough.
    ///
    /// - Parameters:
    ///   - what: what is asked for.
    ///   - words: how many words have to come at least; an empty line ends them too.
    static func read(_ argument: String, asking what: String, words: Int = 1) throws -> String {
      guard argument == "-" else { return argument }
      let isTyped = isatty(STDIN_FILENO) == 1
      if isTyped { Console.write("\(what): ", to: .diagnostics) }
      var bytes: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 4096)
      while bytes.count <= limit {
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe take($0) }
        if count == 0 { return String(decoding: bytes, as: UTF8.self) }
        guard count > 0 || errno == EINTR else {
          throw CommandFailure(DurableFile.Failure(path: "-", code: errno))
        }
        bytes += buffer.prefix(max(count, 0))
        // A terminal gives a line at a time.
        if isTyped, count > 0 {
          let text = String(decoding: bytes, as: UTF8.self)
          let isEmpty = buffer.prefix(count) == [UInt8(ascii: "\n")]
          if isEmpty || text.split(whereSeparator: \.isWhitespace).count >= words { return text }
        }
      }
      throw CommandFailure(.badInput, code: "too-large", "-: this is longer than any code")
    }

    /// The words of a recovery phrase, of a file or of standard input for `-`.
    static func phrase(_ path: String) throws -> String {
      guard path != "-" else {
        return try read("-", asking: "The 24 words, on one line or several", words: 24)
      }
      return String(decoding: try SystemFile.contents(of: path, limit: limit), as: UTF8.self)
    }

    private static func take(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
      #if canImport(Glibc)
        unsafe Glibc.read(STDIN_FILENO, buffer.baseAddress, buffer.count)
      #else
        unsafe Darwin.read(STDIN_FILENO, buffer.baseAddress, buffer.count)
      #endif
    }
  }
#endif
