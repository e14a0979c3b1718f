import Foundation

/// One form of what people write down in several, so that a person has one visit of an Encounter under way
/// (specification 8.2).
package enum WrittenForm {
  /// A text in Unicode's NFC, with one space for each run of white space, and none before or behind it:
  /// how identities and Encounters are sent, kept and hashed.
  package static func canonical(_ text: String) -> String {
    text.unicodeScalars.split(whereSeparator: \.properties.isWhitespace)
      .map { String(String.UnicodeScalarView($0)) }.joined(separator: " ")
      .precomposedStringWithCanonicalMapping
  }

  /// Whether a text has that form, byte for byte: to Swift, texts that look the same are equal.
  package static func isCanonical(_ text: String) -> Bool {
    canonical(text).utf8.elementsEqual(text.utf8)
  }

  /// What a hospital compares identities by: capital and small letters are one, and what nobody sees is
  /// left out. Encounters keep their letters, which FHIR tells apart.
  package static func comparable(identity: String) -> String {
    let visible = identity.unicodeScalars.filter { !$0.properties.isDefaultIgnorableCodePoint }
    // Both ways, for letters that have no capital or small one of their own, as ß and ẞ.
    return canonical(
      canonical(String(String.UnicodeScalarView(visible)))
        .lowercased().uppercased().lowercased())
  }
}
