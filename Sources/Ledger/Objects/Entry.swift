public import CanonicalEncoding
public import Credentials
import EMRScheme

/// One statement for the ledger, signed by whoever makes it.
public struct Entry: CanonicalObject, Equatable {
  public static let kind = ObjectKind.entry
  public static let maximumByteCount = 1 << 18

  public var content: EntryContent
  /// Ed25519 over the DER of `content`.
  public var signature: [UInt8]

  public init(_ content: EntryContent, signedBy key: IdentityKey) {
    self.content = content
    signature = key.sign(content.encoded())
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.object("content", encoded: content.encoded())
    fields.octets("signature", signature)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    content = try EntryContent(
      encoded: try fields.object("content", maximum: EntryContent.maximumByteCount))
    signature = try fields.octets("signature", count: 64)
  }

  func isSigned(by publicKey: [UInt8]) -> Bool {
    IdentityKey.isValid(signature, of: content.encoded(), by: publicKey)
  }
}

/// What is signed in an ``Entry``.
public struct EntryContent: CanonicalObject, Equatable {
  public static let kind = ObjectKind.entryContent
  public static let maximumByteCount = 1 << 18

  public var genesis: Digest32
  /// ``ChainName/consortium`` or a hospital.
  public var chain: String
  public var signer: EntrySigner
  /// The DER of one of the entry bodies.
  public var body: [UInt8]

  public init(genesis: Digest32, chain: String, signer: EntrySigner, body: some CanonicalObject) {
    self.genesis = genesis
    self.chain = chain
    self.signer = signer
    self.body = body.encoded()
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("chain", chain)
    fields.value("signer", signer)
    fields.object("body", encoded: body)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    chain = try fields.text("chain", maximum: Limits.identifierByteCount)
    signer = try fields.value("signer")
    body = try fields.object("body", maximum: Self.maximumByteCount)
  }
}

/// Whose key signed an entry.
public enum EntrySigner: CanonicalValue, Equatable, Hashable {
  /// A party of the genesis or a registered doctor, with its identity key.
  case party(String)
  /// The patient of a visit, with S_v of that visit.
  case patient(visit: Digest32)

  public func encode(into fields: inout some FieldEncoder) {
    switch self {
    case .party(let id):
      fields.integer("role", 1)
      fields.octets("name", Array(id.utf8))
    case .patient(let visit):
      fields.integer("role", 2)
      fields.digest("name", visit)
    }
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    switch try fields.integer("role", in: 1...2) {
    case 1:
      let name = try fields.octets("name", 1...Limits.identifierByteCount)
      guard let id = String(validating: name, as: UTF8.self) else {
        throw DecodingFailure(.invalidField, "name is not UTF-8")
      }
      self = .party(id)
    default:
      self = .patient(visit: try fields.digest("name"))
    }
  }
}
