package import CanonicalEncoding
package import Consensus
import Ledger

/// Something that a delegate publishes for the others. Each proves itself, so it makes no difference
/// from whom it is had.
package enum OutboxItem: CanonicalValue, Equatable {
  /// An entry that waits for a block: the DER of ``Entry``.
  case entry([UInt8])
  case proposal(SignedProposal)
  case vote(SignedVote)
  case decision(CommitCertificate)
  /// A checkpoint of the consortium chain that the delegate has cosigned, a C2SP signed note.
  case cosignature(note: String)

  package func encode(into fields: inout some FieldEncoder) {
    switch self {
    case .entry(let entry):
      fields.integer("kind", 1)
      fields.octets("entry", entry)
    case .proposal(let proposal):
      fields.integer("kind", 2)
      fields.value("proposal", proposal)
    case .vote(let vote):
      fields.integer("kind", 3)
      fields.value("vote", vote)
    case .decision(let certificate):
      fields.integer("kind", 4)
      fields.value("decision", certificate)
    case .cosignature(let note):
      fields.integer("kind", 5)
      fields.text("note", note)
    }
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    switch try fields.integer("kind", in: 1...5) {
    case 1: self = .entry(try fields.octets("entry", 1...Entry.maximumByteCount))
    case 2: self = .proposal(try fields.value("proposal"))
    case 3: self = .vote(try fields.value("vote"))
    case 4: self = .decision(try fields.value("decision"))
    default:
      self = .cosignature(note: try fields.text("note", maximum: LedgerLimits.noteByteCount))
    }
  }

  /// The height that the item is about, if it is about one alone.
  var height: UInt64? {
    switch self {
    case .entry, .cosignature: nil
    case .proposal(let signed): signed.proposal.height
    case .vote(let signed): signed.vote.height
    case .decision(let certificate): certificate.height
    }
  }
}

/// An entry that waits for a block.
struct WaitingEntry: Sendable {
  let entry: Entry
  let digest: Digest32
  let byteCount: Int

  /// - Returns: nil if these bytes are not the DER of an entry.
  init?(_ bytes: [UInt8]) {
    guard let entry = Self.entry(bytes) else { return nil }
    (self.entry, digest, byteCount) = (entry, Digest32(sha256: bytes), bytes.count)
  }

  @inline(never)
  private static func entry(_ bytes: [UInt8]) -> Entry? { try? Entry(encoded: bytes) }
}

/// A part of what a delegate publishes.
package struct OutboxPage: Sendable {
  package var items: [OutboxItem] = []
  /// The position behind them.
  package var next: UInt64
  /// The position behind all items that there are.
  package var end: UInt64
}

/// What a delegate publishes: a stream with positions that only grow, of which nothing is kept that
/// nobody needs any more. It lies in the delegate's store, and what is not stored yet is not shown.
struct Outbox: Sendable {
  struct Placed: Sendable {
    let position: UInt64
    let item: OutboxItem
    /// Of the encoded item.
    let digest: Digest32
    let byteCount: Int
    /// If the item is one that can be read.
    let entry: WaitingEntry?

    init(_ item: OutboxItem, encoded bytes: [UInt8], at position: UInt64) {
      (self.position, self.item) = (position, item)
      (digest, byteCount) = (Digest32(sha256: bytes), bytes.count)
      if case .entry(let bytes) = item { entry = WaitingEntry(bytes) } else { entry = nil }
    }
  }

  /// In the order of their positions.
  private(set) var items: [Placed] = []
  /// The position of the next item.
  private(set) var next: UInt64 = 1
  private var digests: Set<Digest32> = []
  private var changes: [String: [UInt8]?] = [:]

  static let prefix = "outbox/"
  private static let nextKey = "outbox-next"

  /// - Throws: ``StoreError`` `corrupted` if what is stored is no outbox.
  init(store: any RoleStore) throws(StoreError) {
    for key in try store.keys(withPrefix: Self.prefix) {
      guard let position = UInt64(key.dropFirst(Self.prefix.count)),
        let bytes = try store.value(forKey: key), let item = Self.item(bytes)
      else { throw StoreError(.corrupted, "\(key) is no item of an outbox") }
      place(Placed(item, encoded: bytes, at: position))
    }
    if let bytes = try store.value(forKey: Self.nextKey) {
      guard let next = UInt64(String(decoding: bytes, as: UTF8.self)) else {
        throw StoreError(.corrupted, "\(Self.nextKey) is no position")
      }
      self.next = next
    }
    if let last = items.last, last.position >= next {
      throw StoreError(.corrupted, "an item of the outbox stands behind its end")
    }
  }

  private static func item(_ bytes: [UInt8]) -> OutboxItem? { try? OutboxItem(sequence: bytes) }

  /// Twenty digits, so that the order of the keys is that of the positions.
  private static func key(_ position: UInt64) -> String {
    let digits = String(position)
    return prefix + String(repeating: "0", count: 20 - digits.count) + digits
  }

  /// The entries that wait for a block.
  var waiting: [WaitingEntry] { items.compactMap(\.entry) }

  private mutating func place(_ placed: Placed) {
    items.append(placed)
    digests.insert(placed.digest)
  }

  mutating func append(_ item: OutboxItem) { append(item, encoded: item.encodedSequence()) }

  private mutating func append(_ item: OutboxItem, encoded bytes: [UInt8]) {
    place(Placed(item, encoded: bytes, at: next))
    changes[Self.key(next)] = bytes
    next += 1
    changes[Self.nextKey] = Array(String(next).utf8)
  }

  /// The same, unless it is there.
  mutating func appendOnce(_ item: OutboxItem) {
    let bytes = item.encodedSequence()
    if !digests.contains(Digest32(sha256: bytes)) { append(item, encoded: bytes) }
  }

  mutating func removeAll(where isDone: (Placed) throws -> Bool) rethrows {
    try items.removeAll { placed in
      guard try isDone(placed) else { return false }
      changes.updateValue(nil, forKey: Self.key(placed.position))
      digests.remove(placed.digest)
      return true
    }
  }

  /// What has to be stored before anything of it is shown.
  mutating func takeChanges() -> [String: [UInt8]?] {
    defer { changes = [:] }
    return changes
  }

  /// The items from a position on, as many as have room.
  func page(from position: UInt64, byteCount: Int) -> OutboxPage {
    var page: [OutboxItem] = []
    var size = 0
    for placed in items where placed.position >= position {
      size += placed.byteCount
      if size > byteCount, !page.isEmpty {
        return OutboxPage(items: page, next: placed.position, end: next)
      }
      page.append(placed.item)
    }
    return OutboxPage(items: page, next: next, end: next)
  }
}
