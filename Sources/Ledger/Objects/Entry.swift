public import CanonicalEncoding
public import Credentials
import EMRScheme

/// One statement for the ledger, signed by whoever makes it.
public struct Entry: CanonicalObject, Equatable {
  public static let kind = ObjectKind.entry
  public static let version: UInt64 = 2
  /// A leaf has one byte more.
  public static let maximumByteCount = ChainLogLimits.leafByteCount - 1

  public var content: EntryContent
  /// Ed25519 over the DER of `content`.
  public var signature: [UInt8]

  /// Signs what is to be said, once it was read as others will read it: what is signed is kept, and sent again
  /// until somebody takes it.
  ///
  /// - Throws: ``DecodingFailure`` for what no decoder takes, as a number that is out of its bounds.
  public init(checked content: EntryContent, signedBy key: IdentityKey) throws(DecodingFailure) {
    let encoded = content.encoded()
    _ = try EntryContent(encoded: encoded)
    self.content = content
    signature = key.sign(encoded)
    let count = self.encoded().count
    guard count <= Self.maximumByteCount else {
      throw DecodingFailure(
        .tooLarge, "\(Self.kind) of \(count) bytes, limit \(Self.maximumByteCount)")
    }
  }

  /// Signs whatever it is: for entries that others are to refuse. What a role has to say is signed by
  /// ``init(checked:signedBy:)``.
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

  /// Whether this key made the signature.
  public func isSigned(by publicKey: [UInt8]) -> Bool {
    IdentityKey.isValid(signature, of: content.encoded(), by: publicKey)
  }
}

/// What is signed in an ``Entry``.
public struct EntryContent: CanonicalObject, Equatable {
  public static let kind = ObjectKind.entryContent
  public static let version: UInt64 = 2

  public var genesis: Digest32
  /// ``ChainName/consortium`` or a hospital.
  public var chain: String
  public var signer: EntrySigner
  public var body: EntryBody

  public init(genesis: Digest32, chain: String, signer: EntrySigner, body: EntryBody) {
    self.genesis = genesis
    self.chain = chain
    self.signer = signer
    self.body = body
  }

  /// - Precondition: `body` is one of the kinds of ``EntryBody``.
  public init(genesis: Digest32, chain: String, signer: EntrySigner, body: some CanonicalObject) {
    self.init(genesis: genesis, chain: chain, signer: signer, body: EntryBody(body))
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("chain", chain)
    fields.value("signer", signer)
    fields.object("body", encoded: body.encoded())
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    chain = try fields.identifier("chain")
    signer = try fields.value("signer")
    body = try EntryBody(encoded: try fields.object("body", maximum: Self.maximumByteCount))
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
      fields.text("party", id)
    case .patient(let visit):
      fields.integer("role", 2)
      fields.digest("visit", visit)
    }
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    switch try fields.integer("role", in: 1...2) {
    case 1: self = .party(try fields.identifier("party"))
    default: self = .patient(visit: try fields.digest("visit"))
    }
  }
}

/// An entry whose body is not looked into, only at its kind.
struct EntryOutline: CanonicalObject {
  static let kind = Entry.kind
  static let version = Entry.version
  static let maximumByteCount = Entry.maximumByteCount

  private let content: Content
  private let signature: [UInt8]

  var bodyKind: ObjectKind? { ObjectKind(of: content.body) }

  func encode(into fields: inout some FieldEncoder) {
    fields.object("content", encoded: content.encoded())
    fields.octets("signature", signature)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    content = try Content(encoded: try fields.object("content", maximum: Self.maximumByteCount))
    signature = try fields.octets("signature", count: 64)
  }

  private struct Content: CanonicalObject {
    static let kind = EntryContent.kind
    static let version = EntryContent.version
    static let maximumByteCount = Entry.maximumByteCount

    let genesis: Digest32
    let chain: String
    let signer: EntrySigner
    let body: [UInt8]

    func encode(into fields: inout some FieldEncoder) {
      fields.digest("genesis", genesis)
      fields.text("chain", chain)
      fields.value("signer", signer)
      fields.object("body", encoded: body)
    }

    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      genesis = try fields.digest("genesis")
      chain = try fields.identifier("chain")
      signer = try fields.value("signer")
      body = try fields.object("body", maximum: Self.maximumByteCount)
    }
  }
}
