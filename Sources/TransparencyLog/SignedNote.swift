/// A text with signatures of which none has been verified (C2SP signed-note).
public struct SignedNote: Sendable, Equatable {
  /// In UTF-8 bytes: room for the largest signatures that C2SP foresees.
  public static let maximumByteCount = 1 << 20
  /// How many signature lines a note has at most.
  public static let maximumSignatureCount = 1024

  /// The text that is signed, with its final newline.
  public let body: String
  /// In the order of the note; who of them is known is for the verifier to say.
  public let signatures: [NoteSignature]

  init(body: String, signatures: [NoteSignature]) {
    self.body = body
    self.signatures = signatures
  }

  /// - Throws: `encoding` if this is not a signed note, `key` if a name cannot be one, `too-large`.
  public init(encoded text: String) throws(TransparencyLogError) {
    guard text.utf8.count <= Self.maximumByteCount else {
      throw TransparencyLogError(.tooLarge, "the note is too long")
    }
    let lines = try text.printableLines()
    guard let end = lines.lastIndex(of: ""), end > 0, end < lines.count - 1 else {
      throw TransparencyLogError(.encoding, "a note is a text, an empty line and signatures")
    }
    guard lines.count - 1 - end <= Self.maximumSignatureCount else {
      throw TransparencyLogError(.tooLarge, "the note has too many signatures")
    }
    var signatures: [NoteSignature] = []
    for line in lines[(end + 1)...] { signatures.append(try NoteSignature(line: line)) }
    self.init(body: lines[..<end].map { $0 + "\n" }.joined(), signatures: signatures)
  }

  /// The text form, which is the only one of this note.
  public var encoded: String { body + "\n" + signatures.map { $0.line + "\n" }.joined() }

  /// This note with the signature lines of another on the same text behind its own, each line once.
  /// - Throws: `text` if the texts are two, `too-large`.
  public func adding(_ other: SignedNote) throws(TransparencyLogError) -> SignedNote {
    guard body.isSameUTF8(as: other.body) else {
      throw TransparencyLogError(.text, "the signatures are not on one text")
    }
    var known = Set(signatures.map { Array($0.line.utf8) })
    let added = other.signatures.filter { known.insert(Array($0.line.utf8)).inserted }
    let note = SignedNote(body: body, signatures: signatures + added)
    guard note.signatures.count <= Self.maximumSignatureCount,
      note.encoded.utf8.count <= Self.maximumByteCount
    else { throw TransparencyLogError(.tooLarge, "the note has too many signatures") }
    return note
  }

  public static func == (a: Self, b: Self) -> Bool { a.encoded.isSameUTF8(as: b.encoded) }
}

/// One signature line of a note: `— name base64(key ID ‖ signature)`.
public struct NoteSignature: Sendable {
  /// Of the key that is said to have signed.
  public let name: String
  /// Of the same key; proves nothing.
  public let keyID: UInt32
  /// What the key signed with; its form depends on the type of the key.
  public let signature: [UInt8]

  init(name: String, keyID: UInt32, signature: [UInt8]) {
    self.name = name
    self.keyID = keyID
    self.signature = signature
  }

  init(line: String) throws(TransparencyLogError) {
    let parts = line.split(at: UInt8(ascii: " "))
    guard parts.count == 3, parts[0].isSameUTF8(as: "—") else {
      throw TransparencyLogError(.encoding, "a signature line is not '— name base64'")
    }
    try NoteVerifierKey.check(name: parts[1])
    let bytes = try [UInt8](canonicalBase64: parts[2])
    guard bytes.count > 4 else { throw TransparencyLogError(.encoding, "a signature is too short") }
    self.init(
      name: parts[1], keyID: UInt32(bigEndianBytes: bytes.prefix(4)),
      signature: Array(bytes.dropFirst(4)))
  }

  var line: String { "— \(name) \((keyID.bigEndianBytes + signature).base64)" }
}

extension FixedWidthInteger where Self: UnsignedInteger {
  init(bigEndianBytes bytes: some Sequence<UInt8>) {
    self = bytes.reduce(0) { $0 << 8 | Self($1) }
  }

  var bigEndianBytes: [UInt8] {
    stride(from: Self.bitWidth - 8, through: 0, by: -8).map {
      UInt8(truncatingIfNeeded: self >> $0)
    }
  }
}
