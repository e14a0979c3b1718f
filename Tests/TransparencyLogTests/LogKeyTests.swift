import Crypto
import TestSupport
import Testing
import TransparencyLog

@Suite("A log signs its checkpoints, and others cosign what it signed")
struct LogKeyTests {
  private let origin = "example.com/log"
  private let tree = MerkleTree(leaves: (0..<9).map { [UInt8($0)] })
  private let checkpoint: Checkpoint
  private let log: LogKey
  private let alice: CosignerKey
  private let bob: CosignerKey
  private let signed: SignedCheckpoint

  init() throws {
    checkpoint = try Checkpoint(origin: origin, size: 9, root: tree.root)
    log = try LogKey(origin: origin)
    alice = try CosignerKey(name: "example.com/alice")
    bob = try CosignerKey(name: "example.com/bob")
    signed = try log.sign(checkpoint)
  }

  private func verify(_ text: String, _ verifier: LogVerifier? = nil) throws -> SignedCheckpoint {
    try SignedCheckpoint(verifying: SignedNote(encoded: text), log: verifier ?? log.verifier)
  }

  private func confirm(
    _ text: String, _ cosigners: [CosignerKey], extensions: Bool = true
  ) throws -> ConfirmedCheckpoint {
    try ConfirmedCheckpoint(
      verifying: SignedNote(encoded: text), log: log.verifier,
      cosigners: cosigners.map(\.verifier), allowsExtensionLines: extensions)
  }

  @Test("the checkpoints in the documents", arguments: try cases("c2sp") as [DocumentCase])
  func documents(_ example: DocumentCase) throws {
    guard let vkey = example.vkey else { return }
    let note = try SignedNote(encoded: example.note)
    let verifier = try LogVerifier(vkey: vkey)
    #expect(verifier.description == vkey)
    // This note is signed well, and is no checkpoint.
    #expect(refusal(try SignedCheckpoint(verifying: note, log: verifier)) == .encoding)
  }

  @Test("what a log signs, its verifier reads")
  func roundTrip() throws {
    #expect(try verify(signed.note.encoded) == signed)
    #expect(try LogVerifier(vkey: log.verifier.description) == log.verifier)
    #expect(log.verifier.key.type == .ed25519 && log.verifier.origin == origin)
    let line = try #require(signed.note.signatures.first)
    let key = try Curve25519.Signing.PublicKey(rawRepresentation: log.verifier.key.publicKey)
    #expect(key.isValidSignature(line.signature, for: Array(checkpoint.body.utf8)))
  }

  @Test("another log's checkpoint is neither signed nor read")
  func otherLog() throws {
    let other = try Checkpoint(origin: "example.com/log2", size: 9, root: tree.root)
    #expect(refusal(try log.sign(other)) == .origin)
    let theirs = try LogKey(origin: other.origin).sign(other)
    #expect(refusal(try verify(theirs.note.encoded)) == .origin)
  }

  @Test("no signature, another key's, another text's")
  func unsigned() throws {
    let impostor = try LogKey(origin: origin)
    #expect(refusal(try verify(impostor.sign(checkpoint).note.encoded)) == .unsigned)
    #expect(refusal(try verify(alice.cosign(checkpoint, at: 1).note.encoded)) == .unsigned)
    let line = try #require(signed.note.encoded.split(separator: "\n").last)
    let other = try Checkpoint(origin: origin, size: 8, root: tree.root(size: 8))
    #expect(refusal(try verify("\(other.body)\n\(line)\n")) == .signature)
    #expect(refusal(try verify("\(checkpoint.body)one\n\n\(line)\n")) == .signature)
    // One false line spoils the note, wherever it stands.
    let right = try log.sign(other).note.encoded
    #expect(refusal(try verify(right + "\(line)\n")) == .signature)
    #expect(try verify(signed.note.encoded + "\(line)\n") == signed)
  }

