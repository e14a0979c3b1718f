/// Values under keys, changed together or not at all: what the rules remember of one chain.
///
/// Keys and values are bytes. The store understands none of them, keeps no history, and belongs to
/// one writer.
public protocol StateStore: Sendable {
  /// - Throws: ``StoreError``; `corrupted` if the bytes are not those that were stored.
  func value(forKey key: [UInt8]) throws(StoreError) -> [UInt8]?

  /// Applies all changes or none; nil removes a key. Returns when they are durable, unless the store
  /// was opened for a passing use.
  ///
  /// - Throws: ``StoreError``; after `outcomeUnknown` the store shows which of both it was.
  func commit(_ changes: [[UInt8]: [UInt8]?]) throws(StoreError)
}
