package import CanonicalEncoding
package import Credentials
package import EMRScheme
package import Ledger

/// What root and ledger cannot give a patient back: it lies sealed to the visit at the cloud of its
/// hospital (specification 8.5).
package struct VisitNote: NamedValue, Equatable {
  package static let name = "visit-note"

  package var genesis: Digest32
  package var hospital: String
  package var visit: Digest32
  /// One more in each note of this visit.
  package var counter: UInt64
  /// The Encounter that the patient was admitted for; empty if it is not known.
  package var encounter: String
  /// α; empty if it is not known.
  package var evidence: [UInt8]
  /// With λ.
  package var opening: PseudonymOpening?
  /// In the order in which they were given; the first ones are left out where there is no room.
  package var consents: [GivenConsent]

  package init(
    genesis: Digest32, hospital: String, visit: Digest32, counter: UInt64, encounter: String,
    evidence: [UInt8], opening: PseudonymOpening?, consents: [GivenConsent]
  ) {
    (self.genesis, self.hospital, self.visit) = (genesis, hospital, visit)
    (self.counter, self.encounter, self.evidence) = (counter, encounter, evidence)
    self.opening = opening
    self.consents = []
    // Signature, names and lengths around it.
    var count = Message(self).encoded().count + 256
    for consent in consents.reversed() {
      count += Message(consent).encoded().count
      guard PaddedBytes.length(for: count) <= KeptNote.byteLimit - Self.sealByteCount else { break }
      self.consents.append(consent)
    }
    self.consents.reverse()
  }

  /// What HPKE adds: the encapsulated key and the tag.
  private static let sealByteCount = 48

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("genesis", genesis)
    fields.text("hospital", hospital)
    fields.digest("visit", visit)
    fields.integer("counter", counter)
    fields.text("encounter", encounter)
    fields.octets("evidence", evidence)
    fields.optional("opening", opening)
    fields.list("consents", consents)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try fields.digest("genesis")
    hospital = try fields.text("hospital", maximum: Limits.identifierByteCount)
    visit = try fields.digest("visit")
    counter = try fields.integer("counter", in: 1...LedgerLimits.size)
    encounter = try fields.text("encounter")
    evidence = try fields.octets("evidence", 0...32)
    opening = try fields.optional("opening")
    consents = try fields.list("consents", maximum: 1 << 10)
  }

  /// Signs the note with S_v and seals it to the mailbox key of the visit: anybody can seal to that one.
  package func sealed(with keys: PatientVisitKeys<Suite>) throws -> KeptNote {
    let signed = Signed(Message(self), by: keys.signingKey).encodedSequence()
    return KeptNote(
      counter: counter,
      sealed: try SealedMessage(.visitNote, genesis: genesis, about: visit)
        .seal(PaddedBytes.pad(signed), to: keys.mailboxKey.publicKey))
  }

  /// - Throws: ``CredentialError``, ``SchemeError``, ``DecodingFailure`` or ``ConsortiumError`` unless the
  ///   patient has made it for this visit, with the counter beside it.
  package init(
    opening kept: KeptNote, of visit: Digest32, at hospital: String, genesis: Digest32,
    with keys: PatientVisitKeys<Suite>
  ) throws {
    let padded = try SealedMessage(.visitNote, genesis: genesis, about: visit)
      .open(kept.sealed, with: keys.mailboxKey)
    let signed: Signed<Message<VisitNote>> = try Signed(sequence: try PaddedBytes.unpad(padded))
    self = try signed.verified(by: keys.signingKey.publicKey).payload
    guard self.genesis == genesis, self.hospital == hospital, self.visit == visit,
      counter == kept.counter, evidence.isEmpty || evidence.count == 32,
      consents.allSatisfy({ $0.visit == visit && $0.isWellFormed })
    else { throw ConsortiumError(.malformed, "the note is of another visit") }
  }
}

/// What a patient keeps of a consent.
package struct GivenConsent: NamedValue, Equatable {
  package static let name = "given-consent"

  package var visit: Digest32
  /// Its digest, which the ledger has.
  package var document: Digest32
  /// nil where the notice on the ledger is all that a restored patient has of it.
  package var consent: Consent?
  /// Signed once, so that it is the same however often it has to be sent.
  package var revocation: Entry?

  package init(consent: Consent) {
    (visit, document, self.consent) = (consent.visit, consent.digest, consent)
  }

  package init(visit: Digest32, document: Digest32) {
    (self.visit, self.document) = (visit, document)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("visit", visit)
    fields.digest("document", document)
    fields.optional("consent", consent)
    fields.optional("revocation", revocation)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    visit = try fields.digest("visit")
    document = try fields.digest("document")
    consent = try fields.optional("consent")
    revocation = try fields.optional("revocation")
  }

  /// Whether its parts are about one consent.
  var isWellFormed: Bool {
    if let consent, consent.visit != visit || consent.digest != document { return false }
    guard let revocation else { return true }
    guard case .revocation(let body) = revocation.content.body else { return false }
    return body.visit == visit && body.document == document
  }
}