  @Test("every bit of key ID and signature counts, and their number")
  func bits() throws {
    let line = try #require(signed.note.encoded.split(separator: " ").last)
    let bytes = try #require([UInt8](base64: line.dropLast()))
    for bit in 0..<(8 * bytes.count) {
      let forged = "\(checkpoint.body)\n— \(origin) \(bytes.flipped(bit).base64)\n"
      #expect(refusal(try verify(forged)) == (bit < 32 ? .unsigned : .signature))
    }
    for other in [Array(bytes.dropLast()), bytes + [0], Array(bytes.prefix(5))] {
      #expect(
        refusal(try verify("\(checkpoint.body)\n— \(origin) \(other.base64)\n")) == .signature)
    }
  }

  @Test("a cosignature by the log's key bytes is not its signature, nor the other way round")
  func types() throws {
    let key = Curve25519.Signing.PrivateKey()
    let (log, cosigner) = (
      try LogKey(origin: origin, key: key), try CosignerKey(name: origin, key: key)
    )
    let cosigned = try cosigner.cosign(checkpoint, at: 1).note.encoded
    #expect(refusal(try verify(cosigned, log.verifier)) == .unsigned)
    let signed = try log.sign(checkpoint).note.encoded
    #expect(
      refusal(
        try CosignedCheckpoint(
          verifying: SignedNote(encoded: signed), origin: origin, cosigners: [cosigner.verifier]))
        == .unsigned)
    #expect(refusal(try LogVerifier(vkey: cosigner.verifier.description)) == .key)
    #expect(refusal(try CosignerVerifier(vkey: log.verifier.description)) == .key)
    #expect(refusal(try LogVerifier(origin: origin, publicKey: [1])) == .key)
    #expect(refusal(try LogKey(origin: "a log")) == .key)
  }

  @Test("a cosignature is added to the note that the log signed, and both are required")
  func confirmed() throws {
    let cosigned = try alice.cosign(checkpoint, at: 7)
    let confirmed = try ConfirmedCheckpoint(signed, cosigned)
    let note = try signed.note.adding(cosigned.note)
    #expect(note == confirmed.note)
    #expect(note.signatures.map(\.name) == [origin, "example.com/alice"])
    #expect(try confirm(note.encoded, [alice]) == confirmed)
    #expect(try note.adding(cosigned.note) == note)
    #expect(refusal(try confirm(note.encoded, [alice, bob])) == .unsigned)
    #expect(refusal(try confirm(note.encoded, [bob])) == .unsigned)
    #expect(refusal(try confirm(note.encoded, [])) == .unsigned)
    #expect(refusal(try confirm(signed.note.encoded, [alice])) == .unsigned)
    #expect(refusal(try confirm(cosigned.note.encoded, [alice])) == .unsigned)
    let both = try note.adding(bob.cosign(checkpoint, at: 8).note)
    #expect(try confirm(both.encoded, [bob, alice]).cosigned.cosigners.count == 2)
  }

  @Test("signatures on two texts do not come together")
  func twoTexts() throws {
    let other = try Checkpoint(origin: origin, size: 8, root: tree.root(size: 8))
    let cosigned = try alice.cosign(other, at: 7)
    #expect(refusal(try signed.note.adding(cosigned.note)) == .text)
    #expect(refusal(try ConfirmedCheckpoint(signed, cosigned)) == .text)
    let line = "\(try #require(signed.note.encoded.split(separator: "\n").last))\n"
    let many = try SignedNote(
      encoded: checkpoint.body + "\n" + String(repeating: line, count: 1024))
    #expect(refusal(try many.adding(alice.cosign(checkpoint, at: 1).note)) == .tooLarge)
  }

  @Test("extension lines are read, and refused by whoever allows none")
  func extensions() throws {
    let extended = try Checkpoint(body: checkpoint.body + "more\n")
    let note = try log.sign(extended).note.adding(alice.cosign(extended, at: 1).note).encoded
    #expect(try verify(note).checkpoint.extensionLines == ["more"])
    #expect(try confirm(note, [alice]).checkpoint == extended)
    #expect(refusal(try confirm(note, [alice], extensions: false)) == .extensionLine)
    let read = try SignedNote(encoded: note)
    #expect(
      refusal(
        try SignedCheckpoint(verifying: read, log: log.verifier, allowsExtensionLines: false))
        == .extensionLine)
    #expect(
      refusal(
        try CosignedCheckpoint(
          verifying: read, origin: origin, cosigners: [alice.verifier],
          allowsExtensionLines: false)) == .extensionLine)
    let plain = try signed.note.adding(alice.cosign(checkpoint, at: 1).note).encoded
    #expect(try confirm(plain, [alice], extensions: false).checkpoint == checkpoint)
  }

  @Test("a proof in one text, under a checkpoint that log and cosigner signed")
  func proofs() throws {
    let confirmed = try ConfirmedCheckpoint(signed, alice.cosign(checkpoint, at: 7))
    let text = LogProof(
      index: 4, inclusion: try tree.inclusionProof(index: 4, size: 9), note: confirmed.note
    ).encoded
    let proof = try LogProof(encoded: text)
    func verify(_ leaf: UInt8, _ cosigners: [CosignerKey]) throws -> ConfirmedCheckpoint {
      try proof.verify(
        leafHash: MerkleHash.leaf([leaf]), log: log.verifier, cosigners: cosigners.map(\.verifier))
    }
    #expect(try verify(4, [alice]) == confirmed)
    #expect(refusal(try verify(5, [alice])) == .proof)
    #expect(refusal(try verify(4, [bob])) == .unsigned)
  }
}
