import CanonicalEncoding
public import Consortium
public import Credentials
import Crypto
import Foundation
public import Ledger

/// A role's store whose values are sealed under a key that is in the role's ``Keystore``: group keys, findings on
/// their way and keys to come lie on no disk in the clear. Whoever reads the disk sees names of rows, as the
/// identifiers of visits, and how long values are.
///
/// Each value is sealed by AES-256-GCM under a nonce of its own, with its name authenticated. That a row is gone,
/// or is as it was before, is not noticed.
public struct SealedRoleStore: RoleStore {
  private let store: any RoleStore
  private let key: SymmetricKey

  private static let overhead = 12 + 16

  /// - Throws: ``CredentialError`` `invalidFile` for a keystore that has no key for it.
  public init(_ store: any RoleStore, _ keystore: Keystore) throws(CredentialError) {
    self.store = store
    key = try keystore.storeKey()
  }

  public func value(forKey key: String) throws(StoreError) -> [UInt8]? {
    guard let sealed = try store.value(forKey: key) else { return nil }
    guard let value = open(sealed, key) else {
      throw StoreError(.corrupted, "\"\(key)\" does not open with the keys of this profile")
    }
    return value
  }

  public func keys(withPrefix prefix: String) throws(StoreError) -> [String] {
    try store.keys(withPrefix: prefix)
  }

  public func write(_ changes: [String: [UInt8]?]) throws(StoreError) {
    try RoleStoreLimits.check(changes)
    var sealed: [String: [UInt8]?] = [:]
    for (key, value) in changes {
      guard let value else {
        sealed.updateValue(nil, forKey: key)
        continue
      }
      guard value.count + Self.overhead <= RoleStoreLimits.valueByteCount,
        let bytes = seal(value, key)
      else { throw StoreError(.tooLarge, "\"\(key)\": \(value.count) bytes") }
      sealed[key] = bytes
    }
    try store.write(sealed)
  }

  /// What is authenticated with the value of a row.
  private func name(_ row: String) -> [UInt8] { Array(row.utf8) }

  private func seal(_ value: [UInt8], _ row: String) -> [UInt8]? {
    (try? AES.GCM.seal(value, using: key, authenticating: name(row)))?.combined.map { Array($0) }
  }

  /// - Returns: nil for what was not sealed for this row.
  private func open(_ sealed: [UInt8], _ row: String) -> [UInt8]? {
    guard sealed.count >= Self.overhead, let box = try? AES.GCM.SealedBox(combined: sealed) else {
      return nil
    }
    return (try? AES.GCM.open(box, using: key, authenticating: name(row))).map { Array($0) }
  }
}
