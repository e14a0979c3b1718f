import Crypto
import Foundation

/// Seals the answer to a request that was sealed by HPKE, as Oblivious HTTP does (RFC 9458, 4.4).
///
/// Only who sealed the request and who can open it have this key, so an answer under it is the
/// recipient's, and to this request. Each answer has a nonce of its own: a request that arrives twice may
/// be answered twice.
public struct AnswerKey: Sendable {
  private let secret: SymmetricKey
  private let encapsulatedKey: [UInt8]

  private static let nonceByteCount = 32
  static let label = Array("BCEMR-V01-ANSWER".utf8)

  init(_ secret: SymmetricKey, encapsulatedKey: [UInt8]) {
    (self.secret, self.encapsulatedKey) = (secret, encapsulatedKey)
  }

  /// - Returns: a nonce of 32 bytes, then the ciphertext with its tag.
  public func seal(_ answer: [UInt8]) throws(CredentialError) -> [UInt8] {
    let nonce = unsafe SymmetricKey(size: .bits256).withUnsafeBytes { unsafe Array($0) }
    let (key, iv) = keys(nonce)
    guard let iv, let box = try? AES.GCM.seal(answer, using: key, nonce: iv) else {
      throw CredentialError(.invalidKey, "the answer cannot be sealed")
    }
    return nonce + box.ciphertext + box.tag
  }

  /// - Throws: ``CredentialError`` `decryption`, for every cause the same.
  public func open(_ sealed: [UInt8]) throws(CredentialError) -> [UInt8] {
    let (key, iv) = keys(Array(sealed.prefix(Self.nonceByteCount)))
    let rest = sealed.dropFirst(Self.nonceByteCount)
    guard let iv, rest.count >= 16,
      let box = try? AES.GCM.SealedBox(
        nonce: iv, ciphertext: rest.dropLast(16), tag: rest.suffix(16)),
      let answer = try? AES.GCM.open(box, using: key)
    else { throw CredentialError(.decryption, "the sealed answer does not open") }
    return Array(answer)
  }

  private func keys(_ nonce: [UInt8]) -> (SymmetricKey, AES.GCM.Nonce?) {
    let pseudorandom = HKDF<SHA256>.extract(
      inputKeyMaterial: secret, salt: encapsulatedKey + nonce)
    func expand(_ info: String, _ count: Int) -> SymmetricKey {
      HKDF<SHA256>.expand(
        pseudoRandomKey: pseudorandom, info: Data(info.utf8), outputByteCount: count)
    }
    let iv = unsafe expand("nonce", 12).withUnsafeBytes { unsafe Data($0) }
    return (expand("key", 32), try? AES.GCM.Nonce(data: iv))
  }
}
