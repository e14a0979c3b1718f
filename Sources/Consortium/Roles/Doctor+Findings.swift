package import CanonicalEncoding
import EMRScheme
import Ledger

/// Which signature of a doctor's c_k belongs to.
package struct SignatureMark: CanonicalValue, Equatable {
  /// The digest of the entry.
  package let entry: Digest32
  /// a_k.
  package let attempt: UInt64

  init(_ partial: PartialSignature, in entry: Entry) {
    self.init(entry: entry.digest, attempt: partial.commitments.last?.attempt ?? 0)
  }

  init(entry: Digest32, attempt: UInt64) { (self.entry, self.attempt) = (entry, attempt) }

  package func encode(into fields: inout some FieldEncoder) {
    fields.digest("entry", entry)
    fields.integer("attempt", attempt)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    entry = try fields.digest("entry")
    attempt = try fields.integer("attempt")
  }
}

/// A signature as it was made. It stays until the visit is over or it has no place on the ledger any more, also when
/// the entry is final and forgotten: its commitments say which finding was signed, and behind what, and with its own
/// bytes the last doctor completes the visit.
struct OwnSignature: NamedValue {
  static let name = "own-signature"

  let signature: PartialSignature

  init(_ signature: PartialSignature) { self.signature = signature }

  func encode(into fields: inout some FieldEncoder) { fields.value("signature", signature) }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    signature = try fields.value("signature")
  }
}

/// The commitments alone, which an earlier program has kept in the place of the signature.
struct SignedCommitments: NamedValue {
  static let name = "signed-commitments"

  let commitments: [FindingCommitment]

  init(_ commitments: [FindingCommitment]) { self.commitments = commitments }

  func encode(into fields: inout some FieldEncoder) { fields.list("commitments", commitments) }

  init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    commitments = try fields.list("commitments", maximum: Limits.teamSize)
  }
}

/// A c_k that is not the doctor's last: of a signature before it, or of one that the hospital says it refuses.
/// Each may stand on the ledger, until another one is confirmed there that leaves it no place.
package struct FormerFindings: NamedValue {
  package static let name = "former-findings"

  let mark: SignatureMark
  /// What was signed before it, as in ``DoctorVisit``.
  let former: Digest32?
  let findings: KeptFindings

  init(mark: SignatureMark, former: Digest32?, findings: KeptFindings) {
    (self.mark, self.former, self.findings) = (mark, former, findings)
  }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("mark", mark)
    fields.octets("former", former?.bytes ?? [])
    fields.value("findings", findings)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    mark = try fields.value("mark")
    former = Digest32(try fields.octets("former", 0...32))
    findings = try fields.value("findings")
  }
}

/// What a doctor has signed of a visit. Nobody's word makes it forgotten: any of it may be what stands.
extension Doctor {
  static let formerPrefix = "former/"
  func formerKey(_ visit: Digest32, _ entry: Digest32? = nil) -> String {
    "\(Self.formerPrefix)\(hospital)/\(visit)/" + (entry.map { "\($0)" } ?? "")
  }

  /// Of a signature, what was signed.
  func signedKey(_ visit: Digest32, _ entry: Digest32? = nil) -> String {
    "signed/\(hospital)/\(visit)/" + (entry.map { "\($0)" } ?? "")
  }

  /// A signature as it was made; nil for one of an earlier program that is final.
  private func signature(
    _ entry: Digest32, ofVisit visit: Digest32
  ) throws -> PartialSignature? {
    if let own: OwnSignature = try store.readable(signedKey(visit, entry)) { return own.signature }
    let kept = try rows.forms(of: entry).lazy.compactMap(\.entry).first
    guard case .partialSignature(let own)? = kept?.content.body else { return nil }
    return own
  }

  /// The commitments of a signature; nil for one of an earlier program that is final, unless that has kept them.
  private func commitments(
    _ entry: Digest32, ofVisit visit: Digest32
  ) throws -> [FindingCommitment]? {
    if let own = try signature(entry, ofVisit: visit) { return own.commitments }
    return try store.readable(signedKey(visit, entry), as: SignedCommitments.self)?.commitments
  }

