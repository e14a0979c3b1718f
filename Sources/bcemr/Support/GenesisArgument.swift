import CanonicalEncoding
import Foundation
import Ledger

/// Which ledger is meant, as it is named on the command line.
enum GenesisArgument {
  /// Of a hash, or of a file with a genesis.
  ///
  /// - Throws: ``CommandFailure`` `no-genesis`.
  static func digest(_ text: String) throws -> Digest32 {
    if let digest = Digest32(hex: text) { return digest }
    guard FileManager.default.fileExists(atPath: text) else {
      throw CommandFailure(
        .badInput, code: "no-genesis",
        "--genesis \(text): neither 64 hexadecimal digits nor a file")
    }
    let bytes = try SystemFile.contents(of: text, limit: Genesis.maximumByteCount)
    do {
      return try Genesis(encoded: bytes).digest
    } catch {
      throw CommandFailure(
        .badInput, code: "no-genesis", "\(text): this is no genesis: \(error.message)")
    }
  }
}
