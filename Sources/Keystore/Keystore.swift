import CanonicalEncoding
public import Credentials
import Crypto
import Foundation
import Synchronization

/// The keys of a doctor or a patient on a machine: one file of mode 0600, sealed under a passphrase.
///
/// Whoever copies the file has to guess: each try takes 128 MiB and a part of a second. What the keys have signed
/// or opened while the file was open is beyond this, and so is a machine that somebody else steers.
public final class Keystore: Sendable {
  /// Where the file is.
  public let path: String
  private let key: SymmetricKey
  private let cost: ScryptCost
  private let salt: [UInt8]
  private let held: Mutex<KeyFile>
  private let isResealed = Mutex(false)

  private static let textByteCount = 2 * SealedKeys.maximumByteCount

  private init(
    _ path: String, _ keys: KeyFile, _ key: SymmetricKey, _ cost: ScryptCost, salt: [UInt8]
  ) {
    (self.path, self.key, self.cost, self.salt) = (path, key, cost, salt)
    held = Mutex(keys)
  }

  /// The keys, as they were saved last.
  public var keys: KeyFile { held.withLock { $0 } }

  /// Seals keys into a new file. Returns when it is durable.
  ///
  /// - Throws: ``CredentialError`` `fileExists` if there is one, which stays as it is; `unavailable`.
  public static func create(
    _ keys: KeyFile, at path: String, passphrase: Passphrase
  ) throws(CredentialError) -> Keystore {
    let (cost, salt) = (ScryptCost(), randomBytes(32))
    let key = try passphrase.key(cost, salt: salt)
    let text = try SealedKeys(keys, under: key, cost, salt: salt).text
    do {
      try DurableFile.create(Array(text.utf8), at: path)
    } catch {
      guard error.isExisting else { throw CredentialError(.unavailable, error.message) }
      throw CredentialError(.fileExists, "\(path): there are keys already; they are kept")
    }
    return Keystore(path, keys, key, cost, salt: salt)
  }

  /// Opens the keys of somebody.
  ///
  /// - Throws: ``CredentialError`` `wrongPassphrase`; `insecureFile` for a symbolic link or a file that others may
  ///   read, change or own; `invalidFile` for what is no keystore, asks for more memory or less than one may, or
  ///   holds another's keys; `unavailable` if the file system refuses.
  public static func open(
    at path: String, owner: String, passphrase: Passphrase
  ) throws(CredentialError) -> Keystore {
    let sealed = try read(path)
    let key = try passphrase.key(sealed.cost, salt: sealed.salt)
    let keys: KeyFile
    do {
      keys = try sealed.open(with: key)
    } catch {
      throw CredentialError(error.code, "\(path): \(error.message)")
    }
    guard keys.owner == owner else {
      throw CredentialError(
        .invalidFile, "\(path): these are the keys of \(keys.owner), not of \(owner)")
    }
    return Keystore(path, keys, key, sealed.cost, salt: sealed.salt)
  }

  /// Whether a file can be a keystore, without opening it.
  ///
  /// - Throws: ``CredentialError`` as ``open(at:owner:passphrase:)``.
  public static func check(_ path: String) throws(CredentialError) { _ = try read(path) }

  private static func read(_ path: String) throws(CredentialError) -> SealedKeys {
    let contents: DurableFile.Contents
    do {
      contents = try DurableFile.read(path, limit: textByteCount)
    } catch {
      if error.isSymbolicLink {
        throw CredentialError(.insecureFile, "\(path): keys are not read through a symbolic link")
      }
      let isNoKeyFile = error.isNoFile || error.isTooLarge
      throw CredentialError(isNoKeyFile ? .invalidFile : .unavailable, error.message)
    }
    guard contents.isPrivate else {
      throw CredentialError(
        .insecureFile, "\(path): others may read or change these keys; set its mode to 0600")
    }
    do {
      return try SealedKeys(text: String(decoding: contents.bytes, as: UTF8.self))
    } catch {
      throw CredentialError(.invalidFile, "\(path): this is no intact keystore")
    }
  }

  /// The same file, read again: another process may have saved other keys.
  ///
  /// - Throws: ``CredentialError`` as ``open(at:owner:passphrase:)``.
  public func reopened() throws(CredentialError) -> Keystore {
    let sealed = try Self.read(path)
    guard sealed.salt == salt, sealed.cost == cost else {
      throw CredentialError(.wrongPassphrase, "\(path): the file has another passphrase by now")
    }
    return Keystore(path, try sealed.open(with: key), key, cost, salt: salt)
  }

  /// Seals other keys in the place of these, under the same passphrase. Returns when it is durable: the file holds
  /// the one or the other, whatever happens meanwhile.
  ///
  /// What a disk keeps of the former is beyond this, and is sealed.
  /// - Throws: ``CredentialError`` `unavailable` if the file system refuses.
  public func replace(_ keys: KeyFile) throws(CredentialError) {
    guard !isResealed.withLock({ $0 }) else {
      throw CredentialError(.wrongPassphrase, "\(path): the file has another passphrase by now")
    }
    let text = try SealedKeys(keys, under: key, cost, salt: salt).text
    do {
      try DurableFile.replace(Array(text.utf8), at: path)
    } catch {
      throw CredentialError(.unavailable, error.message)
    }
    held.withLock { $0 = keys }
  }

  /// Seals the same keys under another passphrase, with another salt and today's cost. Returns when it is durable.
  ///
  /// This object saves under the former one no more: it is to be opened again. A copy of the former file opens with
  /// the former passphrase as ever.
  /// - Throws: ``CredentialError`` `unavailable` if the file system refuses; the former file stays.
  public func reseal(under passphrase: Passphrase) throws(CredentialError) {
    let (cost, salt) = (ScryptCost(), Self.randomBytes(32))
    let other = Keystore(path, keys, try passphrase.key(cost, salt: salt), cost, salt: salt)
    try other.replace(keys)
    isResealed.withLock { $0 = true }
  }

  static func randomBytes(_ count: Int) -> [UInt8] {
    unsafe SymmetricKey(size: SymmetricKeySize(bitCount: 8 * count)).withUnsafeBytes {
      unsafe Array($0)
    }
  }
}

// MARK: The store beside it

extension Keystore {
  private static let storeKey = "store"

  /// Keys with one more, under which ``SealedRoleStore`` seals what a program remembers.
  public static func withStoreKey(_ keys: KeyFile) throws(CredentialError) -> KeyFile {
    try keys.changed([storeKey: randomBytes(32)])
  }

  /// The key of ``SealedRoleStore``.
  ///
  /// - Throws: ``CredentialError`` `invalidFile` if there is none.
  func storeKey() throws(CredentialError) -> SymmetricKey {
    SymmetricKey(data: try keys.secret(Self.storeKey))
  }
}
