import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

/// Specification 6.4 and 6.7: what a patient has taken back never stands, and taking back can always be
/// demanded.
@Suite("Revocations")
struct RevocationTests {
  private static let document = Digest32(sha256: [10])

  private func completed(
    _ numbers: Members.Numbers = Members.Numbers()
  ) throws -> (LedgerFixture, TestVisit) {
    var ledger = try LedgerFixture.withTeam(numbers: numbers)
    let visit = try ledger.conduct(1)
    try ledger.confirmAndAnchor()
    return (ledger, visit)
  }

  private func notice(
    _ ledger: LedgerFixture, of visit: TestVisit, _ document: Digest32 = document
  ) -> Entry {
    ledger.patientEntry(ConsentNotice(visit: visit.id, document: document), of: visit)
  }

  private func revocation(
    _ ledger: LedgerFixture, of visit: TestVisit, _ document: Digest32 = document
  ) -> Entry {
    ledger.patientEntry(Revocation(visit: visit.id, document: document), of: visit)
  }

  // MARK: Before the notice

  @Test("[attack] a notice that comes after its consent was taken back is refused for ever")
  func lateNotice() throws {
    var (ledger, visit) = try completed()
    func manager(_ body: some CanonicalObject) throws -> String? {
      try ledger.append(body, on: "hospital-1", by: "manager")
    }
    #expect(try !ledger.chain().view.isRevoked(Self.document, of: visit.id))
    #expect(try ledger.append(revocation(ledger, of: visit)) == nil)
    #expect(try ledger.chain().view.isRevoked(Self.document, of: visit.id))
    #expect(try ledger.chain().view.consent(Self.document) == nil)
    // Signed otherwise it says nothing new, and takes no room.
    var again = revocation(ledger, of: visit)
    again.signature[0] ^= 1
    #expect(try ledger.append(again) == "consent-revoked")
    #expect(try ledger.append(notice(ledger, of: visit)) == "consent-revoked")
    // Nothing follows from a consent that never stood.
    #expect(
      try manager(AccessNotice(visit: visit.id, document: Self.document)) == "unknown-consent")
    #expect(
      try manager(AccessRequestNotice(visit: visit.id, document: Self.document))
        == "request-limit")
    // Others of the visit stand as before.
    let other = Digest32(sha256: [11])
    #expect(try ledger.append(notice(ledger, of: visit, other)) == nil)
    #expect(try ledger.append(notice(ledger, of: visit)) == "consent-revoked")
    #expect(try ledger.chain().view.isRevoked(other, of: visit.id) == false)
    let kinds = try ledger.chain().view.sharing(of: visit.id).compactMap {
      Leaf.entry(in: ledger.chain().leaves[Int($0)])?.content.body.kind
    }
    #expect(kinds == [.revocation, .consentNotice])
  }

  @Test("[attack] nobody takes back in advance what another patient gives")
  func foreignDocument() throws {
    var (ledger, visit) = try completed()
    let attacker = try ledger.conduct(2)
    // Who sees the digest first takes it back of the own visit, and of this one.
    #expect(try ledger.append(revocation(ledger, of: attacker)) == nil)
    #expect(
      try ledger.append(
        ledger.patientEntry(Revocation(visit: visit.id, document: Self.document), of: attacker))
        == "not-entitled")
    let content = revocation(ledger, of: visit).content
    #expect(try ledger.append(Entry(content, signedBy: attacker.patient)) == "wrong-signature")
    #expect(
      try ledger.append(
        Revocation(visit: visit.id, document: Self.document), on: "hospital-1", by: "hospital-1")
        == "not-entitled")
    #expect(try ledger.append(notice(ledger, of: visit)) == nil)
    #expect(try !ledger.chain().view.isRevoked(Self.document, of: visit.id))
    // A patient of an open visit takes nothing back.
    let open = try ledger.visit(3)
    try ledger.open(open)
    #expect(try ledger.append(revocation(ledger, of: open)) == "visit-not-complete")
  }

  @Test(
    "[attack] a notice is demanded behind the revocation, or written before: it does not stand",
    arguments: [false, true])
  func demandedNotice(isWritten: Bool) throws {
    var (ledger, visit) = try completed()
    #expect(try ledger.demand(revocation(ledger, of: visit), by: "cloud", proving: visit) == nil)
    #expect(try ledger.demand(notice(ledger, of: visit), by: "cloud", proving: visit) == nil)
    try ledger.closeConsortiumBlock(at: ledger.seconds + 10)
    // On its old base the hospital writes what it likes.
    if isWritten { #expect(try ledger.append(notice(ledger, of: visit)) == nil) }
    try ledger.follow()
    #expect(
      try ledger.append(
        AccessNotice(visit: visit.id, document: Self.document), on: "hospital-1", by: "manager")
        == "demand-open")
    for code in ["unknown-consent", "consent-revoked"] {
      let refused = Refused(entry: revocation(ledger, of: visit).digest, code: code)
      #expect(try ledger.append(refused, on: "hospital-1", by: "hospital-1") == "wrong-refusal")
    }
    #expect(try ledger.append(revocation(ledger, of: visit)) == nil)
    if !isWritten {
      #expect(try ledger.append(notice(ledger, of: visit)) == "consent-revoked")
      let refused = Refused(entry: notice(ledger, of: visit).digest, code: "consent-revoked")
      #expect(try ledger.append(refused, on: "hospital-1", by: "hospital-1") == nil)
    }
    #expect(ledger.chain().view.answered == 2)
    #expect(try ledger.chain().view.isRevoked(Self.document, of: visit.id))
    #expect(
      try ledger.append(
        AccessNotice(visit: visit.id, document: Self.document), on: "hospital-1", by: "manager")
        == (isWritten ? "consent-revoked" : "unknown-consent"))
  }

  // MARK: Room

  @Test("[attack] whoever has fewer visits than there is room for keeps nobody's revocation out")
  func ownRoom() throws {
    var numbers = Members.Numbers()
    (numbers.signerQuota, numbers.supernodeQuota) = (2, 3)
    var (ledger, victim) = try completed(numbers)
    let attackers = [try ledger.conduct(2), try ledger.conduct(3)]
    let late = try ledger.conduct(4)
    try ledger.confirmAndAnchor()
    var last: UInt8 = 30
    func demand(_ visit: TestVisit, by node: String = "cloud") throws -> String? {
      last += 1
      return try ledger.demand(
        revocation(ledger, of: visit, Digest32(sha256: [last])), by: node, proving: visit)
    }
    // The first of a visit has room of its own, further ones cost what any demand of its patient does.
    #expect(try (0..<4).map { _ in try demand(attackers[0]) } == [nil, nil, nil, "quota-spent"])
    #expect(try (0..<3).map { _ in try demand(attackers[1]) } == [nil, nil, "quota-spent"])
    #expect(
      try ledger.demand(ledger.receipt(of: victim), by: "cloud", proving: victim) == "quota-spent")
    #expect(try ledger.demand(revocation(ledger, of: victim), by: "cloud", proving: victim) == nil)
    // As many visits as there is room for fill it; another supernode has its own.
    #expect(try demand(late) == "quota-spent")
    #expect(try demand(late, by: "hospital-2") == nil)
    // Nor do other demands of the patient's own, through whichever supernode.
    for number in [101, 102, 103] as [UInt8] {
      let notice = notice(ledger, of: victim, Digest32(sha256: [number]))
      #expect(
        try ledger.demand(notice, by: "hospital-3", proving: victim)
          == (number == 103 ? "quota-spent" : nil))
    }
    #expect(try demand(victim, by: "hospital-3") == nil)
  }

  @Test("[attack] who has a visit of the same identifier at another hospital spends nothing of it")
  func sameIdentifier() throws {
    var numbers = Members.Numbers()
    numbers.signerQuota = 1
    var (ledger, victim) = try completed(numbers)
    try ledger.registerTeam(at: "hospital-2")
    let twin = try ledger.conduct(
      1, team: (1...3).map { "hospital-2-doctor-\($0)" }, at: "hospital-2")
    try ledger.confirmAndAnchor("hospital-2")
    #expect(twin.id == victim.id && twin.hospital != victim.hospital)
    let codes = try ([20, 21, 22] as [UInt8]).map {
      try ledger.demand(
        revocation(ledger, of: twin, Digest32(sha256: [$0])), by: "cloud", proving: twin)
    }
    #expect(codes == [nil, nil, "quota-spent"])
    // The victim has a place, and the signer's quota, of its own.
    #expect(try ledger.demand(revocation(ledger, of: victim), by: "cloud", proving: victim) == nil)
    #expect(try ledger.demand(ledger.receipt(of: victim), by: "cloud", proving: victim) == nil)
  }

  @Test("[attack] one consent is demanded back once, however often its patient signs that")
  func demandedOnce() throws {
    var (ledger, visit) = try completed()
    let attacker = try ledger.conduct(2)
    try ledger.confirmAndAnchor()
    let first = revocation(ledger, of: visit)
    // In another's name, or of another visit, it is none of this consent.
    #expect(
      try ledger.demand(
        ledger.patientEntry(Revocation(visit: visit.id, document: Self.document), of: attacker),
        by: "cloud", proving: attacker) == nil)
    #expect(
      try ledger.demand(revocation(ledger, of: attacker), by: "cloud", proving: attacker) == nil)
    #expect(try ledger.demand(first, by: "cloud", proving: visit) == nil)
    var again = first
    again.signature[0] ^= 1
    for node in ["cloud", "hospital-2"] {
      #expect(try ledger.demand(first, by: node, proving: visit) == "entry-known")
      #expect(try ledger.demand(again, by: node, proving: visit) == "consent-revoked")
    }
    try ledger.closeConsortiumBlock(at: ledger.seconds + 10)
    #expect(
      try ledger.reader.isRevokedByDemand(Self.document, of: visit.id, at: visit.hospital))
  }
}
