import Crypto

/// The hashes of a Merkle tree (RFC 6962 section 2.1), each 32 bytes of SHA-256. Leaves and nodes
/// begin with different bytes, so that neither can be shown as the other.
public enum MerkleHash {
  /// Of every hash.
  public static let byteCount = 32

  /// The root of the tree without a leaf.
  public static let empty = hash([])

  /// SHA-256(`00` ‖ leaf).
  public static func leaf(_ data: [UInt8]) -> [UInt8] { hash([0] + data) }

  static func node(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] { hash([1] + left + right) }

  /// The hash above two hashes that stand one after the other.
  static func node(_ children: ArraySlice<UInt8>) -> [UInt8] { hash([1] + children) }

  /// The hash above 2ᵏ hashes that stand one after the other.
  static func fold(_ hashes: ArraySlice<UInt8>) -> [UInt8] {
    var row = Array(hashes)
    while row.count > byteCount {
      row = stride(from: 0, to: row.count, by: 2 * byteCount).flatMap {
        node(row[$0..<$0 + 2 * byteCount])
      }
    }
    return row
  }

  private static func hash(_ bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }

  static func check(_ hashes: [UInt8]...) throws(TransparencyLogError) {
    guard hashes.allSatisfy({ $0.count == byteCount }) else {
      throw TransparencyLogError(.encoding, "a hash is not \(byteCount) bytes")
    }
  }

  /// No proof in a tree of less than 2⁶⁴ leaves is longer.
  static let maximumProofHashCount = 64

  static func check(proof hashes: [[UInt8]]) throws(TransparencyLogError) {
    guard hashes.count <= maximumProofHashCount else {
      throw TransparencyLogError(.tooLarge, "a proof has more than \(maximumProofHashCount) hashes")
    }
    for hash in hashes { try check(hash) }
  }
}
