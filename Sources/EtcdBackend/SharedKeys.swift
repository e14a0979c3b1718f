import CanonicalEncoding
public import Credentials
public import Ledger

/// A role's key file, shared by the machines of its hospital: in etcd, sealed under the secret that they share.
public struct SharedKeys: Sendable {
  private let engine: SharedEngine
  private let owner: String

  /// - Parameter owner: whose keys these are.
  public init(_ engine: SharedEngine, owner: String) { (self.engine, self.owner) = (engine, owner) }

  private var key: [UInt8] { engine.key("keys/\(owner)") }
  private var name: String { "keys/\(owner)" }

  /// - Returns: nil if there are none.
  /// - Throws: ``StoreError``; `corrupted` if they do not open.
  public func read() async throws(StoreError) -> KeyFile? { try await found()?.file }

  private func found() async throws(StoreError) -> (file: KeyFile, revision: Int64)? {
    let page = try await engine.etcd.range(key, until: engine.etcd.deadline)
    guard let entry = page.entries.first else { return nil }
    let bytes = try engine.secret.open(entry.value, .keys, name: name)
    guard let file = try? KeyFile(encoded: bytes), file.owner == owner else {
      throw StoreError(.corrupted, "etcd: \(name) are no keys of \(owner)")
    }
    return (file, entry.revision)
  }

  /// Stores other keys, as whoever writes. Blocks the calling thread until that is durable.
  ///
  /// - Throws: ``StoreError``; `deposed`.
  public func replace(_ file: KeyFile, _ tenure: Tenure) throws(StoreError) {
    let (shared, sealed) = (self, try engine.secret.seal(file.encoded(), .keys, name: name))
    try blocking { () async throws(StoreError) in
      // Of one writer, which replaces them one after the other.
      let present = try await shared.found()?.revision ?? 0
      _ = try await tenure.move(shared.key, from: present, to: sealed)
    }
  }
}
