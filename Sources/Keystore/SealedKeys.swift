package import CanonicalEncoding
package import Credentials
package import Crypto
import SwiftASN1

/// What trying one passphrase costs: memory of 128 · r · 2^log2N bytes, and the time to fill it p times.
package struct ScryptCost: Sendable, Equatable {
  /// N = 2^log2N.
  package var log2N: UInt64 = 17
  /// r.
  package var blockSize: UInt64 = 8
  /// p.
  package var parallelism: UInt64 = 1

  package init() {}

  /// What a file may ask for: less would be cheap to guess by, more would take the memory of who opens it.
  static let (log2Ns, blockSizes, parallelisms) = (
    UInt64(17)...19, UInt64(8)...8, UInt64(1)...4
  )

  var megabytes: UInt64 { ((128 * blockSize) << log2N) >> 20 }
}

/// The keys of one person, sealed under a passphrase (specification 4.4).
package struct SealedKeys: CanonicalObject {
  package static let kind = ObjectKind.sealedKeys
  package static let maximumByteCount = 1 << 16

  package var cost: ScryptCost
  /// 32 bytes, for this file alone.
  package var salt: [UInt8]
  /// 12 bytes, of AES-GCM, for this sealing alone.
  package var nonce: [UInt8]
  /// The DER of a ``KeyFile`` and the tag.
  package var sealed: [UInt8]

  private static let sealedByteCounts = 16...(maximumByteCount - 256)

  /// Seals keys under a key that was derived for this cost and salt.
  package init(
    _ keys: KeyFile, under key: SymmetricKey, _ cost: ScryptCost, salt: [UInt8]
  ) throws(CredentialError) {
    (self.cost, self.salt, sealed) = (cost, salt, [])
    let nonce = AES.GCM.Nonce()
    self.nonce = Array(nonce)
    let plain = keys.encoded()
    guard plain.count + 16 <= Self.sealedByteCounts.upperBound,
      let box = try? AES.GCM.seal(plain, using: key, nonce: nonce, authenticating: header)
    else { throw CredentialError(.invalidKey, "there are more keys than a keystore holds") }
    sealed = Array(box.ciphertext + box.tag)
  }

  /// - Throws: ``CredentialError`` `wrongPassphrase`.
  package func open(with key: SymmetricKey) throws(CredentialError) -> KeyFile {
    guard let nonce = try? AES.GCM.Nonce(data: nonce),
      let box = try? AES.GCM.SealedBox(
        nonce: nonce, ciphertext: sealed.dropLast(16), tag: sealed.suffix(16)),
      let plain = try? AES.GCM.open(box, using: key, authenticating: header),
      let keys = try? KeyFile(encoded: Array(plain))
    else {
      throw CredentialError(
        .wrongPassphrase, "the passphrase is wrong, or the file was changed")
    }
    return keys
  }

  /// All of it but what is sealed: the DER of the same object with nothing sealed in it. It is authenticated.
  private var header: [UInt8] {
    var header = self
    header.sealed = []
    return header.encoded()
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.integer("log2N", cost.log2N)
    fields.integer("blockSize", cost.blockSize)
    fields.integer("parallelism", cost.parallelism)
    fields.octets("salt", salt)
    fields.octets("nonce", nonce)
    fields.octets("sealed", sealed)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    cost = ScryptCost()
    cost.log2N = try fields.integer("log2N", in: ScryptCost.log2Ns)
    cost.blockSize = try fields.integer("blockSize", in: ScryptCost.blockSizes)
    cost.parallelism = try fields.integer("parallelism", in: ScryptCost.parallelisms)
    salt = try fields.octets("salt", count: 32)
    nonce = try fields.octets("nonce", count: 12)
    sealed = try fields.octets("sealed", Self.sealedByteCounts)
  }

  // MARK: As text

  private static let textLabel = "BC-EMR SEALED KEYS"

  /// The DER as text (RFC 7468).
  package var text: String {
    PEMDocument(type: Self.textLabel, derBytes: encoded()).pemString + "\n"
  }

  /// - Throws: whatever is wrong with a text that is none of these.
  package init(text: String) throws {
    let document = try PEMDocument(pemString: text)
    try self.init(encoded: document.derBytes)
    guard self.text == text else {
      throw CredentialError(.invalidFile, "this is not the text of a keystore")
    }
  }
}
