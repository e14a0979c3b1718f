public import CanonicalEncoding
import Credentials
package import EMRScheme

/// What a patient signs with S_v: that the patient of this context is with this doctor in this minute.
///
/// α proves nothing of that, since the hospital knows it.
package struct Presence: NamedValue {
  package static let name = "presence"

  /// Of the context that the patient has agreed to, with the patient's own keys in it.
  package var contextDigest: Digest32
  package var doctor: String
  /// Since 1970.
  package var minute: UInt64

  package init(contextDigest: Digest32, doctor: String, minute: UInt64) {
    (self.contextDigest, self.doctor, self.minute) = (contextDigest, doctor, minute)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("contextDigest", contextDigest)
    fields.text("doctor", doctor)
    fields.integer("minute", minute)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    contextDigest = try fields.digest("contextDigest")
    doctor = try fields.text("doctor", maximum: Limits.identifierByteCount)
    minute = try fields.integer("minute")
  }

  /// How far the minute may be from the doctor's clock, both ways.
  package static let tolerance: UInt64 = 10

  /// The minute of a time in seconds since 1970.
  package static func minute(of time: UInt64) -> UInt64 { time / 60 }
}

/// A signed ``Presence`` as it is shown: as a QR code from the patient's device to the doctor's, or
/// sealed, by courier, when patient and doctor compare six words of it.
public struct PresenceCode: NamedValue {
  package static let name = "presence-code"

  /// Which the patient is here for.
  public let visit: Digest32
  /// α.
  package let evidence: [UInt8]
  package let presence: Signed<Message<Presence>>

  package init(visit: Digest32, evidence: [UInt8], presence: Signed<Message<Presence>>) {
    (self.visit, self.evidence, self.presence) = (visit, evidence, presence)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.digest("visit", visit)
    fields.octets("evidence", evidence)
    fields.value("presence", presence)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    visit = try fields.digest("visit")
    evidence = try fields.octets("evidence", count: 32)
    presence = try fields.value("presence")
  }

  /// Since 1970.
  package var minute: UInt64 { presence.object.payload.minute }

  // MARK: As people carry it

  private static let label = "PRESENCE"

  /// The text of a QR code: about 740 characters, all of them alphanumeric to QR.
  public var text: String { PrintedCode.text(Self.label, Message(self).encoded()) }

  /// - Throws: ``ConsortiumError`` `malformed` unless it is the text of a presence.
  package init(text: String) throws {
    guard let bytes = PrintedCode.bytes(text, Self.label),
      let code = try? Message<Self>(encoded: bytes).payload
    else { throw ConsortiumError(.malformed, "this is no presence of a patient") }
    self = code
  }

  /// Six words, 66 bits of the SHA-256 of the signed presence. The signature is in it, so that nobody can
  /// say what the words will be before the patient signs.
  public var words: [String] {
    WordPhrase.words(
      ofDigest: Digest32(sha256: presence.encodedSequence()).bytes, count: 6)
  }

  // MARK: What the doctor checks

  /// Checks that the patient of a context has signed this for a doctor; not when.
  ///
  /// - Throws: ``ConsortiumError`` `presence`.
  package func check(_ context: VisitContext, for doctor: String) throws {
    guard let signed = try? presence.verified(by: context.visitSigningKey).payload,
      visit == context.visitID, signed.contextDigest == context.digest
    else {
      throw ConsortiumError(.presence, "the patient of this visit has not signed this presence")
    }
    guard signed.doctor == doctor else {
      throw ConsortiumError(.presence, "the patient has signed this for another doctor")
    }
    guard Digest32(sha256: evidence) == context.evidenceDigest else {
      throw ConsortiumError(.presence, "the evidence shown is not that of the visit")
    }
  }

  /// Checks when this was signed.
  ///
  /// - Parameter time: of the doctor's clock, in seconds since 1970.
  /// - Throws: ``ConsortiumError`` `stale-presence`.
  package func checkMinute(at time: UInt64) throws {
    let now = Presence.minute(of: time)
    guard max(now, minute) - min(now, minute) <= Presence.tolerance else {
      throw ConsortiumError(
        .stalePresence, "the presence is not of these minutes; the patient signs another")
    }
  }
}
