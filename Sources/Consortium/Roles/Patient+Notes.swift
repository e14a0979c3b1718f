package import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger

/// What a patient knows of the note of a visit.
struct NoteState: NamedValue {
  static let name = "note-state"

  /// Of the last note that was made or seen.
  var counter: UInt64 = 0
  /// The last note that was made, until the cloud below has it and after: the same is sent again.
  var note: KeptNote?
  /// The digest of what it says, without its counter.
  var content = Digest32.zero
  /// Who keeps it; empty before somebody does.
  var cloud = ""

  init() {}

  func encode(into fields: inout some FieldEncoder) {
    fields.integer("counter", counter)
    fields.optional("note", note)
    fields.digest("content", content)
    fields.text("cloud", cloud)
  }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    counter = try fields.integer("counter", in: 0...LedgerLimits.size)
    note = try fields.optional("note")
    content = try fields.digest("content")
    cloud = try fields.text("cloud", maximum: Limits.identifierByteCount)
  }
}

extension Patient {
  private static func noteKey(_ context: VisitContext) -> String {
    "note/\(context.hospital)/\(context.visitID)"
  }

  /// The place of the next consent among those of a visit.
  func nextConsentNumber(_ context: VisitContext) throws -> [UInt8] {
    var last: UInt64 = 0
    for key in try store.keys(
      withPrefix: Self.consentMark(context.visitID, context.hospital))
    {
      last = max(last, try number(key))
    }
    return (last + 1).stateBytes
  }

  private func number(_ mark: String) throws -> UInt64 {
    try store.value(forKey: mark).map { try UInt64(stateBytes: $0) } ?? 0
  }

  /// The consents of a visit, in the order in which they were given; but those that cannot be read.
  func consents(of visit: Digest32, at hospital: String) throws -> [GivenConsent] {
    let prefix = Self.consentMark(visit, hospital)
    var found: [(number: UInt64, given: GivenConsent)] = []
    for mark in try store.keys(withPrefix: prefix) {
      do {
        if let digest = Digest32(hex: String(mark.dropFirst(prefix.count))),
          let given = try given(digest)?.given
        {
          found.append((try number(mark), given))
        }
      } catch {
        if error.isOfWholeStore { throw error }
      }
    }
    return found.sorted { $0.number < $1.number }.map(\.given)
  }

  /// That all consents of a visit can be read: a note without one of them would take the place of one that has
  /// it.
  ///
  /// - Throws: ``StoreError`` `corrupted`, which names the row.
  private func requireReadableConsents(to context: VisitContext) throws {
    let prefix = Self.consentMark(context.visitID, context.hospital)
    for mark in try store.keys(withPrefix: prefix) {
      let key = Self.consentPrefix + mark.dropFirst(prefix.count)
      if try store.readable(key, as: KnownConsent.self) == nil {
        throw StoreError(.corrupted, "\"\(key)\" cannot be read: the note at the cloud may have it")
      }
    }
  }

  private func note(of visit: PatientVisit, counter: UInt64) throws -> VisitNote {
    try requireReadableConsents(to: visit.context)
    return VisitNote(
      genesis: genesis.digest, hospital: visit.context.hospital, visit: visit.context.visitID,
      counter: counter, encounter: visit.encounter, evidence: visit.evidence,
      opening: visit.opening,
      consents: try consents(of: visit.context.visitID, at: visit.context.hospital))
  }

  /// Has the present cloud of a visit's hospital keep what is known of the visit, unless it does.
  ///
  /// - Throws: ``ConsortiumError``: then the cloud may have it or not, and the same is sent again.
  package func keepNote(of visit: Digest32, at hospital: String) async throws {
    _ = try self.visit(visit, at: hospital)
    let known = try await client.cloud(ofHospital: hospital)
    do {
      try await keepNote(of: visit, at: hospital, by: known)
    } catch let error as ConsortiumError {
      // A vote may have given the chain to another one.
      let present = try await client.currentCloud(ofHospital: hospital)
      guard present != known else { throw error }
      try await keepNote(of: visit, at: hospital, by: present)
    }
  }

  /// Looks whether the present clouds have the notes of all complete visits, and has those that they lost,
  /// or never got, kept again: a cloud's disk may have been put back, or the chain given to another one.
  ///
  /// - Throws: what the first visit fails with, after the others.
  public func keepNotes() async throws {
    // A cloud that was replaced would say that it is the present one.
    do {
      _ = try await presentMembers()
    } catch let error as StoreError {
      throw error
    } catch {
      // Nobody says who takes part: whoever is known is asked.
    }
    var failure: (any Error)?
    for (_, visit) in try store.readable(withPrefix: Self.visitPrefix, as: PatientVisit.self)
    where visit.recordDigest != nil {
      do {
        try await lookAfterNote(of: visit.context)
      } catch  where error.isOfWholeStore {
        throw error
      } catch {
        failure = failure ?? error
      }
    }
    if let failure { throw failure }
  }

