import Crypto
import TestSupport
import Testing
import TransparencyLog

@Suite("Notes, checkpoints, keys and proofs have one text form")
struct NoteTests {
  @Test(
    "a text that is read is written again byte for byte",
    arguments: try cases("readable") as [TextCase])
  func readable(_ text: TextCase) throws {
    #expect(try Array(text.rewritten().utf8) == Array(text.text.utf8))
  }

  @Test(
    "a text with one thing wrong is refused, by its code",
    arguments: try cases("malformed") as [TextCase])
  func malformed(_ text: TextCase) {
    #expect(refusal(try text.rewritten()) == .init(text.code))
  }

  @Test(
    "cut off or with a byte changed, a text is refused or another one",
    arguments: try cases("readable") as [TextCase])
  func damaged(_ text: TextCase) throws {
    let bytes = Array(text.text.utf8)
    for position in bytes.indices {
      for replacement: [UInt8] in [[], [0], [0x0a], [0x20], [0x2b], [bytes[position] ^ 1]] {
        let damaged = Array(bytes[..<position]) + replacement + Array(bytes[(position + 1)...])
        guard let string = String(validating: damaged, as: UTF8.self) else { continue }
        let other = TextCase(kind: text.kind, text: string)
        if let rewritten = try? other.rewritten() { #expect(Array(rewritten.utf8) == damaged) }
      }
      guard let start = String(validating: bytes[..<position], as: UTF8.self) else { continue }
      let cut = TextCase(kind: text.kind, text: start)
      if let rewritten = try? cut.rewritten() { #expect(rewritten == start) }
    }
  }

  @Test("the examples of the documents", arguments: try cases("c2sp") as [DocumentCase])
  func documents(_ example: DocumentCase) throws {
    let note = try SignedNote(encoded: example.note)
    #expect(note.encoded == example.note)
    #expect(note.body == example.body)
    #expect(note.signatures.map(\.name) == example.names)
    if let vkey = example.vkey {
      let key = try NoteVerifierKey(vkey: vkey)
      #expect(key.description == vkey)
      #expect(key.type == .ed25519)
      #expect(note.signatures[0].keyID == key.keyID)
      let publicKey = try Curve25519.Signing.PublicKey(rawRepresentation: key.publicKey)
      #expect(
        publicKey.isValidSignature(note.signatures[0].signature, for: Array(note.body.utf8)))
    }
    if let size = example.size, let time = example.time {
      #expect(try Checkpoint(body: note.body).size == size)
      #expect(note.signatures[1].signature.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } == time)
    }
  }

  @Test("extension lines are kept, in their order")
  func extensions() throws {
    let plain = try Checkpoint(origin: "a", size: 0, root: MerkleHash.empty)
    let extended = try Checkpoint(body: plain.body + "one\ntwo\n")
    #expect(extended.extensionLines == ["one", "two"])
    #expect(extended.body == plain.body + "one\ntwo\n")
    #expect(extended != plain)
  }

  @Test("what cannot be read cannot be made")
  func construction() {
    let root = MerkleHash.leaf([])
    #expect(refusal(try Checkpoint(origin: "", size: 1, root: root)) == .encoding)
    #expect(refusal(try Checkpoint(origin: "a\nb", size: 1, root: root)) == .encoding)
    #expect(refusal(try Checkpoint(origin: "a", size: 1, root: Array(root[1...]))) == .encoding)
    #expect(refusal(try Checkpoint(origin: "a", size: 1 << 63, root: root)) == .range)
    #expect(refusal(try Checkpoint(origin: "a", size: 0, root: root)) == .range)
    #expect(refusal(try CosignerKey(name: "a b")) == .key)
    #expect(refusal(try CosignerVerifier(name: "a", publicKey: [1, 2])) == .key)
  }

  @Test("lengths and counts are bounded")
  func limits() throws {
    let root = MerkleHash.leaf([])
    let signed = try CosignerKey(name: "k").cosign(
      Checkpoint(origin: "a", size: 1, root: root), at: 1)
    let (note, body) = (signed.note.encoded, signed.checkpoint.body)
    let line = note.dropFirst(body.count + 1)
    let long = String(repeating: "a", count: 1 << 20)
    #expect(refusal(try Checkpoint(origin: long, size: 1, root: root)) == .tooLarge)
    #expect(refusal(try Checkpoint(body: body + long + "\n")) == .tooLarge)
    #expect(refusal(try SignedNote(encoded: long + "\n" + note)) == .tooLarge)
    #expect(refusal(try LogProof(encoded: long + long)) == .tooLarge)
    #expect(refusal(try NoteVerifierKey(vkey: long)) == .encoding)
    #expect(refusal(try CosignerKey(name: long)) == .key)
    for count in [16, 1024] {
      let many = body + "\n" + String(repeating: String(line), count: count)
      #expect(try SignedNote(encoded: many).signatures.count == count)
    }
    let tooMany = body + "\n" + String(repeating: String(line), count: 1025)
    #expect(refusal(try SignedNote(encoded: tooMany)) == .tooLarge)
  }

  @Test("origins that only look alike are two")
  func lookalikes() throws {
    let root = MerkleHash.leaf([])
    let composed = try Checkpoint(origin: "caf\u{e9}", size: 1, root: root)
    let decomposed = try Checkpoint(origin: "cafe\u{301}", size: 1, root: root)
    #expect(composed.origin == decomposed.origin, "Swift compares them as equal")
    #expect(composed != decomposed)
    let cosigned = try CosignerKey(name: "k").cosign(decomposed, at: 1)
    #expect(
      refusal(
        try CosignedCheckpoint(
          verifying: cosigned.note, origin: composed.origin, cosigners: Array(cosigned.cosigners)))
        == .origin)
  }
}
