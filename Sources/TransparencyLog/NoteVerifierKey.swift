import Crypto

/// The public key of a signer of notes under its name, and its text form
/// `name+hex(key ID)+base64(type ‖ key)`, called a vkey (C2SP signed-note).
public struct NoteVerifierKey: Hashable, Sendable, CustomStringConvertible {
  /// An open set of signature types, by the byte assigned to each.
  public struct SignatureType: Hashable, Sendable {
    /// Stands before the key where it is hashed or written.
    public let byte: UInt8
    /// The type to which C2SP has given this byte.
    public init(_ byte: UInt8) { self.byte = byte }

    /// Ed25519 over the text.
    public static let ed25519 = SignatureType(0x01)
    /// Ed25519 over a checkpoint and a time (C2SP tlog-cosignature).
    public static let cosignature = SignatureType(0x04)
  }

  /// In bytes: the largest keys that C2SP foresees are half of it.
  static let maximumByteCount = 4096

  /// Under which it signs.
  public let name: String
  public let type: SignatureType
  /// As its type has it; 32 bytes for Ed25519.
  public let publicKey: [UInt8]
  /// The first bytes of a hash over all of the above: names the key, but proves nothing.
  public let keyID: UInt32

  /// - Throws: `key` if the name cannot be one or the key is empty or too long.
  public init(name: String, type: SignatureType, publicKey: [UInt8]) throws(TransparencyLogError) {
    try Self.check(name: name)
    guard (1...Self.maximumByteCount).contains(publicKey.count) else {
      throw TransparencyLogError(.key, "a public key is empty or too long")
    }
    self.name = name
    self.type = type
    self.publicKey = publicKey
    keyID = UInt32(
      bigEndianBytes: SHA256.hash(data: name.utf8 + [0x0a, type.byte] + publicKey).prefix(4))
  }

  /// - Throws: `encoding` if it is not exactly what ``description`` writes, `key`.
  public init(vkey text: String) throws(TransparencyLogError) {
    let encoding = TransparencyLogError(.encoding, "this is not 'name+key ID+base64' of one key")
    guard text.utf8.count <= 4 * Self.maximumByteCount,
      case let parts = text.split(at: UInt8(ascii: "+")), parts.count >= 3,
      // The base64 part may have pluses of its own.
      case let bytes = try [UInt8](canonicalBase64: parts[2...].joined(separator: "+")),
      let type = bytes.first
    else { throw encoding }
    try self.init(name: parts[0], type: SignatureType(type), publicKey: Array(bytes.dropFirst()))
    guard description.isSameUTF8(as: text) else { throw encoding }
  }

  public var description: String {
    let digits = String(keyID, radix: 16)
    let hex = String(repeating: "0", count: 8 - digits.utf8.count) + digits
    return "\(name)+\(hex)+\(([type.byte] + publicKey).base64)"
  }

  /// Whether a line claims to be by this key.
  func isNamed(in line: NoteSignature) -> Bool {
    keyID == line.keyID && name.isSameUTF8(as: line.name)
  }

  public static func == (a: Self, b: Self) -> Bool {
    a.type == b.type && a.publicKey == b.publicKey && a.name.isSameUTF8(as: b.name)
  }

  static func check(name: String) throws(TransparencyLogError) {
    guard !name.isEmpty, name.utf8.count <= maximumByteCount, name.isPrintable,
      name.unicodeScalars.allSatisfy({ !$0.properties.isWhitespace && $0 != "+" })
    else { throw TransparencyLogError(.key, "the name of a key is empty or has a space or '+'") }
  }
}
