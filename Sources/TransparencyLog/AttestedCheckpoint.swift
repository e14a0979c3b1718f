/// A checkpoint with the keys, of logs or cosigners, by which it was verified to be signed.
///
/// Only verified checkpoints become one, so that evidence never rests on somebody else's word.
public struct AttestedCheckpoint: Sendable, Equatable {
  public let checkpoint: Checkpoint
  /// All whose signatures were verified.
  public let keys: Set<NoteVerifierKey>
  /// The note with the signatures of these keys, for others to verify.
  public let note: SignedNote

  /// With the key of its log.
  public init(_ signed: SignedCheckpoint) {
    (checkpoint, keys, note) = (signed.checkpoint, [signed.log.key], signed.note)
  }

  /// With the keys of its cosigners.
  public init(_ cosigned: CosignedCheckpoint) {
    checkpoint = cosigned.checkpoint
    keys = Set(cosigned.cosigners.map(\.key))
    note = cosigned.note
  }

  /// With both.
  public init(_ confirmed: ConfirmedCheckpoint) {
    checkpoint = confirmed.checkpoint
    keys = Set(confirmed.cosigned.cosigners.map(\.key)).union([confirmed.signed.log.key])
    note = confirmed.note
  }

  /// The keys that signed both.
  /// - Throws: `no-contradiction` if there is none, or the checkpoints are of two logs.
  func commonKeys(with other: Self) throws(TransparencyLogError) -> Set<NoteVerifierKey> {
    guard checkpoint.origin.isSameUTF8(as: other.checkpoint.origin) else {
      throw TransparencyLogError(.noContradiction, "the checkpoints are of two logs")
    }
    let common = keys.intersection(other.keys)
    guard !common.isEmpty else {
      throw TransparencyLogError(.noContradiction, "no key signed both checkpoints")
    }
    return common
  }
}
