import CanonicalEncoding
public import TransparencyLog

/// Whose signatures a checkpoint of one generation of a chain needs, and under which origin.
public struct ChainKeys: Sendable {
  /// The hospital's identifier, or `consortium`.
  public let chain: String
  /// Of the hospital's chain; of the consortium's, 0.
  public let generation: UInt64
  /// The first line of its checkpoints.
  public let origin: String
  /// The hospital's; the consortium chain has none.
  public let log: LogVerifier?
  /// Those whose cosignatures count.
  public let cosigners: [CosignerVerifier]
  /// How many of ``cosigners`` are enough.
  public let threshold: Int
  /// Who has which key.
  let parties: [[UInt8]: String]

  /// A key that signed a checkpoint, with the party that has it.
  struct Signer: Hashable {
    let party: String
    let publicKey: [UInt8]
  }

  /// The checkpoint in a note of this log; no signature is looked at.
  ///
  /// - Returns: nil for another origin and for a checkpoint with extension lines, of which this
  ///   ledger knows none.
  public func checkpoint(in note: String) -> Checkpoint? {
    guard let body = try? SignedNote(encoded: note).body,
      let checkpoint = try? Checkpoint(body: body), isOurs(checkpoint)
    else { return nil }
    return checkpoint
  }

  private func isOurs(_ checkpoint: Checkpoint) -> Bool {
    checkpoint.origin == origin && checkpoint.extensionLines.isEmpty
  }

  /// The checkpoint in a note that everybody signed who has to.
  ///
  /// - Returns: nil if one of them is missing, a signature under a known key is false, or the
  ///   checkpoint is not of this log.
  public func confirmedCheckpoint(_ note: String) -> Checkpoint? {
    guard let parsed = try? SignedNote(encoded: note) else { return nil }
    if let log {
      guard (try? SignedCheckpoint(verifying: parsed, log: log)) != nil else { return nil }
    }
    guard let cosigned = cosignedCheckpoint(parsed), cosigned.cosigners.count >= threshold else {
      return nil
    }
    return cosigned.checkpoint
  }

  /// The checkpoint that the log itself signed; nobody else's signature is looked at.
  public func loggedCheckpoint(_ note: String) -> SignedCheckpoint? {
    guard let log, let parsed = try? SignedNote(encoded: note),
      let signed = try? SignedCheckpoint(verifying: parsed, log: log), isOurs(signed.checkpoint)
    else { return nil }
    return signed
  }

  /// The checkpoint with all cosignatures that count, at least one.
  func cosignedCheckpoint(_ note: SignedNote) -> CosignedCheckpoint? {
    guard
      let cosigned = try? CosignedCheckpoint(
        verifying: note, origin: origin, cosigners: cosigners), isOurs(cosigned.checkpoint)
    else { return nil }
    return cosigned
  }

  /// The checkpoint of a note with all keys that signed it, at least one.
  func signers(of note: String) -> (checkpoint: Checkpoint, keys: Set<Signer>)? {
    guard let parsed = try? SignedNote(encoded: note), let checkpoint = checkpoint(in: note) else {
      return nil
    }
    var keys: Set<[UInt8]> = []
    if let log, (try? SignedCheckpoint(verifying: parsed, log: log)) != nil {
      keys.insert(log.key.publicKey)
    }
    if let cosigned = cosignedCheckpoint(parsed) {
      keys.formUnion(cosigned.cosigners.map(\.key.publicKey))
    }
    let signers = keys.compactMap { key in parties[key].map { Signer(party: $0, publicKey: key) } }
    return signers.isEmpty ? nil : (checkpoint, Set(signers))
  }
}

extension ValidGenesis {
  /// What a checkpoint of a generation of a hospital's chain needs: the hospital's log key and the
  /// cosignature of the cloud that these members give it.
  public func keys(
    of hospital: String, generation: GenerationRecord, in members: ValidMembers
  ) -> ChainKeys {
    let origin = origin(of: hospital, generation: generation.generation)
    let cosigners = members.cosigners(ofHospital: hospital)
    var parties = [generation.logKey: hospital]
    for cosigner in cosigners {
      parties[cosigner.key.publicKey] = members.cloud(ofHospital: hospital)
    }
    return ChainKeys(
      chain: hospital, generation: generation.generation, origin: origin,
      log: try? LogVerifier(origin: origin, publicKey: generation.logKey), cosigners: cosigners,
      threshold: 1, parties: parties)
  }
}