  /// The own signature with which the team's is whole, as it was made: the last that the hospital is not known to
  /// refuse, whatever the hospital shows in its place; or one before it, where that has withdrawn it.
  ///
  /// - Returns: nil if nothing that was signed here is what the hospital shows; or it is of an earlier program.
  func ownSignature(_ visit: DoctorVisit, _ view: VisitView) throws -> PartialSignature? {
    let (visitID, place) = (visit.context.visitID, visit.position - 1)
    let last = try marks(visit).max { $0.attempt < $1.attempt }
    if let last, last.attempt >= view.attempts[place],
      let own = try signature(last.entry, ofVisit: visitID)
    {
      return own
    }
    let former = try formerRows(ofVisit: visitID).map(\.mark)
    return try ([visit.mark].compactMap(\.self) + former).lazy
      .compactMap { try signature($0.entry, ofVisit: visitID) }
      .first { $0.commitments == view.signatures[place].commitments }
  }

  /// How many signatures of one visit, in addition to the last, are kept while none is confirmed that leaves
  /// them no place: behind one signature of D_{k−1}, and behind all that D_{k−1} makes.
  private static let formerLimit = (one: 16, all: 64)

  /// Makes room to keep what was signed before. What a hospital has refused behind a signature of D_{k−1} leaves
  /// room for as much behind the next one, which ``diagnose(_:_:)`` verifies before it signs.
  ///
  /// - Throws: ``ConsortiumError`` `outcome-unknown` while of too many it is not known whether they stand.
  func makeRoom(_ visit: DoctorVisit, _ view: VisitView) async throws {
    let (visitID, place) = (visit.context.visitID, visit.position - 1)
    let before = place > 0 ? view.signatures.dropFirst(place - 1).first?.commitments ?? [] : []
    func isFull() throws -> Bool {
      let entries = try store.keys(withPrefix: formerKey(visitID)).map {
        Digest32(hex: String($0.suffix(64)))
      }
      if entries.count < Self.formerLimit.one { return false }
      let behind = try entries.filter { entry in
        guard let entry, let signed = try commitments(entry, ofVisit: visitID) else { return true }
        return Array(signed.prefix(place)) == before
      }
      return entries.count >= Self.formerLimit.all || behind.count >= Self.formerLimit.one
    }
    if try !isFull() { return }
    try await follow(demandingAfter: nil)
    try forgetFormerFindings()
    if try isFull() {
      throw ConsortiumError(
        .outcomeUnknown, "of too many signatures it is not known whether they stand")
    }
  }

  /// The row of what a doctor has signed last, to be kept when something else takes its place.
  func formerRow(_ visit: DoctorVisit) -> [String: [UInt8]?] {
    guard let mark = visit.mark, let findings = visit.handedOver else { return [:] }
    let row = FormerFindings(mark: mark, former: visit.former, findings: findings)
    return [formerKey(visit.context.visitID, mark.entry): Message(row).encoded()]
  }

  /// Has what was signed before the last signature take the place of that one, and keeps both.
  ///
  /// - Returns: what changes in the store with it.
  func putBack(_ visit: inout DoctorVisit) throws -> [String: [UInt8]?] {
    var changes = formerRow(visit)
    var former: FormerFindings?
    if let entry = visit.former {
      let key = formerKey(visit.context.visitID, entry)
      former = try store.load(key)
      changes.updateValue(nil, forKey: key)
    }
    (visit.handedOver, visit.mark) = (former?.findings, former?.mark)
    visit.former = former?.former
    return changes
  }

  /// What a hospital said it refuses, and has taken all the same, counts again where nothing was signed after it: of
  /// all visits.
  func takeBackRefusals() throws {
    let visits = try store.keys(withPrefix: Self.formerPrefix).compactMap {
      let parts = $0.split(separator: "/")
      return parts.count == 4 ? Digest32(hex: String(parts[2])) : nil
    }
    var steps = SeparateSteps()
    for visit in Set(visits) { try steps.takeNow { try takeBackRefusals(ofVisit: visit) } }
    try steps.finish()
  }

  /// The same of one visit.
  func takeBackRefusals(ofVisit visitID: Digest32) throws {
    guard var visit = try knownVisit(visitID) else { return }
    let taken = try formerRows(ofVisit: visitID).filter { try rows.isTaken($0.mark.entry) }
    guard let last = taken.max(by: { $0.mark.attempt < $1.mark.attempt }),
      last.mark.attempt > visit.mark?.attempt ?? 0
    else { return }
    let present = formerRow(visit)
    (visit.former, visit.handedOver, visit.mark) = (visit.mark?.entry, last.findings, last.mark)
    try save(visit, and: present.merging([formerKey(visitID, last.mark.entry): nil]) { $1 })
  }

