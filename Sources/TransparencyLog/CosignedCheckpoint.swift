/// A checkpoint with the cosignatures on it that have been verified.
public struct CosignedCheckpoint: Sendable, Equatable {
  public let checkpoint: Checkpoint
  /// At least one, and one of each cosigner.
  public let cosignatures: [VerifiedCosignature]

  init(_ checkpoint: Checkpoint, _ cosignatures: [VerifiedCosignature]) {
    self.checkpoint = checkpoint
    self.cosignatures = cosignatures
  }

  /// Verifies a note against the keys that may cosign a log.
  ///
  /// Signatures of other keys are passed over; of several by one key, the first counts. How many
  /// cosigners are enough is for the caller to say.
  /// - Parameter allowsExtensionLines: false refuses them, as formats do that have none.
  /// - Throws: `encoding` if the text is not a checkpoint, `origin` if it is of another log,
  ///   `signature` if one under the name and ID of a known key is false, `unsigned` if there is none,
  ///   `extension-line`.
  public init(
    verifying note: SignedNote, origin: String, cosigners: [CosignerVerifier],
    allowsExtensionLines: Bool = true
  ) throws(TransparencyLogError) {
    let checkpoint = try Checkpoint(
      of: note, origin: origin, allowsExtensionLines: allowsExtensionLines)
    var cosignatures: [VerifiedCosignature] = []
    for line in note.signatures {
      let named = cosigners.filter { $0.key.isNamed(in: line) }
      if named.isEmpty { continue }
      let valid = named.compactMap { $0.verifiedCosignature(line, body: note.body) }
      guard let cosignature = valid.first else {
        throw TransparencyLogError(.signature, "a cosignature is not by the key it names")
      }
      if !cosignatures.contains(where: { $0.cosigner == cosignature.cosigner }) {
        cosignatures.append(cosignature)
      }
    }
    guard !cosignatures.isEmpty else {
      throw TransparencyLogError(.unsigned, "no known key has cosigned the checkpoint")
    }
    self.init(checkpoint, cosignatures)
  }

  /// Whose cosignatures were verified.
  public var cosigners: Set<CosignerVerifier> { Set(cosignatures.map(\.cosigner)) }

  /// The note with these cosignatures and no others.
  public var note: SignedNote {
    SignedNote(body: checkpoint.body, signatures: cosignatures.map(\.line))
  }

  /// All cosignatures on one checkpoint, the first of each cosigner.
  /// - Returns: nil if there is no part, or if two are of different checkpoints.
  public static func merged(_ parts: some Collection<Self>) -> Self? {
    guard let checkpoint = parts.first?.checkpoint,
      parts.allSatisfy({ $0.checkpoint == checkpoint })
    else { return nil }
    var seen: Set<CosignerVerifier> = []
    return Self(
      checkpoint, parts.flatMap(\.cosignatures).filter { seen.insert($0.cosigner).inserted })
  }
}

/// A cosigner's statement about a checkpoint, verified.
public struct VerifiedCosignature: Sendable, Equatable {
  /// Who made it.
  public let cosigner: CosignerVerifier
  /// When it was made, in seconds since 1970.
  public let time: UInt64
  let signature: [UInt8]

  var line: NoteSignature {
    NoteSignature(
      name: cosigner.name, keyID: cosigner.key.keyID,
      signature: time.bigEndianBytes + signature)
  }
}
