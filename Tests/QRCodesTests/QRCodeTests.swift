import Foundation
import QRCodes
import Testing

/// Read back by zbar, which shares no code with what makes them.
@Suite("QR codes")
struct QRCodeTests {
  private static let texts = [
    "BCEMR:TICKET:ABCDEFGHIJKLMNOPQRSTUVWXYZ", "lower case, and \\\"?",
    String(repeating: "PRESENCE-0123456789/", count: 25), "1",
  ]

  /// What zbar reads in a picture; empty if it finds no code.
  private func read(_ pgm: [UInt8]) throws -> String {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "qrcode-\(UInt64.random(in: .min ... .max))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let picture = folder.appending(path: "code.pgm")
    try Data(pgm).write(to: picture)
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["zbarimg", "--quiet", "--raw", "--oneshot", picture.path()]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    try #require([0, 4].contains(process.terminationStatus), "zbarimg is missing")
    return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines)
  }

  @Test("are read back from a picture", arguments: texts)
  func picture(text: String) throws {
    #expect(try read(QRCode(text).pgm(scale: 4)) == text)
    #expect(try read(QRCode(text, correction: .high).pgm(scale: 3)) == text)
  }

  /// A terminal, as grey values, with grounds and letters of its own.
  private struct Terminal {
    let letters: UInt8
    let ground: UInt8

    static let light = Terminal(letters: 0, ground: 255)
    static let dark = Terminal(letters: 230, ground: 10)

    /// What it shows of a text, each character two squares above each other, on a wider ground.
    func picture(of text: String, scale: Int) -> [UInt8] {
      let margin = 6
      let lines = text.split(separator: "\n")
      let width = (lines.map { squares($0).count }.max() ?? 0) + 2 * margin
      var rows: [[UInt8]] = Array(
        repeating: Array(repeating: ground, count: width), count: margin)
      for line in lines {
        let squares = squares(line)
        let rest = [UInt8](repeating: ground, count: width - margin - squares.count)
        let edge = [UInt8](repeating: ground, count: margin)
        rows.append(edge + squares.map(\.upper) + rest)
        rows.append(edge + squares.map(\.lower) + rest)
      }
      rows += Array(repeating: Array(repeating: ground, count: width), count: margin)
      let pixels = rows.flatMap { row in
        let line = row.flatMap { [UInt8](repeating: $0, count: scale) }
        return (0..<scale).flatMap { _ in line }
      }
      return Array("P5\n\(width * scale) \(rows.count * scale)\n255\n".utf8) + pixels
    }

    private func squares(_ line: Substring) -> [(upper: UInt8, lower: UInt8)] {
      var (letters, ground) = (letters, ground)
      var squares: [(upper: UInt8, lower: UInt8)] = []
      var rest = line[...]
      while let character = rest.first {
        rest = rest.dropFirst()
        switch character {
        case "\u{1b}":
          switch rest.prefix(while: { $0 != "m" }) {
          case "[38;5;16;48;5;231": (letters, ground) = (0, 255)
          case "[0": (letters, ground) = (self.letters, self.ground)
          default: Issue.record("another escape sequence")
          }
          rest = rest.drop { $0 != "m" }.dropFirst()
        case " ": squares.append((ground, ground))
        case "▀": squares.append((letters, ground))
        case "▄": squares.append((ground, letters))
        case "█": squares.append((letters, letters))
        default: Issue.record("another character")
        }
      }
      return squares
    }
  }

  @Test("are read back from a terminal, light or dark", arguments: texts)
  func terminal(text: String) throws {
    let code = try QRCode(text)
    for terminal in [Terminal.light, .dark] {
      #expect(try read(terminal.picture(of: code.drawn(.fixed), scale: 4)) == text)
    }
    #expect(try read(Terminal.light.picture(of: code.drawn(.own), scale: 4)) == text)
    #expect(!code.drawn(.own).contains("\u{1b}"))
  }

  @Test("have their quiet zone, and the least size for what they say")
  func size() throws {
    let code = try QRCode("BCEMR:TICKET:ABCDEFGHIJKLMNOPQRSTUVWXY")
    // 38 characters of the alphanumeric alphabet have room in version 2.
    #expect(code.size == 25)
    let lines = code.drawn(.own).split(separator: "\n")
    #expect(lines.count == 17 && lines.allSatisfy { $0.count == 33 })
    #expect(lines.prefix(2).allSatisfy { $0.allSatisfy { $0 == " " } })
    #expect(lines.allSatisfy { $0.hasPrefix("    ") && $0.hasSuffix("    ") })
    #expect(try QRCode("bcemr:ticket:abcdefghijklmnopqrstuvwxyz").size > 25)
  }

  @Test("of what has none are refused")
  func refused() throws {
    #expect(throws: QRCodeError.invalidText) { try QRCode("") }
    #expect(throws: QRCodeError.invalidText) { try QRCode("a\0b") }
    #expect(throws: QRCodeError.invalidText) { try QRCode("ä") }
    #expect(throws: QRCodeError.tooLong) { try QRCode(String(repeating: "a", count: 4000)) }
  }
}
