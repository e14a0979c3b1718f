#if Network
  import Credentials
  import Foundation
  import Keystore

  #if canImport(Glibc)
    import Glibc
  #else
    import Darwin
  #endif

  /// Reads passphrases: from a file, from a descriptor, or typed on the terminal without being shown.
  enum PassphraseInput {
    /// Of a file, or of what a terminal gives.
    private static let limit = 4096

    /// The passphrase of keys that are there.
    static func known(_ options: some PassphraseSource, of place: String) throws -> Passphrase {
      try Passphrase(given(options) ?? typed("Passphrase of \(place): "))
    }

    /// The passphrase of keys that are being made; typed twice.
    static func new(_ options: some PassphraseSource, of place: String) throws -> Passphrase {
      if let text = try given(options) { return try Passphrase(new: text) }
      let first = try typed("New passphrase of \(place): ")
      let passphrase = try Passphrase(new: first)
      guard try typed("The same again: ") == first else {
        throw CommandFailure(
          .badInput, code: "passphrase", "the two passphrases are not the same; nothing was made")
      }
      return passphrase
    }

    private static func given(_ options: some PassphraseSource) throws -> String? {
      if let path = options.passphraseFile {
        let contents: DurableFile.Contents
        do {
          contents = try DurableFile.read(path, limit: limit)
        } catch {
          throw CommandFailure(error)
        }
        guard contents.isPrivate else {
          throw CommandFailure(
            .badInput, code: "insecure-file",
            "\(path): others may read or change this passphrase; set its mode to 0600")
        }
        return try firstLine(contents.bytes, path)
      }
      guard let descriptor = options.passphraseDescriptor else { return nil }
      let name = "descriptor \(descriptor)"
      return try firstLine(bytes(of: descriptor, name, untilNewline: false), name)
    }

    private static func firstLine(_ bytes: [UInt8], _ name: String) throws -> String {
      let line = bytes.prefix { $0 != 0x0a && $0 != 0x0d }
      guard let text = String(validating: line, as: UTF8.self) else {
        throw CommandFailure(.badInput, code: "passphrase", "\(name): this is not UTF-8")
      }
      return text
    }

    private static func bytes(
      of descriptor: Int32, _ name: String, untilNewline: Bool
    ) throws -> [UInt8] {
      var bytes: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 256)
      while bytes.count <= limit {
        let count = unsafe buffer.withUnsafeMutableBytes {
          unsafe read(descriptor, $0.baseAddress, $0.count)
        }
        if count == 0 { return bytes }
        guard count > 0 || errno == EINTR else {
          throw CommandFailure(DurableFile.Failure(path: name, code: errno))
        }
        bytes += buffer.prefix(max(count, 0))
        if untilNewline, bytes.contains(where: { $0 == 0x0a || $0 == interrupt }) { return bytes }
      }
      throw CommandFailure(.badInput, code: "too-large", "\(name): this is no passphrase")
    }

    /// What a terminal gives for Control-C while it makes no signal of it.
    private static let interrupt: UInt8 = 3

    /// Asks on the terminal itself, whatever standard input and output are.
    private static func typed(_ prompt: String) throws -> String {
      let terminal = unsafe open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
      guard terminal >= 0 else {
        throw CommandFailure(
          .badInput, code: "no-passphrase", "there is no terminal to ask for the passphrase on",
          hint: "--passphrase-file or --passphrase-fd")
      }
      defer { close(terminal) }
      var before = termios()
      guard unsafe tcgetattr(terminal, &before) == 0 else {
        throw CommandFailure(DurableFile.Failure(path: "/dev/tty", code: errno))
      }
      var silent = before
      // Without signals, so that nothing ends the program while nothing typed is shown.
      silent.c_lflag &= ~tcflag_t(ECHO | ISIG)
      // Ends a line, so that it is read at once.
      unsafe withUnsafeMutableBytes(of: &silent.c_cc) { unsafe $0[Int(VEOL)] = interrupt }
      guard unsafe tcsetattr(terminal, TCSAFLUSH, &silent) == 0 else {
        throw CommandFailure(DurableFile.Failure(path: "/dev/tty", code: errno))
      }
      defer {
        _ = unsafe tcsetattr(terminal, TCSAFLUSH, &before)
        put("\n", terminal)
      }
      put(prompt, terminal)
      let bytes = try bytes(of: terminal, "/dev/tty", untilNewline: true)
      guard !bytes.contains(interrupt) else {
        throw CommandFailure(.badInput, code: "passphrase", "given up; nothing was done")
      }
      return try firstLine(bytes, "/dev/tty")
    }

    private static func put(_ text: String, _ terminal: Int32) {
      let bytes = Array(text.utf8)
      _ = unsafe bytes.withUnsafeBytes { unsafe write(terminal, $0.baseAddress, $0.count) }
    }
  }
#endif
