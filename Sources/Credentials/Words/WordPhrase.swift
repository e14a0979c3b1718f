import Crypto
import Foundation

/// Bytes as words that people write down, read out and compare (BIP-39).
package enum WordPhrase {
  private static let bitsPerWord = 11
  /// Of a phrase to read, in bytes of UTF-8; 24 words have at most 215.
  private static let maximumByteCount = 4096

  /// A secret as words, the last of which holds a checksum of one bit for each 32.
  ///
  /// - Parameter secret: 16 or 32 bytes, for 12 or 24 words.
  package static func words(for secret: [UInt8]) -> [String] {
    let bitCount = secret.count * 8
    return words(of: secret + SHA256.hash(data: secret), bitCount: bitCount + bitCount / 32)
  }

  /// The first words of a digest, without a checksum: 11 bits a word.
  package static func words(ofDigest digest: [UInt8], count: Int) -> [String] {
    words(of: digest, bitCount: count * bitsPerWord)
  }

  /// The secret that words stand for. Case, white space, commas and compatibility forms of letters make no
  /// difference.
  ///
  /// - Parameter byteCount: of the secret: 16 or 32.
  /// - Throws: ``CredentialError`` `unknownWord`, naming it; `wordCount`; `wordChecksum`.
  package static func secret(
    _ text: String, byteCount: Int
  ) throws(CredentialError) -> [UInt8] {
    let checksumBitCount = byteCount / 4
    let count = (byteCount * 8 + checksumBitCount) / bitsPerWord
    let words = try Self.words(text, count: count)
    let bits = words.compactMap { EnglishWords.indices[$0] }.flatMap { index in
      (0..<bitsPerWord).map { index >> (bitsPerWord - 1 - $0) & 1 }
    }
    let secret = (0..<byteCount).map { byte in
      UInt8(bits[8 * byte..<8 * byte + 8].reduce(0) { $0 << 1 | $1 })
    }
    guard words == self.words(for: secret) else {
      throw CredentialError(
        .wordChecksum, "the words do not belong together: one is wrong, or in another's place")
    }
    return secret
  }

  /// The words of a text, so many and all of them of the list.
  ///
  /// - Throws: ``CredentialError`` `unknownWord`, naming it; `wordCount`.
  package static func words(_ text: String, count: Int) throws(CredentialError) -> [String] {
    let words = try split(text)
    if let place = words.firstIndex(where: { EnglishWords.indices[$0] == nil }) {
      throw CredentialError(
        .unknownWord, "word \(place + 1), \"\(printable(words[place]))\", is not in the list")
    }
    guard words.count == count else {
      throw CredentialError(.wordCount, "\(words.count) words, not \(count)")
    }
    return words
  }

  /// The words of a text, in the form in which the list has them.
  ///
  /// - Throws: ``CredentialError`` `wordCount` for a text that is longer than any phrase.
  private static func split(_ text: String) throws(CredentialError) -> [String] {
    guard text.utf8.count <= maximumByteCount else {
      throw CredentialError(.wordCount, "more words than any phrase has")
    }
    // Letters of other widths become plain ones; marks that nobody sees, as between pasted words, go.
    let plain = text.decomposedStringWithCompatibilityMapping.lowercased()
    let visible = String.UnicodeScalarView(
      plain.unicodeScalars.filter { !$0.properties.isDefaultIgnorableCodePoint })
    return String(visible).split { $0.isWhitespace || $0 == "," || $0 == "\u{3001}" }.map(
      String.init)
  }

  private static func words(of bytes: [UInt8], bitCount: Int) -> [String] {
    stride(from: 0, to: bitCount, by: bitsPerWord).map { start in
      let index = (start..<start + bitsPerWord).reduce(0) { index, bit in
        index << 1 | Int(bytes[bit / 8] >> UInt8(7 - bit % 8) & 1)
      }
      return EnglishWords.all[index]
    }
  }

  /// A word that somebody typed, short and harmless to a terminal.
  private static func printable(_ word: String) -> String {
    String(word.prefix(16).map { $0.isLetter || $0.isNumber ? $0 : "?" })
  }
}
