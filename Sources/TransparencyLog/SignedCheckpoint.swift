/// A checkpoint with the signature of its log, verified.
public struct SignedCheckpoint: Sendable, Equatable {
  public let checkpoint: Checkpoint
  /// Whose signature it is.
  public let log: LogVerifier
  private let signature: [UInt8]

  init(_ checkpoint: Checkpoint, _ log: LogVerifier, _ signature: [UInt8]) {
    (self.checkpoint, self.log, self.signature) = (checkpoint, log, signature)
  }

  /// Verifies a note against the key of the log that it should be of.
  ///
  /// Signatures of other keys are passed over; of several by the log, the first counts.
  /// - Parameter allowsExtensionLines: false refuses them, as formats do that have none.
  /// - Throws: `encoding` if the text is not a checkpoint, `origin` if it is of another log,
  ///   `signature` if one under the log's name and key ID is false, `unsigned` if there is none,
  ///   `extension-line`.
  public init(
    verifying note: SignedNote, log: LogVerifier, allowsExtensionLines: Bool = true
  ) throws(TransparencyLogError) {
    let checkpoint = try Checkpoint(
      of: note, origin: log.origin, allowsExtensionLines: allowsExtensionLines)
    let lines = note.signatures.filter { log.key.isNamed(in: $0) }
    guard lines.allSatisfy({ log.isSignature($0.signature, of: note.body) }) else {
      throw TransparencyLogError(.signature, "a signature is not by the log it names")
    }
    guard let line = lines.first else {
      throw TransparencyLogError(.unsigned, "the log has not signed the checkpoint")
    }
    self.init(checkpoint, log, line.signature)
  }

  /// The note with this signature and no other.
  public var note: SignedNote {
    SignedNote(
      body: checkpoint.body,
      signatures: [NoteSignature(name: log.origin, keyID: log.key.keyID, signature: signature)])
  }
}

/// A checkpoint that its log has signed and others have cosigned, all of it verified.
public struct ConfirmedCheckpoint: Sendable, Equatable {
  /// By the log.
  public let signed: SignedCheckpoint
  /// By the others, the same checkpoint.
  public let cosigned: CosignedCheckpoint

  public var checkpoint: Checkpoint { signed.checkpoint }

  /// - Throws: `text` if the two are not of one checkpoint.
  public init(
    _ signed: SignedCheckpoint, _ cosigned: CosignedCheckpoint
  ) throws(TransparencyLogError) {
    guard signed.checkpoint == cosigned.checkpoint else {
      throw TransparencyLogError(.text, "log and cosigners signed two checkpoints")
    }
    (self.signed, self.cosigned) = (signed, cosigned)
  }

  /// Verifies a note against the key of its log and of everyone who has to cosign.
  ///
  /// - Parameters:
  ///   - cosigners: all of them have to, and there is at least one.
  ///   - allowsExtensionLines: false refuses them, as formats do that have none.
  /// - Throws: `unsigned` if one signature is missing, what ``SignedCheckpoint`` and
  ///   ``CosignedCheckpoint`` throw.
  public init(
    verifying note: SignedNote, log: LogVerifier, cosigners: [CosignerVerifier],
    allowsExtensionLines: Bool = true
  ) throws(TransparencyLogError) {
    let signed = try SignedCheckpoint(
      verifying: note, log: log, allowsExtensionLines: allowsExtensionLines)
    let cosigned = try CosignedCheckpoint(
      verifying: note, origin: log.origin, cosigners: cosigners,
      allowsExtensionLines: allowsExtensionLines)
    guard cosigned.cosigners == Set(cosigners) else {
      throw TransparencyLogError(.unsigned, "not every cosigner has cosigned the checkpoint")
    }
    try self.init(signed, cosigned)
  }

  /// The note with the log's signature first, then these cosignatures, and no others.
  public var note: SignedNote {
    SignedNote(
      body: checkpoint.body, signatures: signed.note.signatures + cosigned.note.signatures)
  }
}