  /// Of all that this doctor has signed, what these commitments open.
  ///
  /// - Throws: ``ConsortiumError`` `wrong-state` if nothing was signed; ``SchemeError`` if nothing opens.
  // Not inlined: the optimizer of Swift 6.3.1 crashes where its typed errors meet an async body.
  @inline(never)
  func findings(
    _ visit: DoctorVisit, _ commitments: [FindingCommitment]
  ) throws -> (findings: [Finding], kept: KeptFindings) {
    let key = try groupKey(visit)
    var failure: any Error = ConsortiumError(.wrongState, "\(id) has not signed")
    let rows = pieceRows(visit.context.visitID)
    func open(_ kept: KeptFindings) -> [Finding]? {
      do {
        return try key.open(kept.head, rows.bytes(kept.pieces), commitments: commitments)
      } catch {
        failure = error
        return nil
      }
    }
    if let kept = visit.handedOver, let findings = open(kept) { return (findings, kept) }
    for former in try formerRows(ofVisit: visit.context.visitID) {
      if let findings = open(former.findings) { return (findings, former.findings) }
    }
    throw failure
  }

  /// Of all that this doctor has signed, what stands on the ledger as the hospital shows it; nil if nothing
  /// of it does.
  func standingFindings(
    _ visit: DoctorVisit, _ view: VisitView
  ) throws -> (findings: [Finding], kept: KeptFindings)? {
    guard view.signatures.count >= visit.position else { return nil }
    return try known(visit, view.signatures[visit.position - 1].commitments)
  }

  /// Of all that this doctor has signed, what these commitments open, if anything.
  private func known(
    _ visit: DoctorVisit, _ commitments: [FindingCommitment]
  ) throws -> (findings: [Finding], kept: KeptFindings)? {
    do {
      return try findings(visit, commitments)
    } catch let error as StoreError {
      throw error
    } catch {
      return nil
    }
  }

  // MARK: What a hospital shows, and what was signed

  /// Of all that this doctor has signed of a visit, what the hospital is not known to refuse.
  private func marks(_ visit: DoctorVisit) throws -> [SignatureMark] {
    let former = try formerRows(ofVisit: visit.context.visitID).map(\.mark)
    return try ([visit.mark].compactMap(\.self) + former).filter {
      try rows.standing(of: $0.entry)?.isRefused != true
    }
  }

  /// Of them those that the hospital does not show, although it has had them: it shows fewer attempts.
  private func unshown(_ visit: DoctorVisit, _ view: VisitView) throws -> [SignatureMark] {
    try marks(visit).filter { $0.attempt > view.attempts[visit.position - 1] }
  }

  /// That what is not shown of this doctor's can have been withdrawn: only another signature of somebody before
  /// does that, and it counts one attempt more there.
  ///
  /// - Throws: ``ConsortiumError`` `malformed` for a view that the chain cannot have.
  private func requireShown(_ visit: DoctorVisit, _ view: VisitView) throws {
    let place = visit.position - 1
    guard view.signatures.count < visit.position else { return }
    for mark in try marks(visit) where mark.attempt == view.attempts[place] {
      guard let own = try commitments(mark.entry, ofVisit: visit.context.visitID),
        own.count == visit.position
      else { continue }
      guard own.prefix(place).map(\.attempt) != Array(view.attempts.prefix(place))
      else {
        throw ConsortiumError(
          .malformed,
          "\(hospital) shows a signature of \(id) as withdrawn, and nobody who has done so")
      }
    }
  }

  /// The a_k to sign with next: the hospital may show fewer than there were.
  func nextAttempt(_ visit: DoctorVisit, _ view: VisitView) throws -> UInt64 {
    let own = try marks(visit).map(\.attempt).max() ?? 0
    return max(view.attempts[visit.position - 1], own) + 1
  }

