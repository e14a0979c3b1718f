public import CanonicalEncoding
import EMRScheme

/// A record that was opened and found to be what its team signed, by every check there is.
public struct OpenedRecord: Sendable {
  /// m_k and who signed it.
  public struct SignedFinding: Sendable, Equatable {
    /// The identifier of the doctor who signed it.
    public let doctor: String
    /// m_k, byte for byte.
    public let content: [UInt8]
    /// a_k: above 1, the doctor signed again.
    public let attempt: UInt64
    /// com_k, which stands on the ledger in the place of m_k: a digest of both m_k and a salt.
    public let commitment: Digest32
  }

  /// The visit's identifier on the ledger.
  public let visit: Digest32
  /// The identifier of the hospital where the visit was.
  public let hospital: String
  /// The visit that it adds to or corrects, if any.
  public let amends: NamedVisit?
  /// T, by which deadlines are counted (specification 6.2): the counted time of the consortium block at
  /// ``baseHeight``, in seconds. It stays behind ledger time by all halts of the ledger, and is no date.
  public let openedAt: UInt64
  /// The height of the consortium block against which the visit opened: its time, ledger time, says when.
  public let baseHeight: UInt64
  /// m_1 … m_n in the order s.
  public let findings: [SignedFinding]

  init(_ record: AcceptedRecord) {
    let context = record.plaintext.context
    visit = context.visitID
    hospital = context.hospital
    amends = context.amends.map(NamedVisit.init)
    (openedAt, baseHeight) = (context.openedAt, context.baseHeight)
    let commitments = [FindingCommitment](
      to: record.plaintext.findings, contextDigest: context.digest)
    findings = zip(context.signers, zip(record.plaintext.findings, commitments)).map {
      SignedFinding(
        doctor: $0.doctor, content: $1.0.content, attempt: $1.0.attempt,
        commitment: $1.1.commitment)
    }
  }
}

/// What a patient made of a record.
public struct CollectedRecord: Sendable {
  /// nil if the record on the ledger is not what the team signed; the receipt then disputes it.
  public let record: OpenedRecord?
  /// Whether the hospital has taken the receipt with this; false if it stood on the ledger before, and where the
  /// hospital refuses it or does not answer.
  public let isNewlyReceipted: Bool
  /// How the receipt stands. Refused as `already-receipted`, the hospital says that there is one, which nobody
  /// has proven: collecting the record again tries again. Sent, it is not receipted: the hospital has said
  /// nothing, and ``Patient/followUp(demandingAfter:)`` sends it again.
  public let receipt: SubmissionStanding
  /// Why the hospital has not taken the receipt, if it has not.
  public let receiptFailure: ConsortiumError?
}
