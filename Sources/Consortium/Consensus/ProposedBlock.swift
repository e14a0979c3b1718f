package import CanonicalEncoding
import Ledger

/// The items of a block under the name by which it is voted on.
package struct ProposedBlock: CanonicalValue, Equatable {
  package var height: UInt64
  /// The root of the whole chain with this block; whoever has the entries finds out whether it is.
  package var root: Digest32
  /// The DER of its items, the ``BlockOpening`` first.
  package var entries: [[UInt8]]

  package init(height: UInt64, root: Digest32, entries: [[UInt8]]) {
    (self.height, self.root, self.entries) = (height, root, entries)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.integer("height", height)
    fields.digest("root", root)
    fields.octetsList("entries", entries)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    height = try fields.integer("height", in: 0...LedgerLimits.size)
    root = try fields.digest("root")
    entries = try fields.octetsList(
      "entries", maximum: Int(LedgerLimits.blockItemCount), 1...Entry.maximumByteCount)
  }
}

/// The blocks of the height under way that a delegate has found valid, which others can ask it for.
/// They lie in its store: who has voted for a block can show it after a crash.
struct BlockShelf: Sendable {
  private var blocks: [Digest32: ProposedBlock] = [:]
  private var changes: [String: [UInt8]?] = [:]

  private static let prefix = "block/"

  /// - Throws: ``StoreError`` `corrupted` if what is stored is no block.
  init(store: any RoleStore) throws(StoreError) {
    for key in try store.keys(withPrefix: Self.prefix) {
      guard let bytes = try store.value(forKey: key), let block = Self.block(bytes),
        key == Self.key(block.root)
      else { throw StoreError(.corrupted, "\(key) is no block") }
      blocks[block.root] = block
    }
  }

  @inline(never)
  private static func block(_ bytes: [UInt8]) -> ProposedBlock? {
    try? ProposedBlock(sequence: bytes)
  }

  private static func key(_ root: Digest32) -> String { prefix + root.description }

  subscript(root: Digest32) -> ProposedBlock? { blocks[root] }

  mutating func insert(_ block: ProposedBlock) {
    guard blocks.updateValue(block, forKey: block.root) == nil else { return }
    changes[Self.key(block.root)] = block.encodedSequence()
  }

  mutating func removeAll(where isDone: (ProposedBlock) -> Bool) {
    for block in blocks.values where isDone(block) {
      blocks[block.root] = nil
      changes.updateValue(nil, forKey: Self.key(block.root))
    }
  }

  /// What has to be stored before anything is said of these blocks.
  mutating func takeChanges() -> [String: [UInt8]?] {
    defer { changes = [:] }
    return changes
  }
}
