import CanonicalEncoding
import Credentials
import Crypto
import Ledger

/// By what people compare a party on the telephone: who runs it, all its keys, and where it is reached.
struct Fingerprint: Encodable, Equatable {
  /// Of 132 bits: whoever wants other keys to have the same has to try 2^132 of them.
  private static let wordCount = 12

  let words: [String]

  init(_ party: Party) {
    words = WordPhrase.words(
      ofDigest: Array(SHA256.hash(data: party.encodedSequence())), count: Self.wordCount)
  }

  var text: String { words.joined(separator: " ") }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}
