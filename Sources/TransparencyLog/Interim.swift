package import Crypto

public protocol TileStore { func tile(level: Int, index: UInt64) throws -> [UInt8]? }
public struct TileIdentifier: Hashable, Sendable { public let level: Int; public let index: UInt64 }
public struct TiledTree: Sendable {
  private var tree = MerkleTree()
  private var hashes: [[UInt8]] = []
  private var changed: Set<UInt64> = []
  public init(size: UInt64, store: some TileStore) throws {
    for n in 0..<(size + 255) / 256 {
      let t = try store.tile(level: 0, index: n) ?? []
      for i in 0..<min(256, Int(size - n * 256)) {
        let h = Array(t[32 * i..<32 * i + 32])
        hashes.append(h)
        tree.appendHash(h)
      }
    }
  }
  public var size: UInt64 { tree.size }
  public mutating func append(leafHash: [UInt8]) throws {
    changed.insert(tree.size / 256)
    hashes.append(leafHash)
    tree.appendHash(leafHash)
  }
  public var changedTiles: [(TileIdentifier, [UInt8])] {
    changed.map { n in
      (TileIdentifier(level: 0, index: n), Array(hashes[Int(n) * 256..<min(hashes.count, Int(n) * 256 + 256)].joined()))
    }
  }
  public mutating func forgetChangedTiles() { changed = [] }
  public func root(size: UInt64) throws -> [UInt8] { tree.root(size: size) }
  public func inclusionProof(index: UInt64, size: UInt64) throws -> InclusionProof { try tree.inclusionProof(index: index, size: size) }
  public func consistencyProof(from: UInt64, to: UInt64) throws -> ConsistencyProof { try tree.consistencyProof(from: from, to: to) }
}
public struct LogVerifier: Sendable {
  public let key: NoteVerifierKey
  public var publicKey: [UInt8] { key.publicKey }
  public init(origin: String, publicKey: [UInt8]) throws { key = try NoteVerifierKey(name: origin, type: .ed25519, publicKey: publicKey) }
  public func checkpoint(in note: SignedNote) throws -> Checkpoint {
    let checkpoint = try Checkpoint(body: note.body)
    guard let line = note.signatures.first(where: { key.isNamed(in: $0) }),
      let pk = try? Curve25519.Signing.PublicKey(rawRepresentation: key.publicKey),
      pk.isValidSignature(line.signature, for: Array(note.body.utf8)) else { throw TransparencyLogError(.signature, "log") }
    return checkpoint
  }
}
public final class LogKey: Sendable {
  let key: Curve25519.Signing.PrivateKey
  public let verifier: LogVerifier
  package init(origin: String, key: Curve25519.Signing.PrivateKey) throws { self.key = key; verifier = try LogVerifier(origin: origin, publicKey: Array(key.publicKey.rawRepresentation)) }
  public func sign(_ c: Checkpoint) throws -> SignedNote {
    SignedNote(body: c.body, signatures: [NoteSignature(name: verifier.key.name, keyID: verifier.key.keyID, signature: Array(try key.signature(for: Array(c.body.utf8))))])
  }
}
extension SignedNote {
  public func adding(_ cosigned: CosignedCheckpoint) -> SignedNote {
    SignedNote(body: body, signatures: signatures + cosigned.note.signatures)
  }
}
extension MerkleTree {
  mutating func appendHash(_ h: [UInt8]) { append(hash: h) }
}
