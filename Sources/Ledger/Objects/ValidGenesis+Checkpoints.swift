public import TransparencyLog

extension ValidGenesis {
  /// The checkpoint in a note of this chain, with all cosignatures that count for the chain.
  ///
  /// - Returns: nil if the note is not one of this chain, a cosignature in it is false, or there
  ///   are fewer than the chain needs.
  public func cosignedCheckpoint(_ note: String, chain: String) -> CosignedCheckpoint? {
    guard let cosigned = partlyCosignedCheckpoint(note, chain: chain),
      cosigned.cosigners.count >= cosignatureThreshold(of: chain)
    else { return nil }
    return cosigned
  }

  /// The same with at least one cosignature.
  func partlyCosignedCheckpoint(_ note: String, chain: String) -> CosignedCheckpoint? {
    guard let note = try? SignedNote(encoded: note) else { return nil }
    return try? CosignedCheckpoint(
      verifying: note, origin: origin(of: chain), cosigners: cosigners(of: chain))
  }

  /// The checkpoint in a note of this chain; no cosignature is looked at.
  func checkpoint(in note: String, chain: String) -> Checkpoint? {
    guard let body = try? SignedNote(encoded: note).body,
      let checkpoint = try? Checkpoint(body: body), checkpoint.origin == origin(of: chain)
    else { return nil }
    return checkpoint
  }
}