  /// A visit as its hospital shows it. What the hospital has signed for and does not show is sent again before,
  /// in its order: what is signed next counts behind it.
  func shownVisit(_ visitID: Digest32) async throws -> (DoctorVisit, VisitView) {
    let view = try await ledgerView(try visit(visitID).context)
    let visit = try visit(visitID)
    try requireShown(visit, view)
    let unshown = try unshown(visit, view).compactMap { mark in
      try rows.shown(of: mark.entry).map { (mark.attempt, $0) }
    }.filter { !$0.1.standing.isConfirmed }
      .sorted { ($0.0, $1.1.number) < ($1.0, $0.1.number) }
    if unshown.isEmpty { return (visit, view) }
    for (_, row) in unshown {
      guard let entry = row.entry else { continue }
      do {
        try await submit(entry, until: .written)
      } catch is SignedRefusal {
        // Its row says so.
        continue
      }
    }
    let shown = try await ledgerView(visit.context)
    let now = try self.visit(visitID)
    try requireShown(now, shown)
    return (now, shown)
  }

  /// Whether this doctor's signature on the ledger is one for this finding. Where the hospital shows less than it
  /// has signed for, what it has signed for decides.
  func isSigned(_ content: [UInt8], _ visit: DoctorVisit, _ view: VisitView) throws -> Bool {
    if let last = try unshown(visit, view).max(by: { $0.attempt < $1.attempt }),
      let own = try commitments(last.entry, ofVisit: visit.context.visitID)
    {
      return try known(visit, own)?.findings.last?.content == content
    }
    return try standingFindings(visit, view)?.findings.last?.content == content
  }

  /// c_k: what stands, where more than one may; else what was signed last.
  func standingHandover(_ visitID: Digest32) async throws -> KeptFindings {
    var visit = try visit(visitID)
    var kept = visit.handedOver
    if try !store.keys(withPrefix: formerKey(visitID)).isEmpty {
      let view = try? await ledgerView(visit.context)
      visit = try self.visit(visitID)
      kept = try view.flatMap { try standingFindings(visit, $0)?.kept } ?? visit.handedOver
    }
    guard let kept else { throw ConsortiumError(.noHandover, "\(id) has not signed") }
    return kept
  }

  /// What is kept of the signatures before the last.
  func formerFindings(ofVisit visit: Digest32) throws -> [KeptFindings] {
    try formerRows(ofVisit: visit).map(\.findings)
  }

  /// What was signed of a visit before the last, as far as it can be read.
  private func formerRows(ofVisit visit: Digest32) throws -> [FormerFindings] {
    try store.readable(withPrefix: formerKey(visit)).map(\.value)
  }

  /// What removes them all, and what says what was signed.
  func removalOfFormerFindings(ofVisit visit: Digest32) throws -> [String: [UInt8]?] {
    try store.removal(ofPrefix: formerKey(visit)).merging(
      store.removal(ofPrefix: signedKey(visit))
    ) { $1 }
  }

  /// Forgets what has no place on the ledger any more: of one visit, all signatures but one whose attempts
  /// are not above those of that one, which more than the hospital has signed for.
  func forgetFormerFindings() throws {
    var groups: [Substring: [String]] = [:]
    for key in try store.keys(withPrefix: Self.formerPrefix) {
      let parts = key.split(separator: "/")
      guard parts.count == 4, Digest32(hex: String(parts[3])) != nil else { continue }
      groups[parts[2], default: []].append(key)
    }
    var steps = SeparateSteps()
    for (visit, rows) in groups {
      guard let visitID = Digest32(hex: String(visit)) else { continue }
      try steps.takeNow { try forgetFormerFindings(ofVisit: visitID, rows) }
    }
    try steps.finish()
  }

  private func forgetFormerFindings(ofVisit visitID: Digest32, _ keys: [String]) throws {
    let visit = try visit(visitID)
    let marks = try keys.compactMap { try store.readable($0, as: FormerFindings.self)?.mark }
    let confirmed = try ([visit.mark].compactMap(\.self) + marks)
      .filter { try rows.standing(of: $0.entry)?.isConfirmed == true }
      .max { $0.attempt < $1.attempt }
    guard let confirmed else { return }
    let over = marks.filter { $0.attempt <= confirmed.attempt && $0 != confirmed }
    if over.isEmpty { return }
    let gone = over.flatMap { [formerKey(visitID, $0.entry), signedKey(visitID, $0.entry)] }
    try store.write(Dictionary(uniqueKeysWithValues: gone.map { ($0, nil) }))
    try dropPieces(ofVisit: visitID)
  }
}
