public import CanonicalEncoding
import EMRScheme

/// The rules of one chain: a deterministic function of its entries, without clock or randomness.
public protocol ChainState: Sendable {
  /// The rules' verdict on an entry: the changes it makes, or why it is refused.
  ///
  /// - Parameters:
  ///   - base: the consortium's state that the entry is judged by; for the consortium chain its own.
  mutating func apply(
    _ entry: Entry, base: ConsortiumState, equations: any EquationChecker
  ) throws(Refusal) -> EntryEffect

  /// Changes that closing a block makes, as the consortium chain's time.
  mutating func close() -> [StateChange.Change]

  /// Takes note of the block that was closed.
  mutating func closed(_ header: BlockHeader)
}

/// What an accepted entry does to its chain.
public struct EntryEffect {
  /// Whether a block is closed by it.
  public enum Cut { case none, administrative, visit }

  var changes: [StateChange.Change]
  var cut = Cut.none
}

/// The canonical form of what one block changed; state digests chain these.
public struct StateChange: CanonicalObject, Equatable {
  public static let kind = ObjectKind.stateChange
  public static let maximumByteCount = 1 << 28
  public static let maximumNodeCount = 1 << 22

  public var previous: Digest32
  public var changes: [Change]

  public struct Change: CanonicalValue, Equatable {
    public var key: String
    public var value: [UInt8]

    init(_ key: String, _ value: [UInt8]) { (self.key, self.value) = (key, value) }
    init(_ key: String, _ value: String) { self.init(key, Array(value.utf8)) }

    public func encode(into fields: inout some FieldEncoder) {
      fields.text("key", key)
      fields.octets("value", value)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      key = try fields.text("key")
      value = try fields.octets("value", 0...1 << 16)
    }
  }

  public init(previous: Digest32, changes: [Change]) {
    (self.previous, self.changes) = (previous, changes)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("previous", previous)
    fields.list("changes", changes)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    previous = try fields.digest("previous")
    changes = try fields.list("changes", maximum: 1 << 20)
  }
}

extension Entry {
  /// The body, if it is one of the given type; decoding failures refuse the entry.
  func body<Body: CanonicalObject>(_ type: Body.Type = Body.self) throws(Refusal) -> Body {
    do {
      return try Body(encoded: content.body)
    } catch {
      throw .malformed
    }
  }

  /// The party that signed, after its signature was checked with its key in `base`.
  func verifiedParty(_ base: ConsortiumState) throws(Refusal) -> String {
    guard case .party(let id) = content.signer, let key = base.identityKey(of: id) else {
      throw .unknownSigner
    }
    guard isSigned(by: key) else { throw .wrongSignature }
    return id
  }
}
