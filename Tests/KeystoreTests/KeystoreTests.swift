import CanonicalEncoding
import Credentials
import Crypto
import Foundation
import Keystore
import TestSupport
import Testing

@Suite("Keystores", .serialized)
final class KeystoreTests {
  private let folder = FileManager.default.temporaryDirectory
    .appending(path: "bc-emr-\(UUID().uuidString)").path()
  private var path: String { "\(folder)/keys.sealed" }
  private let keys: KeyFile
  private let passphrase: Passphrase

  init() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    keys = try KeyFile(owner: "doctor-1", secrets: ["identity": [1, 2, 3], "signing": [4]])
    passphrase = try Passphrase(new: "correct horse battery")
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private func expectRefused(
    _ code: CredentialError.Code, owner: String = "doctor-1", _ passphrase: Passphrase? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(sourceLocation: sourceLocation) {
      _ = try Keystore.open(at: path, owner: owner, passphrase: passphrase ?? self.passphrase)
    } throws: {
      ($0 as? CredentialError)?.code == code
    }
  }

  private var text: String {
    get throws { try String(contentsOfFile: path, encoding: .utf8) }
  }

  private struct Case: Decodable {
    let what: String
    let passphrase: String
    let owner: String
    let identity: Hex
    let text: String
  }

  @Test("files that another program has written open with their passphrases")
  func vectors() throws {
    let cases = try VectorFile<Case>("keystore", in: .module).cases
    #expect(cases.count == 3)
    for test in cases {
      try? FileManager.default.removeItem(atPath: path)
      try DurableFile.create(Array(test.text.utf8), at: path)
      let opened = try Keystore.open(
        at: path, owner: test.owner, passphrase: Passphrase(test.passphrase))
      #expect(try opened.keys.secret("identity") == test.identity.bytes, "\(test.what)")
    }
  }

