import Crypto
import TestSupport
import Testing
import TransparencyLog

@Suite("A cosignature is by its key, on its checkpoint, at its time")
struct CosignatureTests {
  private let checkpoint: Checkpoint
  private let alice: CosignerKey
  private let bob: CosignerKey
  private let signed: CosignedCheckpoint

  init() throws {
    let tree = MerkleTree(leaves: (0..<9).map { [UInt8($0)] })
    checkpoint = try Checkpoint(origin: "example.com/log", size: 9, root: tree.root)
    alice = try CosignerKey(name: "example.com/alice")
    bob = try CosignerKey(name: "example.com/bob")
    signed = try alice.cosign(checkpoint, at: 7)
  }

  /// What a verifier who knows these keys makes of a note.
  private func verify(
    _ text: String, _ known: [CosignerKey], origin: String = "example.com/log"
  ) throws -> CosignedCheckpoint {
    try CosignedCheckpoint(
      verifying: SignedNote(encoded: text), origin: origin, cosigners: known.map(\.verifier))
  }

  @Test(
    "another implementation's notes and ours are the same bytes",
    arguments: try cases("cosigned") as [CosignedCase])
  func golden(_ vector: CosignedCase) throws {
    let checkpoint = try Checkpoint(
      origin: vector.origin, size: vector.size, root: vector.root.bytes)
    let parts = try zip(vector.seeds, vector.vkeys).map { seed, vkey in
      let verifier = try CosignerVerifier(vkey: vkey)
      let key = try CosignerKey(
        name: verifier.name, key: Curve25519.Signing.PrivateKey(rawRepresentation: seed.bytes))
      #expect(key.verifier == verifier)
      #expect(key.verifier.description == vkey)
      return try key.cosign(checkpoint, at: vector.time)
    }
    let verified = try CosignedCheckpoint(
      verifying: SignedNote(encoded: vector.note), origin: vector.origin,
      cosigners: vector.cosigners)
    #expect(verified.checkpoint == checkpoint)
    #expect(verified.cosignatures.map(\.time) == [vector.time, vector.time, vector.time])
    #expect(verified.note.encoded == vector.note)
    // swift-crypto's Ed25519 may randomise its nonce, so ours is compared by what it verifies as.
    let ours = try #require(CosignedCheckpoint.merged(parts))
    let back = try CosignedCheckpoint(
      verifying: SignedNote(encoded: ours.note.encoded), origin: vector.origin,
      cosigners: vector.cosigners)
    #expect(back == ours)
    #expect(back.cosigners == verified.cosigners)
  }

  @Test("signatures of unknown keys are passed over, and alone are not enough")
  func unknownKeys() throws {
    let both = try #require(CosignedCheckpoint.merged([try bob.cosign(checkpoint, at: 8), signed]))
    #expect(try verify(both.note.encoded, [alice]) == signed)
    #expect(refusal(try verify(signed.note.encoded, [bob])) == .unsigned)
    #expect(refusal(try verify(signed.note.encoded, [])) == .unsigned)
  }

  @Test("one name with another key is another cosigner, and one key with another name")
  func namesAndKeys() throws {
    let impostor = try CosignerKey(name: alice.verifier.name)
    let forged = try impostor.cosign(checkpoint, at: 7).note.encoded
    #expect(refusal(try verify(forged, [alice])) == .unsigned)
    let renamed = signed.note.encoded.replacing("/alice", with: "/alicia")
    #expect(refusal(try verify(renamed, [alice])) == .unsigned)
  }

  @Test("a key whose ID collides with a known one signs nothing, and spoils the note")
  func collidingID() throws {
    let line = try #require(bob.cosign(checkpoint, at: 7).note.encoded.split(separator: " ").last)
    var bytes = try #require([UInt8](base64: line.dropLast()))
    let known = signed.note.signatures[0].keyID
    for index in 0..<4 { bytes[index] = UInt8(truncatingIfNeeded: known >> (24 - 8 * index)) }
    let forged = "— \(alice.verifier.name) \(bytes.base64)\n"
    #expect(refusal(try verify(checkpoint.body + "\n" + forged, [alice])) == .signature)
    #expect(refusal(try verify(signed.note.encoded + forged, [alice])) == .signature)
  }

