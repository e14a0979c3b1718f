import Consortium
import Credentials
import Foundation
import Keystore
import Ledger
import TestSupport
import Testing

@Suite("Sealed stores of roles")
struct SealedRoleStoreTests {
  /// One for all, since each takes a passphrase's time to make.
  private static let keystore = Result { try makeKeystore() }

  private static func makeKeystore() throws -> Keystore {
    let path = FileManager.default.temporaryDirectory
      .appending(path: "bc-emr-\(UUID().uuidString).sealed").path()
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try Keystore.create(
      Keystore.withStoreKey(KeyFile(owner: "doctor-1", secrets: [:])), at: path,
      passphrase: Passphrase(new: "correct horse battery"))
  }

  /// The longest value is shorter by what sealing adds, as the test below says.
  private static let laws = RoleStoreLaws.all.filter { !$0.description.contains("above the limit") }

  @Test("a sealed store keeps the laws of stores", arguments: laws)
  func law(_ law: StoreLaw<any RoleStore>) async throws {
    #expect(Self.laws.count == RoleStoreLaws.all.count - 1)
    let keystore = try Self.keystore.get()
    let backend = StoreBackend<any RoleStore>("sealed") {
      let store = MemoryRoleStore()
      return { try SealedRoleStore(store, keystore) }
    }
    #expect(try await law.counterexample(in: backend) == nil)
  }

  @Test("a value that sealing makes too long is refused, with all that is written beside it")
  func limit() throws {
    let store = try SealedRoleStore(MemoryRoleStore(), Self.keystore.get())
    let largest = [UInt8](repeating: 1, count: RoleStoreLimits.valueByteCount - 28)
    try store.write(["a": largest])
    for extra in [1, 28, 29] {
      #expect(throws: StoreError.self) {
        try store.write(["a": largest + [UInt8](repeating: 1, count: extra), "b": [1]])
      }
    }
    #expect(try store.value(forKey: "a") == largest && store.value(forKey: "b") == nil)
  }

  @Test("[attack] a thief of the disk reads no value, and moves none to another row unnoticed")
  func stolen() throws {
    let disk = MemoryRoleStore()
    let store = try SealedRoleStore(disk, Self.keystore.get())
    let secret = Array("a group key of a visit, and the identity key to come".utf8)
    try store.write(["keys/pending": secret, "visit/a": secret, "visit/b": [1]])
    let sealed = try #require(try disk.value(forKey: "keys/pending"))
    #expect(!Data(sealed).contains(Data(secret.prefix(8))))
    #expect(try disk.value(forKey: "visit/a") != sealed)
    // What may not be read is not taken for something else either.
    try disk.write(["visit/b": sealed])
    #expect { _ = try store.value(forKey: "visit/b") } throws: {
      ($0 as? StoreError)?.code == .corrupted
    }
    for place in sealed.indices {
      var changed = sealed
      changed[place] ^= 1
      try disk.write(["keys/pending": changed])
      #expect(throws: StoreError.self, "byte \(place)") {
        _ = try store.value(forKey: "keys/pending")
      }
    }
    for count in 0..<30 {
      try disk.write(["keys/pending": Array(sealed.prefix(count))])
      #expect(throws: StoreError.self) { _ = try store.value(forKey: "keys/pending") }
    }
    let other = try SealedRoleStore(disk, Self.makeKeystore())
    #expect(throws: StoreError.self) { _ = try other.value(forKey: "visit/a") }
  }
}
