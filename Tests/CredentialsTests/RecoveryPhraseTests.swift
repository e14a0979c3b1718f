import CanonicalEncoding
import Credentials
import TestSupport
import Testing

@Suite("Words for secrets")
struct RecoveryPhraseTests {
  private struct Case: Decodable {
    let entropy: Hex
    let words: String
  }

  private static let zeroWords = String(repeating: "abandon ", count: 23) + "art"

  private func code(_ work: () throws(CredentialError) -> Void) -> CredentialError.Code? {
    do {
      try work()
      return nil
    } catch {
      return error.code
    }
  }

  @Test("are those of the published list")
  func list() {
    let file = EnglishWords.all.map { "\($0)\n" }.joined()
    #expect(
      "\(Digest32(sha256: Array(file.utf8)))"
        == "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda")
    #expect(EnglishWords.all.count == 2048)
    #expect(Set(EnglishWords.all.map { $0.prefix(4) }).count == 2048)
  }

  @Test("are those of BIP-39, there and back")
  func vectors() throws {
    let cases = try VectorFile<Case>("bip39", in: .module).cases
    #expect(cases.count == 16)
    for test in cases {
      let secret = test.entropy.bytes
      #expect(WordPhrase.words(for: secret).joined(separator: " ") == test.words)
      #expect(try WordPhrase.secret(test.words, byteCount: secret.count) == secret)
      if secret.count == 32 {
        #expect(try RecoveryPhrase(secret).text == test.words)
        #expect(try RecoveryPhrase(words: test.words).secret == secret)
      }
    }
  }

  @Test("bring a patient's root back")
  func root() throws {
    let root = try PatientRoot([UInt8](1...32))
    let phrase = try root.recoveryPhrase
    #expect(phrase.words.count == 24)
    #expect(try PatientRoot(RecoveryPhrase(words: phrase.text)).encoded() == root.encoded())
  }

  @Test(
    "are read however they were typed",
    arguments: [
      zeroWords.uppercased(), "  " + zeroWords + "\n",
      zeroWords.split(separator: " ").joined(separator: "\r\n\t"),
      zeroWords.split(separator: " ").joined(separator: "\u{3000}"),
      zeroWords.split(separator: " ").joined(separator: "\u{200b} "),
      zeroWords.replacing(" ", with: ", "), zeroWords.replacing(" ", with: ",") + ",",
      // Letters of full width, and a byte order mark.
      "\u{feff}"
        + String(
          String.UnicodeScalarView(
            zeroWords.unicodeScalars.map {
              $0 == " " ? $0 : Unicode.Scalar($0.value + 0xfee0) ?? $0
            })),
    ])
  func forgiving(text: String) throws {
    #expect(try RecoveryPhrase(words: text).secret == [UInt8](repeating: 0, count: 32))
  }

  @Test("with a fault are refused, and the fault is named")
  func faults() throws {
    let words = try RecoveryPhrase([UInt8](1...32)).words
    func refusal(_ change: (inout [String]) -> Void) -> CredentialError? {
      var words = words
      change(&words)
      do {
        _ = try RecoveryPhrase(words: words.joined(separator: " "))
        return nil
      } catch {
        return error
      }
    }
    let unknown = try #require(refusal { $0[4] = "abandn" })
    #expect(unknown.code == .unknownWord)
    #expect(unknown.message.contains("word 5") && unknown.message.contains("\"abandn\""))
    #expect(refusal { $0.removeLast() }?.code == .wordCount)
    #expect(refusal { $0.append("zoo") }?.code == .wordCount)
    #expect(refusal { $0 = [] }?.code == .wordCount)
    #expect(refusal { $0 = Array($0.prefix(12)) }?.code == .wordCount)
    #expect(refusal { $0 = Array(repeating: "zoo", count: 1 << 20) }?.code == .wordCount)
    #expect(refusal { $0.swapAt(0, 1) }?.code == .wordChecksum)
    #expect(refusal { $0[23] = $0[23] == "zoo" ? "zone" : "zoo" }?.code == .wordChecksum)
    // 24 words of the list, with a checksum that is not theirs.
    #expect(refusal { $0 = Array(repeating: "abandon", count: 24) }?.code == .wordChecksum)
    #expect(code { () throws(CredentialError) in _ = try RecoveryPhrase([1, 2]) } == .invalidKey)
  }

  @Test("that are none steer no terminal and fill no screen")
  func hostileWord() throws {
    let words = ["\u{1b}[2J" + String(repeating: "a", count: 1000)]
    do {
      _ = try RecoveryPhrase(words: words[0])
      Issue.record("a phrase")
    } catch {
      #expect(error.code == .unknownWord)
      #expect(error.message.count < 80 && !error.message.contains("\u{1b}"))
    }
  }

  @Test("of a digest are its first bits, 11 a word")
  func digest() {
    #expect(
      WordPhrase.words(ofDigest: [0xff, 0xe0, 0x00] + [UInt8](repeating: 0, count: 29), count: 3)
        == ["zoo", "abandon", "abandon"])
    let digest = Digest32(sha256: [1]).bytes
    #expect(WordPhrase.words(ofDigest: digest, count: 6).count == 6)
    var other = digest
    // The 66th bit counts, the 67th does not.
    other[8] ^= 0x20
    #expect(
      WordPhrase.words(ofDigest: digest, count: 6) == WordPhrase.words(ofDigest: other, count: 6))
    other[8] ^= 0x40
    #expect(
      WordPhrase.words(ofDigest: digest, count: 6) != WordPhrase.words(ofDigest: other, count: 6))
  }
}
