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
  }

  /// The visit's identifier on the ledger.
  public let visit: Digest32
  /// The identifier of the hospital where the visit was.
  public let hospital: String
  /// The visit that it adds to or corrects, if any.
  public let amends: NamedVisit?
  /// T: the ledger time at which the visit opened, in seconds since 1970.
  public let openedAt: UInt64
  /// m_1 … m_n in the order s.
  public let findings: [SignedFinding]

  init(_ record: AcceptedRecord) {
    let context = record.plaintext.context
    visit = context.visitID
    hospital = context.hospital
    amends = context.amends.map(NamedVisit.init)
    openedAt = context.openedAt
    findings = zip(context.signers, record.plaintext.findings).map {
      SignedFinding(doctor: $0.doctor, content: $1.content, attempt: $1.attempt)
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