  @Test("open(create(keys)) == keys, for the owner alone; nothing of a key is in the file")
  func roundTrip() throws {
    let secret = [UInt8](repeating: 0x5a, count: 64)
    let keys = try self.keys.changed(["long": secret])
    _ = try Keystore.create(keys, at: path, passphrase: passphrase)
    let opened = try Keystore.open(at: path, owner: "doctor-1", passphrase: passphrase)
    #expect(opened.keys.names == ["identity", "long", "signing"])
    #expect(try opened.keys.secret("long") == secret)
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    let sealed = try SealedKeys(text: try text).encoded()
    #expect(!Data(sealed).contains(Data(repeating: 0x5a, count: 8)))
    #expect(throws: CredentialError.self) {
      _ = try Keystore.create(keys, at: self.path, passphrase: self.passphrase)
    }
  }

  @Test(
    "[attack] under another passphrase, the former opens nothing, and who had it open saves nothing"
  )
  func resealed() throws {
    let store = try Keystore.create(keys, at: path, passphrase: passphrase)
    let elsewhere = try Keystore.open(at: path, owner: "doctor-1", passphrase: passphrase)
    let (new, former) = (try Passphrase(new: "battery staple"), try text)
    try store.reseal(under: new)
    expectRefused(.wrongPassphrase)
    let opened = try Keystore.open(at: path, owner: "doctor-1", passphrase: new)
    #expect(opened.keys.names == keys.names)
    #expect(try opened.keys.secret("identity") == [1, 2, 3])
    #expect(try SealedKeys(text: text).salt != SealedKeys(text: former).salt)
    #expect(throws: CredentialError.self) { try store.replace(self.keys) }
    #expect(throws: CredentialError.self) { _ = try elsewhere.reopened() }
    _ = try Keystore.open(at: path, owner: "doctor-1", passphrase: new)
  }

  @Test("a wrong passphrase is refused, and so is another person's")
  func wrongPassphrase() throws {
    _ = try Keystore.create(keys, at: path, passphrase: passphrase)
    expectRefused(.wrongPassphrase, try Passphrase("correct horse batterz"))
    expectRefused(.wrongPassphrase, try Passphrase("Correct horse battery"))
    expectRefused(.invalidFile, owner: "doctor-2")
    #expect(throws: CredentialError.self) { try Passphrase(new: "too short") }
    #expect(throws: CredentialError.self) { try Passphrase("") }
    #expect("\(passphrase) \(String(reflecting: passphrase))".contains("horse") == false)
  }

  @Test("saved again, it has the new keys, another nonce, and the same passphrase")
  func replaced() throws {
    let store = try Keystore.create(keys, at: path, passphrase: passphrase)
    let before = try SealedKeys(text: try text)
    try store.replace(keys.changed(["identity": [9]]))
    #expect(try store.keys.secret("identity") == [9])
    let after = try SealedKeys(text: try text)
    #expect(after.nonce != before.nonce && after.salt == before.salt)
    let reopened = try store.reopened()
    #expect(try reopened.keys.secret("identity") == [9])
    let opened = try Keystore.open(at: path, owner: "doctor-1", passphrase: passphrase)
    #expect(try opened.keys.secret("identity") == [9])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["keys.sealed"])
  }

  @Test("[attack] any byte of a keystore is changed: its own key does not open it")
  func changedByte() throws {
    let cost = ScryptCost()
    let key = try passphrase.key(cost, salt: [UInt8](repeating: 7, count: 32))
    let sealed = try SealedKeys(
      keys, under: key, cost, salt: [UInt8](repeating: 7, count: 32))
    let encoded = sealed.encoded()
    #expect(try sealed.open(with: key).names == keys.names)
    var isRead = 0
    for place in encoded.indices {
      for bit in 0..<8 {
        var changed = encoded
        changed[place] ^= 1 << bit
        guard let read = try? SealedKeys(encoded: changed) else { continue }
        isRead += 1
        #expect(throws: CredentialError.self, "byte \(place)") { try read.open(with: key) }
      }
    }
    // Salt, nonce and all that is sealed have any bytes, and so much of the numbers as is within bounds.
    #expect(isRead >= 8 * (32 + 12 + sealed.sealed.count))
  }

  @Test("[attack] a keystore that asks for gigabytes, or for next to nothing, is refused at once")
  func hostileCost() throws {
    _ = try Keystore.create(keys, at: path, passphrase: passphrase)
    let honest = try SealedKeys(text: try text)
    let hostile: [(WritableKeyPath<ScryptCost, UInt64>, UInt64)] = [
      (\.log2N, 20), (\.log2N, 30), (\.log2N, 63), (\.log2N, 16), (\.log2N, 1), (\.log2N, 0),
      (\.log2N, .max), (\.blockSize, 1 << 20), (\.blockSize, 1), (\.blockSize, 0),
      (\.parallelism, 1 << 30), (\.parallelism, 0), (\.parallelism, 5),
    ]
    for (field, value) in hostile {
      var changed = honest
      changed.cost[keyPath: field] = value
      try DurableFile.replace(Array(changed.text.utf8), at: path)
      expectRefused(.invalidFile)
      // Without a passphrase nothing can be computed.
      #expect(throws: CredentialError.self) { try Keystore.check(self.path) }
    }
    // The largest that is taken is a file of its own, and does not open as this one.
    var largest = honest
    largest.cost.log2N = 18
    try DurableFile.replace(Array(largest.text.utf8), at: path)
    expectRefused(.wrongPassphrase)
  }

  @Test("what is no keystore, or open to others, is refused")
  func otherFiles() throws {
    expectRefused(.unavailable)
    let (begin, end) = ("-----BEGIN BC-EMR SEALED KEYS-----", "-----END BC-EMR SEALED KEYS-----")
    for text in ["", "keys", "\(begin)\nAA==\n\(end)\n"] {
      try? FileManager.default.removeItem(atPath: path)
      try DurableFile.create(Array(text.utf8), at: path)
      expectRefused(.invalidFile)
    }
    try FileManager.default.removeItem(atPath: path)
    try keys.create(at: path)
    expectRefused(.invalidFile)
    try FileManager.default.removeItem(atPath: path)
    _ = try Keystore.create(keys, at: path, passphrase: passphrase)
    let whole = try text
    try DurableFile.replace(Array((whole + "\n").utf8), at: path)
    expectRefused(.invalidFile)
    try DurableFile.replace(Array(whole.utf8), at: path)
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
    expectRefused(.insecureFile)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    try FileManager.default.moveItem(atPath: path, toPath: "\(path).real")
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "\(path).real")
    expectRefused(.insecureFile)
  }
}
