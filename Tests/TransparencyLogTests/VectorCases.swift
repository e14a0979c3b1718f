import Foundation
import TestSupport
import TransparencyLog

// The cases of the files in Vectors; generate.py there made them, c2sp.json is from the documents.

func cases<Case: Decodable>(_ file: String) throws -> [Case] {
  try VectorFile<Case>(file, in: .module).cases
}

struct RootCase: Decodable, Sendable {
  let leaves: [Hex]
  let root: Hex
}

struct InclusionCase: Decodable, Sendable {
  let index, size: UInt64
  let leafHash, root: Hex
  let hashes: [Hex]
}

struct ConsistencyCase: Decodable, Sendable {
  let oldSize, newSize: UInt64
  let oldRoot, newRoot: Hex
  let hashes: [Hex]
}

struct DocumentCase: Decodable, Sendable {
  let vkey: String?
  let note, body: String
  let names: [String]
  let size, time: UInt64?
}

struct CosignedCase: Decodable, Sendable {
  let origin: String
  let size, time: UInt64
  let root: Hex
  let seeds: [Hex]
  let vkeys: [String]
  let note: String
  let proofs: [String]

  var cosigners: [CosignerVerifier] {
    get throws { try vkeys.map { try CosignerVerifier(vkey: $0) } }
  }
}

struct TextCase: Decodable, Sendable, CustomStringConvertible {
  enum Kind: String, Decodable { case checkpoint, note, vkey, proof }

  let kind: Kind
  var comment = ""
  var code = ""
  let text: String

  var description: String { "\(kind) with \(comment)" }

  /// Decodes the text and writes it again.
  func rewritten() throws(TransparencyLogError) -> String {
    switch kind {
    case .checkpoint: try Checkpoint(body: text).body
    case .note: try SignedNote(encoded: text).encoded
    case .vkey: try NoteVerifierKey(vkey: text).description
    case .proof: try LogProof(encoded: text).encoded
    }
  }
}

/// The code with which something is refused; nil if it is not.
func refusal(_ body: @autoclosure () throws -> some Any) -> TransparencyLogError.Code? {
  do {
    _ = try body()
    return nil
  } catch {
    return (error as? TransparencyLogError)?.code ?? .init("another error: \(error)")
  }
}

extension [UInt8] {
  func flipped(_ bit: Int) -> Self {
    var copy = self
    copy[bit / 8] ^= 1 << (bit % 8)
    return copy
  }

  init?(base64 text: some StringProtocol) {
    guard let data = Data(base64Encoded: String(text)) else { return nil }
    self = Array(data)
  }

  var base64: String { Data(self).base64EncodedString() }
}
