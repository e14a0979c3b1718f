package import Foundation

/// A file of test vectors, one case each.
package struct VectorFile<Case: Decodable>: Decodable {
  /// What the cases show.
  package let about: String
  /// The documents, or the libraries that agreed on every value.
  package let sources: [String]
  package let cases: [Case]

  /// Reads `Vectors/<name>.json` of a test bundle, or a file of this name in the folder that the
  /// environment names in `BCEMR_VECTORS`, where there is one (`scripts/vectors/cross-check`).
  package init(_ name: String, in bundle: Bundle) throws {
    let folder = ProcessInfo.processInfo.environment["BCEMR_VECTORS"]
    let fresh = folder.map { URL(filePath: $0).appending(path: "\(name).json") }
    let committed = bundle.url(
      forResource: name, withExtension: "json", subdirectory: "Vectors")
    let exists = { (url: URL) in FileManager.default.fileExists(atPath: url.path()) }
    guard let url = fresh.flatMap({ exists($0) ? $0 : nil }) ?? committed
    else { throw CocoaError(.fileNoSuchFile, userInfo: [NSFilePathErrorKey: name]) }
    self = try JSONDecoder().decode(Self.self, from: Data(contentsOf: url))
  }
}

/// Bytes that stand in a vector file as hexadecimal digits.
package struct Hex: Decodable, Equatable, Sendable {
  package let bytes: [UInt8]

  package init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    let digits = text.compactMap { $0.hexDigitValue.map(UInt8.init) }
    guard digits.count == text.count, text.count.isMultiple(of: 2) else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "not hexadecimal"))
    }
    bytes = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}