  private func lookAfterNote(of context: VisitContext) async throws {
    let (visit, keys) = (context.visitID, try keys(of: context))
    let cloud = try await client.currentCloud(ofHospital: context.hospital)
    let author = author(context, keys.signingKey)
    let fetched = try await client.ask(FetchNote(), of: cloud, by: [author]).note
    var state: NoteState = try store.load(Self.noteKey(context)) ?? NoteState()
    if let fetched, fetched.counter > state.counter {
      try add(try read(fetched, of: visit, at: context.hospital, keys), of: context)
    } else if fetched != state.note, !state.cloud.isEmpty {
      state.cloud = ""
      try store.save(state, Self.noteKey(context))
    }
    try await keepNote(of: visit, at: context.hospital)
  }

  /// As ``keepNote(of:at:)``, for a consent that is taken back also where the note cannot be kept.
  func keepNote(ofRevoked consent: Digest32) async {
    if let known = try? given(consent) {
      try? await keepNote(of: known.given.visit, at: known.hospital)
    }
  }

  private func keepNote(
    of visitID: Digest32, at hospital: String, by cloud: String
  ) async throws {
    var triesLeft = 2
    while true {
      let visit = try visit(visitID, at: hospital)
      let (keys, noteKey) = (try keys(of: visit.context), Self.noteKey(visit.context))
      let author = author(visit.context, keys.signingKey)
      let content = Message(try note(of: visit, counter: 1)).digest
      var state: NoteState = try store.load(noteKey) ?? NoteState()
      if state.note != nil, state.content == content, state.cloud == cloud { return }
      if state.note == nil || state.content != content {
        guard state.counter < LedgerLimits.size else {
          throw ConsortiumError(.staleNote, "no note of this visit is newer")
        }
        state.counter += 1
        state.note = try note(of: visit, counter: state.counter).sealed(with: keys)
        (state.content, state.cloud) = (content, "")
        // Before it is sent: no counter is of two notes.
        try store.save(state, noteKey)
      }
      guard let note = state.note else { return }
      triesLeft -= 1
      do {
        _ = try await client.ask(KeepNote(note), of: cloud, by: [author])
      } catch let error as ConsortiumError where error.code == .staleNote && triesLeft > 0 {
        // Another device of this patient has kept one, or this one was restored from an older one.
        let fetched = try await client.ask(FetchNote(), of: cloud, by: [author])
        if let newer = fetched.note {
          let note = try read(newer, of: visitID, at: hospital, keys)
          try add(note, of: visit.context)
        }
        continue
      }
      if var now: NoteState = try store.load(noteKey), now.note == note {
        now.cloud = cloud
        try store.save(now, noteKey)
      }
      return
    }
  }

  /// What a note says.
  ///
  /// - Throws: if it is not this patient's, of this visit.
  func read(
    _ note: KeptNote, of visit: Digest32, at hospital: String, _ keys: PatientVisitKeys<Suite>
  ) throws -> VisitNote {
    try VisitNote(
      opening: note, of: visit, at: hospital, genesis: genesis.digest, with: keys)
  }

  /// Adds what a note says to what is known of its visit.
  private func add(_ note: VisitNote, of context: VisitContext) throws {
    var changes = try consentChanges(note.consents, of: context)
    var visit = try visit(context.visitID, at: context.hospital)
    visit.add(note)
    changes[Self.key(context)] = Message(visit).encoded()
    changes.merge(try noteChange(note, of: context)) { $1 }
    try keepRevocations(note.consents)
    try store.write(changes)
  }

  /// That a note with this counter was seen.
  func noteChange(_ note: VisitNote, of context: VisitContext) throws -> [String: [UInt8]?] {
    var state: NoteState = try store.load(Self.noteKey(context)) ?? NoteState()
    guard state.counter <= note.counter else { return [:] }
    // What is sent next has a counter above it.
    (state.counter, state.note, state.cloud) = (note.counter, nil, "")
    return [Self.noteKey(context): Message(state).encoded()]
  }

  /// What is to be stored to know these consents too.
  func consentChanges(
    _ consents: [GivenConsent], of context: VisitContext
  ) throws -> [String: [UInt8]?] {
    let (visit, hospital) = (context.visitID, context.hospital)
    var changes: [String: [UInt8]?] = [:]
    var next = try UInt64(stateBytes: nextConsentNumber(context))
    for var consent in consents {
      // One that is damaged is given again by the note.
      let kept: KnownConsent? = try store.readable(Self.consentKey(consent.document))
      if let (known, place) = kept.map({ ($0.given, $0.hospital) }) {
        guard known.visit == visit, place == hospital else { continue }
        consent.consent = known.consent ?? consent.consent
        consent.revocation = known.revocation ?? consent.revocation
      }
      let mark = Self.consentMark(visit, hospital, consent.document)
      if try store.value(forKey: mark) == nil {
        changes[mark] = next.stateBytes
        next += 1
      }
      changes[Self.consentKey(consent.document)] = Message(
        KnownConsent(hospital: hospital, given: consent)
      ).encoded()
      // A' is taken for nothing else.
      if let key = consent.consent?.requestKey { changes[Self.useKey(key)] = visit.bytes }
    }
    return changes
  }
}

extension PatientVisit {
  /// Adds what is missing.
  mutating func add(_ note: VisitNote) {
    if evidence.isEmpty, Digest32(sha256: note.evidence) == context.evidenceDigest {
      evidence = note.evidence
    }
    if encounter.isEmpty { encounter = note.encounter }
    if opening == nil, let other = note.opening, (try? other.check(against: context)) != nil {
      opening = other
    }
  }
}
