public import CanonicalEncoding
import Crypto
import SwiftASN1

/// The private keys of one role in a demonstration: one text file that its owner alone can read.
///
/// The keys lie in the file unencrypted, and its label says so. In memory they lie where swift-crypto
/// overwrites them when the object is released; the text itself is not overwritten.
public final class KeyFile: CanonicalObject {
  public static let kind = ObjectKind.demoKeys
  public static let maximumByteCount = 1 << 20

  static let label = "BC-EMR DEMONSTRATION KEYS - NOT FOR PATIENTS"
  /// The same as RFC 7468 lets one write it.
  static let textLabel = "BC-EMR DEMONSTRATION KEYS NOT FOR PATIENTS"
  private static let textByteCount = 2 * maximumByteCount
  private static let entryCount = 4096
  private static let secretByteCounts = 1...128
  private static let ownerByteCount = 64
  /// Of a key that cosigns a chain of the longest name, with its number.
  private static let nameByteCount = 96

  /// The role whose keys these are.
  public let owner: String
  private let secrets: [String: SymmetricKey]

  /// - Parameter secrets: at most 4,096, of 1 to 128 bytes each, under names of 1 to 96 bytes.
  /// - Throws: ``CredentialError`` `invalidKey` beyond these bounds.
  public init(owner: String, secrets: [String: [UInt8]]) throws(CredentialError) {
    guard Self.isName(owner, maximum: Self.ownerByteCount), secrets.count <= Self.entryCount,
      secrets.allSatisfy({
        Self.isName($0.key, maximum: Self.nameByteCount)
          && Self.secretByteCounts.contains($0.value.count)
      })
    else { throw CredentialError(.invalidKey, "a key file does not hold keys of this form") }
    self.owner = owner
    self.secrets = secrets.mapValues(SymmetricKey.init(data:))
  }

  /// The names of the keys, in ascending order.
  public var names: [String] { secrets.keys.sorted() }

  /// The private key of this name.
  ///
  /// - Throws: ``CredentialError`` `invalidFile` if there is none.
  public func secret(_ name: String) throws(CredentialError) -> [UInt8] {
    guard let secret = secrets[name] else {
      throw CredentialError(.invalidFile, "the keys of \(owner) lack \"\(name)\"")
    }
    return unsafe secret.withUnsafeBytes { unsafe Array($0) }
  }

  /// The same keys with others of some names; nil for those that are to be gone.
  ///
  /// - Throws: as ``init(owner:secrets:)``.
  public func changed(_ changes: [String: [UInt8]?]) throws(CredentialError) -> KeyFile {
    var secrets: [String: [UInt8]] = [:]
    for name in names where !changes.keys.contains(name) { secrets[name] = try secret(name) }
    for case (let name, let secret?) in changes { secrets[name] = secret }
    return try KeyFile(owner: owner, secrets: secrets)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("label", Self.label)
    fields.text("owner", owner)
    fields.list(
      "entries",
      names.compactMap { name in (try? secret(name)).map { Entry(name: name, secret: $0) } })
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    guard try fields.text("label", maximum: 64) == Self.label else {
      throw DecodingFailure(.invalidField, "the label is not \"\(Self.label)\"")
    }
    owner = try fields.text("owner", maximum: 64)
    let entries = try fields.list("entries", maximum: Self.entryCount, of: Entry.self)
    let named = entries.map { ($0.name, SymmetricKey(data: $0.secret)) }
    secrets = Dictionary(named) { first, _ in first }
    guard secrets.count == entries.count else {
      throw DecodingFailure(.invalidField, "two entries have one name")
    }
  }

  private static func isName(_ text: String, maximum: Int) -> Bool {
    (1...maximum).contains(text.utf8.count)
  }

  private struct Entry: CanonicalValue {
    let name: String
    let secret: [UInt8]

    init(name: String, secret: [UInt8]) { (self.name, self.secret) = (name, secret) }

    func encode(into fields: inout some FieldEncoder) {
      fields.text("name", name)
      fields.octets("secret", secret)
    }

    init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      name = try fields.text("name", maximum: KeyFile.nameByteCount)
      secret = try fields.octets("secret", KeyFile.secretByteCounts)
    }
  }
}

extension KeyFile {
  /// Writes the keys into a new file with mode 0600. Returns when it is durable.
  ///
  /// - Throws: ``CredentialError`` `fileExists` if there is one, which stays as it is;
  ///   `unavailable` if the file system refuses.
  public func create(at path: String) throws(CredentialError) {
    do {
      try DurableFile.create(Array(text.utf8), at: path)
    } catch {
      guard error.isExisting else { throw CredentialError(.unavailable, error.message) }
      throw CredentialError(.fileExists, "\(path): there are keys already; they are kept")
    }
  }

  /// Puts these keys in the place of those in a file. Returns when it is durable: the file holds the one
  /// or the other, whatever happens meanwhile.
  ///
  /// What a disk keeps of the former is beyond this: who has to be sure encrypts the disk.
  /// - Throws: ``CredentialError`` `unavailable` if the file system refuses.
  public func replace(at path: String) throws(CredentialError) {
    do {
      try DurableFile.replace(Array(text.utf8), at: path)
    } catch {
      throw CredentialError(.unavailable, error.message)
    }
  }

  /// Reads the keys of one role.
  ///
  /// - Throws: ``CredentialError`` `insecureFile` for a symbolic link or a file that others may
  ///   read, change or own; `invalidFile` for what is no key file, or that of another role;
  ///   `unavailable` if the file system refuses.
  public static func read(
    from path: String, owner: String
  ) throws(CredentialError) -> KeyFile {
    let file: KeyFile
    do {
      let contents = try DurableFile.read(path, limit: textByteCount)
      guard contents.isPrivate else {
        throw CredentialError(
          .insecureFile, "\(path): others may read or change these keys; set its mode to 0600")
      }
      file = try KeyFile(text: String(decoding: contents.bytes, as: UTF8.self))
    } catch let error as CredentialError {
      throw error
    } catch let error as DurableFile.Failure {
      if error.isSymbolicLink {
        throw CredentialError(.insecureFile, "\(path): keys are not read through a symbolic link")
      }
      let isNoKeyFile = error.isNoFile || error.isTooLarge
      throw CredentialError(isNoKeyFile ? .invalidFile : .unavailable, error.message)
    } catch {
      throw CredentialError(.invalidFile, "\(path): this is no intact key file")
    }
    guard file.owner == owner else {
      throw CredentialError(
        .invalidFile, "\(path): these are the keys of \(file.owner), not of \(owner)")
    }
    return file
  }

  /// The DER as text (RFC 7468).
  private var text: String {
    PEMDocument(type: Self.textLabel, derBytes: encoded()).pemString + "\n"
  }

  private convenience init(text: String) throws {
    let document = try PEMDocument(pemString: text)
    try self.init(encoded: document.derBytes)
    guard self.text == text else {
      throw CredentialError(.invalidFile, "this is not the text of a key file")
    }
  }
}
