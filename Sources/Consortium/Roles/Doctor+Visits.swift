package import CanonicalEncoding
import Credentials
package import EMRScheme
package import Ledger

/// What a doctor keeps of a visit.
package struct DoctorVisit: NamedValue {
  package static let name = "doctor-visit"

  package var opening: VisitOpening
  /// k.
  package var position: Int
  /// What the patient has shown, once it is known to be the patient who did.
  package var presence: PresenceCode?
  /// What came by courier; both compare words of it.
  package var unconfirmed: PresenceCode?
  /// K, once it was delivered.
  package var groupKey: [UInt8]?
  /// c_k, with this doctor's own finding as signed last, unless the hospital says that it refuses that.
  package var handedOver: KeptFindings?
  /// The signature of c_k's last finding.
  package var mark: SignatureMark?
  /// What was signed before it, where the row of that one is: ``FormerFindings``.
  package var former: Digest32?
  /// The sealed record, for the last doctor.
  package var sealed: KeptRecord?
  /// The signature of c_k's last finding, until an answer says whether it stands on the ledger.
  package var pending: Entry?
  /// The completion, for the last doctor; submitted until it is confirmed.
  package var completion: Entry?

  package init(opening: VisitOpening, position: Int) {
    (self.opening, self.position) = (opening, position)
  }

  package var context: VisitContext { opening.context }

  package func encode(into fields: inout some FieldEncoder) {
    fields.value("opening", opening)
    fields.integer("position", UInt64(position))
    fields.optional("presence", presence)
    fields.optional("unconfirmed", unconfirmed)
    fields.octets("groupKey", groupKey ?? [])
    fields.optional("handedOver", handedOver)
    fields.optional("mark", mark)
    fields.octets("former", former?.bytes ?? [])
    fields.optional("sealed", sealed)
    fields.optional("pending", pending)
    fields.optional("completion", completion)
  }

  package init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    opening = try fields.value("opening")
    position = Int(try fields.integer("position", in: 1...UInt64(Limits.teamSize)))
    presence = try fields.optional("presence")
    unconfirmed = try fields.optional("unconfirmed")
    let groupKey = try fields.octets("groupKey", 0...1024)
    self.groupKey = groupKey.isEmpty ? nil : groupKey
    handedOver = try fields.optional("handedOver")
    mark = try fields.optional("mark")
    former = Digest32(try fields.octets("former", 0...32))
    sealed = try fields.optional("sealed")
    pending = try fields.optional("pending")
    completion = try fields.optional("completion")
  }
}

extension Doctor {
  static let visitPrefix = "visit/"
  /// Of a visit of the own hospital: another one can give a visit the same identifier.
  func key(_ visit: Digest32) -> String { "\(Self.visitPrefix)\(hospital)/\(visit)" }

  func knownVisit(_ visit: Digest32) throws -> DoctorVisit? {
    try pendingVisits[visit] ?? store.load(key(visit))
  }

  func visit(_ visit: Digest32) throws -> DoctorVisit {
    guard let visit = try knownVisit(visit) else {
      try requireNotOver(visit)
      throw ConsortiumError(.unknownVisit, "\(id) is not on the team of this visit")
    }
    return visit
  }

  /// Stores a visit.
  ///
  /// - Throws: ``ConsortiumError`` `busy` for one that was not stored before, where there is no room.
  func save(_ visit: DoctorVisit, and changes: [String: [UInt8]?] = [:]) throws {
    let visitID = visit.context.visitID
    var changes = changes
    changes[key(visitID)] = Message(visit).encoded()
    if pendingVisits[visitID] != nil {
      // Of those that wait in memory not all may have had their places left.
      try requireRoomForVisit()
      changes[joinedKey(visitID)] = inbox.clock().stateBytes
    }
    try store.write(changes)
    pendingVisits[visitID] = nil
  }

  /// What is done to a visit over several steps is done one after another: whoever holds back an answer
  /// would have what was stored meanwhile written over.
  ///
  /// - Throws: ``ConsortiumError`` `unknown-visit`: nobody has gates made for visits of others.
  func gate(ofVisit visit: Digest32) throws -> SerialGate {
    _ = try self.visit(visit)
    let gate = visitGates[visit] ?? SerialGate()
    visitGates[visit] = gate
    return gate
  }

  /// The context of a visit on whose team this doctor is.
  func context(ofVisit visit: Digest32, at hospital: String) throws -> VisitContext? {
    try knownVisit(visit).flatMap { $0.context.hospital == hospital ? $0.context : nil }
  }

  /// That a colleague on the team of a visit, or its hospital, asks.
  func require(_ author: Principal?, _ party: String) throws {
    guard author == .party(party) else {
      throw ConsortiumError(.notEntitled, "this is for \(party) alone")
    }
  }

  /// The visit as the hospital's log has it, signed by the hospital: an open visit is only written.
  func ledgerView(_ context: VisitContext) async throws -> VisitView {
    let view = try await ask(
      ReadVisit(hospital: context.hospital, visit: context.visitID), of: context.hospital)
    guard view.contextDigest == context.digest, view.attempts.count == context.signers.count,
      view.signatures.count <= context.signers.count
    else { throw ConsortiumError(.wrongContext, "the ledger holds another context") }
    guard view.isConsistent else {
      throw ConsortiumError(.malformed, "the attempts are not those of the signatures")
    }
    guard view.status == .open else {
      throw ConsortiumError(.wrongState, "the visit is not open on the ledger")
    }
    return view
  }

  func entry(_ body: some CanonicalObject) throws(DecodingFailure) -> Entry {
    try Entry(
      checked: EntryContent(
        genesis: genesis.digest, chain: hospital, signer: .party(id), body: body),
      signedBy: keys.identity)
  }
}
