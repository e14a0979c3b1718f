package import CanonicalEncoding
import Synchronization

/// What the rules read and write while they judge one entry: the stored state, the changes of the
/// block that is open, and the entry's own, which count only once the entry is accepted.
///
/// So a refusal can change nothing. A failure of the store is kept here, since the rules know none;
/// who asked for the judgement discards it then.
package final class StateView {
  private let store: any StateStore
  private let open: [StateKey: [UInt8]?]
  package private(set) var failure: StoreError?
  /// In the order in which they were made.
  private(set) var changes: [StateChange.Change] = []
  /// All of ``changes``, and what is remembered beside them and follows from the leaves alone.
  private(set) var writes: [StateKey: [UInt8]?] = [:]

  init(store: any StateStore, open: [StateKey: [UInt8]?]) {
    (self.store, self.open) = (store, open)
  }

  package func bytes(_ key: StateKey) -> [UInt8]? {
    if let own = writes[key] { return own }
    if let pending = open[key] { return pending }
    do throws(StoreError) {
      return try store.value(forKey: key.bytes)
    } catch {
      if failure == nil { failure = error }
      return nil
    }
  }

  package func value<Value: StateValue>(_ key: StateKey, as type: Value.Type = Value.self) -> Value?
  {
    guard let bytes = bytes(key) else { return nil }
    do throws(DecodingFailure) {
      return Value.isReadOften
        ? try DecodedValues.shared.value(key, bytes) : try Value(stateBytes: bytes)
    } catch {
      if failure == nil {
        failure = StoreError(.corrupted, "the state holds no \(Value.self) under \(key)")
      }
      return nil
    }
  }

  package func holds(_ key: StateKey) -> Bool { bytes(key) != nil }

  /// A change of the state; the digest of the block covers it.
  func set(_ key: StateKey, _ value: some StateValue) {
    let bytes = value.stateBytes
    changes.append(StateChange.Change(key.bytes, bytes))
    writes[key] = bytes
  }

  func remove(_ key: StateKey) {
    changes.append(StateChange.Change(key.bytes, []))
    writes.updateValue(nil, forKey: key)
  }

  /// A view of the same state, with what this one has written, whose own changes count nowhere.
  func scratch() -> StateView {
    StateView(store: store, open: open.merging(writes) { $1 })
  }

  /// Reads something else for the same judgement; nil where that fails.
  func reading<Value>(_ body: () throws(StoreError) -> Value) -> Value? {
    do throws(StoreError) {
      return try body()
    } catch {
      if failure == nil { failure = error }
      return nil
    }
  }

  /// Takes over that reading for the same judgement failed elsewhere.
  func adopt(failureOf other: StateView) {
    if failure == nil { failure = other.failure }
  }

  /// Takes over that the state is not what it has to be.
  func fail(_ error: StoreError) { if failure == nil { failure = error } }

  /// Drops what was noted.
  func forget(_ key: StateKey) { writes.updateValue(nil, forKey: key) }

  /// Something that follows from the leaves and only helps to find or to compare.
  func note(_ key: StateKey, _ value: some StateValue) { writes[key] = value.stateBytes }
}

/// The key of a value in the state: a name, and bytes that say whose value.
///
/// Names differ, none begins another, and what follows a name has one length for all keys of that
/// name, or is the last part of the key; so no two keys collide.
package struct StateKey: Hashable, CustomStringConvertible {
  package let bytes: [UInt8]

  package init(_ name: StaticString, _ parts: [UInt8]...) {
    bytes = Array("\(name)".utf8) + parts.joined()
  }

  /// The key that has these bytes.
  init(bytes: [UInt8]) { self.bytes = bytes }

  package var description: String { bytes.hex }

  /// All bytes at once: an array adds them one by one.
  package func hash(into hasher: inout Hasher) {
    unsafe bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
  }
}

/// A value in the state: the DER of a bare SEQUENCE or of an object, or bytes of a fixed length.
package protocol StateValue: Sendable {
  var stateBytes: [UInt8] { get }
  init(stateBytes: [UInt8]) throws(DecodingFailure)
  /// Whether values are read many times before they change, so that decoding each time costs much.
  static var isReadOften: Bool { get }
}

extension StateValue {
  package static var isReadOften: Bool { false }
}

/// What was decoded last of the values that are read often.
///
/// A value is found by its key, and is the one that its bytes decode to: so whose state they are of
/// makes no difference.
private final class DecodedValues: Sendable {
  static let shared = DecodedValues()
  private static let limit = 1024

  private struct Known {
    let bytes: [UInt8]
    let value: any StateValue
  }

  private let known = Mutex<[StateKey: Known]>([:])

  func value<Value: StateValue>(
    _ key: StateKey, _ bytes: [UInt8]
  ) throws(DecodingFailure) -> Value {
    if let known = known.withLock({ $0[key] }), known.bytes == bytes,
      let value = known.value as? Value
    {
      return value
    }
    let value = try Value(stateBytes: bytes)
    known.withLock {
      if $0.count >= Self.limit { $0.removeAll(keepingCapacity: true) }
      $0[key] = Known(bytes: bytes, value: value)
    }
    return value
  }
}

extension UInt64: StateValue {
  /// 8 bytes, big-endian, so that keys that end with it are in the order of the numbers.
  package var stateBytes: [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: self >> (56 - 8 * $0)) }
  }

  package init(stateBytes bytes: [UInt8]) throws(DecodingFailure) {
    guard bytes.count == 8 else { throw DecodingFailure(.malformed, "an integer of 8 bytes") }
    self = bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }
}

extension Digest32: StateValue {
  package var stateBytes: [UInt8] { bytes }

  package init(stateBytes bytes: [UInt8]) throws(DecodingFailure) {
    guard let digest = Digest32(bytes) else { throw DecodingFailure(.malformed, "a digest") }
    self = digest
  }
}

/// Bytes that are a value as they are.
package struct RawValue: StateValue {
  package let stateBytes: [UInt8]
  package init(stateBytes: [UInt8]) { self.stateBytes = stateBytes }
}

/// A ``CanonicalValue`` that is a value of the state by its DER.
package protocol StateRecord: CanonicalValue, StateValue {}

extension StateRecord {
  package var stateBytes: [UInt8] { encodedSequence() }
  package init(stateBytes bytes: [UInt8]) throws(DecodingFailure) { try self.init(sequence: bytes) }
}

/// The canonical form of what one block changed; state digests chain these.
struct StateChange: CanonicalObject, Equatable {
  static let kind = ObjectKind.stateChange
  static let version: UInt64 = 2
  static let maximumByteCount = 1 << 28

  var previous: Digest32
  /// In the order of the items, and of the rules for each.
  var changes: [Change]

  struct Change: CanonicalValue, Equatable {
    var key: [UInt8]
    /// Empty where the value is removed.
    var value: [UInt8]

    init(_ key: [UInt8], _ value: [UInt8]) { (self.key, self.value) = (key, value) }

    func encode(into fields: inout some FieldEncoder) {
      fields.octets("key", key)
      fields.octets("value", value)
    }

    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      key = try fields.octets("key", 1...256)
      value = try fields.octets("value", 0...1 << 16)
    }
  }

  init(previous: Digest32, changes: [Change]) {
    (self.previous, self.changes) = (previous, changes)
  }

  func encode(into fields: inout some FieldEncoder) {
    fields.digest("previous", previous)
    fields.list("changes", changes)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    previous = try fields.digest("previous")
    changes = try fields.list("changes", maximum: 1 << 20)
  }
}
