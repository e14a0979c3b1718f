import CanonicalEncoding
import Crypto
import Foundation
import Ledger

/// What the machines of a hospital share and etcd and S3 never see: whatever is secret lies there sealed under it.
public struct EngineSecret: Sendable, CustomStringConvertible, CustomReflectable {
  private let key: SymmetricKey

  /// - Parameter text: 64 hexadecimal digits, and perhaps a line's end.
  /// - Returns: nil for another text.
  public init?(file text: String) {
    var digits = Substring(text)
    while digits.last?.isWhitespace == true { digits.removeLast() }
    guard digits.utf8.count == 64, let bytes = [UInt8](hex: String(digits)) else { return nil }
    key = SymmetricKey(data: bytes)
  }

  /// 64 hexadecimal digits that nobody else knows, and a line's end.
  public static func makeFile() -> String {
    unsafe SymmetricKey(size: .bits256).withUnsafeBytes { unsafe Array($0) }.hex + "\n"
  }

  /// For which of the things that are sealed.
  enum Purpose: String {
    case value = "bcemr engine value"
    case keys = "bcemr engine keys"
    case log = "bcemr engine log"
  }

  private func derived(_ purpose: Purpose) -> SymmetricKey {
    HKDF<SHA256>.deriveKey(
      inputKeyMaterial: key, info: Data(purpose.rawValue.utf8), outputByteCount: 32)
  }

  private static func label(_ name: String) -> Data { Data(name.utf8) }

  static let overhead = 12 + 16

  /// Seals bytes by AES-256-GCM under a nonce of their own.
  ///
  /// - Parameter name: is authenticated with them: what is sealed under one name opens under no other.
  func seal(_ bytes: [UInt8], _ purpose: Purpose, name: String) throws(StoreError) -> [UInt8] {
    guard
      let sealed = try? AES.GCM.seal(
        bytes, using: derived(purpose), authenticating: Self.label(name)
      ).combined
    else { throw StoreError(.unavailable, "\(name): the value cannot be sealed") }
    return Array(sealed)
  }

  /// - Throws: ``StoreError`` `corrupted` for what was not sealed under this secret and name.
  func open(_ sealed: [UInt8], _ purpose: Purpose, name: String) throws(StoreError) -> [UInt8] {
    guard sealed.count >= Self.overhead, let box = try? AES.GCM.SealedBox(combined: sealed),
      let plain = try? AES.GCM.open(
        box, using: derived(purpose), authenticating: Self.label(name))
    else {
      throw StoreError(
        .corrupted, "\(name) does not open: it was changed, or the shared secret is another")
    }
    return Array(plain)
  }

  // MARK: What others may read, and not write

  /// HMAC-SHA256 of what stands under a name, 32 bytes.
  func authenticator(of bytes: [UInt8], _ purpose: Purpose, name: [UInt8]) -> [UInt8] {
    Array(HMAC<SHA256>.authenticationCode(for: Self.named(bytes, name), using: derived(purpose)))
  }

  /// Whether this stands under the name by who has the secret; in constant time.
  func isAuthentic(
    _ authenticator: [UInt8], of bytes: [UInt8], _ purpose: Purpose, name: [UInt8]
  ) -> Bool {
    HMAC<SHA256>.isValidAuthenticationCode(
      authenticator, authenticating: Self.named(bytes, name), using: derived(purpose))
  }

  private static func named(_ bytes: [UInt8], _ name: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    writer.counted(name)
    writer.raw(bytes)
    return writer.bytes
  }

  public var description: String { "the shared secret of an engine" }

  public var customMirror: Mirror { Mirror(self, children: [:]) }
}