  @Test("a cosignature moved to another text is refused")
  func otherText() throws {
    let line = try #require(signed.note.encoded.split(separator: "\n").last) + "\n"
    for (origin, size, root) in [
      ("example.com/log2", UInt64(9), checkpoint.root), ("example.com/log", 8, checkpoint.root),
      ("example.com/log", 9, checkpoint.root.flipped(0)),
    ] {
      let other = try Checkpoint(origin: origin, size: size, root: root)
      #expect(refusal(try verify(other.body + "\n" + line, [alice], origin: origin)) == .signature)
    }
    let extended = checkpoint.body + "extension\n\n" + line
    #expect(refusal(try verify(extended, [alice])) == .signature)
  }

  @Test("a checkpoint of another log is refused, however well signed")
  func otherLog() {
    #expect(refusal(try verify(signed.note.encoded, [alice], origin: "example.com/l")) == .origin)
  }

  @Test("a note that is no checkpoint is refused, however well signed")
  func otherNote() throws {
    let text = "an\nagreement\n"
    let line = try #require(signed.note.encoded.split(separator: "\n").last) + "\n"
    #expect(refusal(try verify(text + "\n" + line, [alice])) == .encoding)
  }

  @Test("every bit of ID, time and signature counts")
  func bits() throws {
    let line = try #require(signed.note.encoded.split(separator: " ").last)
    let bytes = try #require([UInt8](base64: line.dropLast()))
    for bit in 0..<(8 * bytes.count) {
      let forged = "— \(alice.verifier.name) \(bytes.flipped(bit).base64)\n"
      #expect(
        refusal(try verify(checkpoint.body + "\n" + forged, [alice]))
          == (bit < 32 ? .unsigned : .signature))
    }
    for other in [Array(bytes.dropLast()), bytes + [0]] {
      let forged = "— \(alice.verifier.name) \(other.base64)\n"
      #expect(refusal(try verify(checkpoint.body + "\n" + forged, [alice])) == .signature)
    }
  }

  @Test("a plain Ed25519 signature by a cosigner's key is not a cosignature")
  func plainSignature() throws {
    let key = Curve25519.Signing.PrivateKey()
    let cosigner = try CosignerKey(name: "example.com/c", key: key)
    let keyID = cosigner.verifier.key.keyID
    let id = (0..<4).map { UInt8(truncatingIfNeeded: keyID >> (24 - 8 * $0)) }
    let time = [UInt8](repeating: 0, count: 8)
    for message in [checkpoint.body, "time 0\n" + checkpoint.body] {
      let signature = try Array(key.signature(for: Array(message.utf8)))
      let forged = "— example.com/c \((id + time + signature).base64)\n"
      #expect(refusal(try verify(checkpoint.body + "\n" + forged, [cosigner])) == .signature)
    }
  }

  @Test("several cosignatures by one key count once")
  func duplicates() throws {
    let later = try alice.cosign(checkpoint, at: 9)
    let text = signed.note.encoded + (later.note.encoded.split(separator: "\n").last ?? "") + "\n"
    let verified = try verify(text, [alice, bob])
    #expect(verified == signed)
    #expect(CosignedCheckpoint.merged([signed, later, signed]) == signed)
  }

  @Test("cosignatures on two checkpoints do not merge")
  func merging() throws {
    let other = try Checkpoint(origin: checkpoint.origin, size: 8, root: checkpoint.root)
    #expect(CosignedCheckpoint.merged([signed, try bob.cosign(other, at: 7)]) == nil)
    #expect(CosignedCheckpoint.merged([]) == nil)
  }

  @Test("a time above 2^63 - 1 is not signed")
  func time() {
    #expect(refusal(try alice.cosign(checkpoint, at: 1 << 63)) == .range)
  }

  @Test("the vkey of another signature type is not a cosigner's")
  func otherType() throws {
    let key = try NoteVerifierKey(
      name: "a", type: .ed25519, publicKey: alice.verifier.key.publicKey)
    #expect(refusal(try CosignerVerifier(vkey: key.description)) == .key)
  }
}
