package import CanonicalEncoding
package import EMRScheme
package import Ledger

/// How a consent stands on the ledger: what ``StandingConsent`` judges by.
package struct ConsentView: CanonicalValue {
  package enum Standing: UInt64, Sendable {
    /// No such consent was accepted.
    case unknown = 1
    /// Accepted, in a block that is not final yet.
    case pending
    case final
    case revoked
  }

  /// The visit, if it is complete and its block final.
  package var context: VisitContext?
  package var recordDigest: Digest32
  package var standing: Standing
  /// Ledger time in seconds since 1970.
  package var time: UInt64
  /// Whether the doctor may act, as of the last final block.
  package var doctorIsActive: Bool

  init(
    context: VisitContext?, recordDigest: Digest32, standing: Standing, time: UInt64,
    doctorIsActive: Bool
  ) {
    self.context = context
    self.recordDigest = recordDigest
    self.standing = standing
    self.time = time
    self.doctorIsActive = doctorIsActive
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.optional("context", context)
    fields.digest("recordDigest", recordDigest)
    fields.integer("standing", standing.rawValue)
    fields.integer("time", time)
    fields.integer("doctorIsActive", doctorIsActive ? 1 : 0)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    context = try fields.optional("context")
    recordDigest = try fields.digest("recordDigest")
    guard let standing = Standing(rawValue: try fields.integer("standing")) else {
      throw DecodingFailure(.invalidField, "standing is not one of 1 to 4")
    }
    self.standing = standing
    time = try fields.integer("time", in: 0...Limits.latestTime)
    doctorIsActive = try fields.integer("doctorIsActive", in: 0...1) == 1
  }
}

/// A consent that holds now: only such a one leads to a record.
package struct StandingConsent: Sendable {
  package let consent: Consent
  package let digest: Digest32
  package let context: VisitContext

  /// The one consent check; proxy, cloud and receiving doctor all pass through it.
  ///
  /// - Parameters:
  ///   - proxy: who re-encrypts.
  ///   - clock: that of who checks, in seconds since 1970. Ledger time may stand still, and the later of both
  ///     counts: a clock that is wrong has its owner refuse, and changes nothing for others.
  /// - Throws: ``ConsortiumError``, with its own code for each thing that is missing.
  package init(
    checking signed: Signed<Consent>, against view: ConsentView, genesis: ValidGenesis,
    proxy: String, clock: UInt64
  ) throws {
    let consent = signed.object
    switch view.standing {
    case .unknown:
      throw ConsortiumError(.consentUnknown, "the ledger holds no such consent")
    case .pending:
      throw ConsortiumError(.consentNotFinal, "the consent is not final yet")
    case .revoked:
      throw ConsortiumError(.consentRevoked, "the patient took the consent back")
    case .final: break
    }
    guard let context = view.context else {
      throw ConsortiumError(.notFinal, "the visit is not complete and final")
    }
    _ = try signed.verified(by: context.visitSigningKey)
    guard consent.genesis == genesis.digest, context.genesis == genesis.digest,
      consent.hospital == context.hospital, consent.visit == context.visitID,
      consent.recordDigest == view.recordDigest, consent.proxy == proxy
    else { throw ConsortiumError(.consentMismatch, "the consent is for something else") }
    let time = max(view.time, clock)
    guard time <= consent.expiresAt else {
      throw ConsortiumError(.consentExpired, "the consent has expired")
    }
    guard view.doctorIsActive else {
      throw ConsortiumError(.notActive, "the doctor is not registered, is suspended or has retired")
    }
    self.consent = consent
    digest = consent.digest
    self.context = context
  }
}
