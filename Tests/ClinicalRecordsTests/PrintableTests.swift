import Foundation
import TerminalText
import Testing

@Suite("Text and JSON that steer no terminal")
struct PrintableTests {
  private static let steering =
    "\u{7f}\u{80}\u{9b}\u{202e}\u{2066}\u{200b}\u{2028}\u{e000}\u{e0001}"

  @Test("[attack] JSON with characters that steer is escaped, and is the same JSON")
  func json() throws {
    let value = ["\(Self.steering)": "Åse 医 \(Self.steering) 😀"]
    let plain = try [UInt8](JSONEncoder().encode(value))
    let shown = printableJSON(plain)
    #expect(shown != plain)
    let text = String(decoding: shown, as: UTF8.self)
    #expect(text.unicodeScalars.allSatisfy { !Self.steering.unicodeScalars.contains($0) })
    #expect(text.contains("Åse 医") && text.contains("😀") && text.contains(#"\u202e"#))
    #expect(text.contains(#"\udb40\udc01"#))
    #expect(try JSONDecoder().decode([String: String].self, from: Data(shown)) == value)
    let harmless = Array("{\n  \"a\" : \"ü\"\n}\n".utf8)
    #expect(printableJSON(harmless) == harmless)
  }

  @Test("[attack] in pages such characters stand by their numbers")
  func byNumber() {
    #expect(printableByNumber("a\u{202e}b\u{1b}c\u{e0001}") == "a[U+202E]b[U+001B]c[U+E0001]")
    #expect(printableByNumber("Åse\n\t医 😀") == "Åse\n\t医 😀")
  }
}
