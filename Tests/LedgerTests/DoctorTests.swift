import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import TestSupport
import Testing

@Suite("Doctors' keys and standing")
struct DoctorTests {
  static let team = LedgerFixture.team
  static let (first, last) = (team[0], team[2])

  /// A rotation to a fresh key, with it.
  private static func rotation(
    of doctor: String, from former: IdentityKey, _ ledger: inout LedgerFixture
  ) throws -> (body: KeyRotation, key: IdentityKey) {
    let key = try IdentityKey(seed: ledger.generator.bytes(32))
    let body = KeyRotation(
      genesis: ledger.genesis.digest, party: doctor, former: former.publicKey, to: key)
    return (body, key)
  }

  private static func identity(
    _ doctor: String, _ ledger: LedgerFixture
  ) throws -> IdentityKey {
    try #require(ledger.doctors[doctor]).identity
  }

  private static func change(
    _ doctor: String, _ status: DoctorStatus, _ number: UInt64, by party: String,
    key: IdentityKey? = nil, _ ledger: inout LedgerFixture
  ) throws -> String? {
    try ledger.append(
      DoctorStatusChange(doctor: doctor, status: status, number: number), on: "consortium",
      by: party, key: key)
  }

  /// Whoever replays the hospital's chain, however late, comes to the state that the hospital has.
  private static func expectReplay(_ ledger: inout LedgerFixture) throws {
    try ledger.closeBlock()
    let chain = ledger.chain()
    let store = InspectableStore()
    var follower = try HospitalFollower(
      genesis: ledger.genesis, hospital: "hospital-1", store: store,
      consortium: ledger.consortiumStore, decider: ledger.decider)
    try follower.commit(try follower.replay(chain.leaves), confirmed: chain.confirmed)
    #expect(store.values == chain.store.values)
  }

  // MARK: Versions

  @Test("of a doctor every version is found by the height from which it holds")
  func versions() throws {
    var ledger = try LedgerFixture.withTeam()
    var key = try Self.identity(Self.first, ledger)
    // By height: the identity key in force.
    var inForce = [key.publicKey]
    for height in 1...9 {
      // None, one or two in a block: the last counts.
      for _ in 0..<(height % 3) {
        let (body, next) = try Self.rotation(of: Self.first, from: key, &ledger)
        #expect(try ledger.append(body, on: "consortium", by: Self.first, key: key) == nil)
        key = next
      }
      try ledger.closeConsortiumBlock()
      inForce.append(key.publicKey)
    }
    for (height, key) in inForce.enumerated() {
      let record = try #require(try ledger.reader.doctor(Self.first, at: UInt64(height)))
      #expect(record.identityKey == key)
      #expect(record.height <= UInt64(height))
    }
    #expect(try ledger.reader.doctor(Self.first, at: .max)?.version == 9)
    // The scheme keys are those of the registration still.
    let registered = try #require(ledger.doctors[Self.first]).registration.statement
    #expect(try ledger.reader.finalDoctor(Self.first)?.statement == registered)
    #expect(try ledger.reader.registration(of: registered.signer)?.version == 0)
    // Before the registration there was no doctor.
    var late = try LedgerFixture()
    try late.closeConsortiumBlock()
    try late.register("ada", at: "hospital-1")
    try late.closeConsortiumBlock()
    #expect(try late.reader.doctor("ada", at: 0) == nil)
    #expect(try late.reader.doctor("ada", at: 1) != nil)
    let signer = try #require(late.doctors["ada"]).registration.statement.signer
    #expect(try late.reader.registration(of: signer) != nil)
    // A former version is nothing for a base before the first either.
    let ada = try Self.identity("ada", late)
    let body = try Self.rotation(of: "ada", from: ada, &late).body
    #expect(try late.append(body, on: "consortium", by: "ada") == nil)
    try late.closeConsortiumBlock()
    #expect(try late.reader.doctor("ada", at: 0) == nil)
    #expect(try late.reader.doctor("ada", at: 1)?.identityKey == ada.publicKey)
  }

  // MARK: Rotation

  @Test("[attack] A7: after a rotation a stolen former key signs nothing, on either chain")
  func stolenFormerKey() throws {
    var ledger = try LedgerFixture.withTeam()
    let stolen = try Self.identity(Self.first, ledger)
    var visit = try ledger.visit(1)
    #expect(try ledger.open(visit) == nil)
    var old = visit
    let partial = try ledger.partialSignature(&visit, position: 1)
    let (body, key) = try Self.rotation(of: Self.first, from: stolen, &ledger)
    #expect(try ledger.append(body, on: "consortium", by: Self.first) == nil)
    // On the consortium chain it counts from the next item on, for a demand too.
    #expect(
      try Self.change(Self.first, .retired, 1, by: Self.first, key: stolen, &ledger)
        == "wrong-signature")
    #expect(
      try ledger.append(Demand(entry: partial, completion: nil), on: "consortium", by: "cloud")
        == "wrong-signature")
    let again = try Self.rotation(of: Self.first, from: stolen, &ledger).body
    #expect(
      try ledger.append(again, on: "consortium", by: Self.first, key: stolen) == "wrong-signature")
    try ledger.closeConsortiumBlock()
    // A base from before judges by what was in force then, and cannot come back once there is another.
    var before = try ledger.copy()
    #expect(try before.append(partial) == nil)
    #expect(try ledger.follow() == nil)
    #expect(try ledger.append(partial) == "wrong-signature")
    let honest = try ledger.partialSignature(&old, position: 1)
    #expect(
      try ledger.append(Entry(honest.content, signedBy: key)) == nil)
    try Self.expectReplay(&ledger)
    // The former block is judged alike years later.
    try before.closeBlock()
    try before.closeConsortiumBlock()
    try Self.expectReplay(&before)
  }

  private func refusal(
    of genuine: KeyRotation, _ ledger: inout LedgerFixture, by party: String = Self.first,
    key: IdentityKey? = nil, _ change: (inout KeyRotation) throws -> Void = { _ in }
  ) throws -> String? {
    var body = genuine
    try change(&body)
    return try ledger.append(body, on: "consortium", by: party, key: key)
  }

  @Test("[attack] a rotation with a proof from elsewhere, or of a party that is not its signer")
  func falseRotations() throws {
    var ledger = try LedgerFixture.withTeam()
    let former = try Self.identity(Self.first, ledger)
    let (genuine, key) = try Self.rotation(of: Self.first, from: former, &ledger)
    func proof(
      genesis: Digest32? = nil, party: String? = nil, former other: [UInt8]? = nil,
      key proven: [UInt8]? = nil
    ) -> [UInt8] {
      key.sign(
        RotationStatement(
          genesis: genesis ?? ledger.genesis.digest, party: party ?? Self.first,
          formerKey: other ?? former.publicKey, identityKey: proven ?? key.publicKey))
    }
    // Whoever holds the key in force cannot take a key whose owner has not agreed to just this.
    let colleague = try Self.identity(Self.last, ledger)
    for stolen in [
      proof(genesis: .zero), proof(party: Self.last), proof(former: colleague.publicKey),
      proof(key: ledger.generator.bytes(32)), former.sign(genuine.encoded()),
    ] {
      #expect(try refusal(of: genuine, &ledger) { $0.proof = stolen } == "wrong-rotation")
    }
    // Of another party, or of one whose keys are not a doctor's to rotate.
    #expect(try refusal(of: genuine, &ledger, by: Self.last) == "not-entitled")
    #expect(try refusal(of: genuine, &ledger) { $0.party = Self.last } == "not-entitled")
    for party in ["manager", "hospital-1"] {
      #expect(
        try refusal(of: genuine, &ledger, by: party) { $0.party = party } == "not-entitled")
    }
    #expect(try refusal(of: genuine, &ledger, key: colleague) == "wrong-signature")
    #expect(try refusal(of: genuine, &ledger) == nil)
  }

  @Test("[attack] a rotation to a key that is not fresh: another's, one's own, or a weak one")
  func knownKeys() throws {
    var ledger = try LedgerFixture.withTeam()
    let former = try Self.identity(Self.first, ledger)
    let (genuine, key) = try Self.rotation(of: Self.first, from: former, &ledger)
    let node = try #require(ledger.genesis.members.supernode("hospital-2"))
    for known in [
      try Self.identity(Self.last, ledger).publicKey, former.publicKey, node.identityKey,
      try #require(node.votingKey).publicKey,
    ] {
      #expect(try refusal(of: genuine, &ledger) { $0.identityKey = known } == "already-registered")
    }
    let one: [UInt8] = [1] + [UInt8](repeating: 0, count: 31)
    #expect(try refusal(of: genuine, &ledger) { $0.identityKey = one } == "wrong-rotation")
    #expect(try refusal(of: genuine, &ledger) == nil)
    // What was proven once proves nothing again.
    let (next, present) = try Self.rotation(of: Self.first, from: key, &ledger)
    #expect(try refusal(of: next, &ledger, key: key) == nil)
    #expect(try refusal(of: genuine, &ledger, key: key) == "already-registered")
    // Nor is a key fresh that was one's own: whoever stole it could prove it, as its owner can.
    for stolen in [former, key] {
      let back = KeyRotation(
        genesis: ledger.genesis.digest, party: Self.first, former: present.publicKey, to: stolen)
      #expect(try refusal(of: back, &ledger, key: present) == "already-registered")
    }
    try ledger.closeConsortiumBlock()
  }

  @Test("a doctor changes keys or status only so often in an epoch")
  func changeQuota() throws {
    var numbers = Members.Numbers()
    (numbers.signerQuota, numbers.supernodeQuota) = (2, 3)
    var ledger = try LedgerFixture.withTeam(numbers: numbers, epochLength: 4)
    var key = try Self.identity(Self.first, ledger)
    for _ in 0..<2 {
      let (body, next) = try Self.rotation(of: Self.first, from: key, &ledger)
      #expect(try ledger.append(body, on: "consortium", by: Self.first, key: key) == nil)
      key = next
    }
    let third = try Self.rotation(of: Self.first, from: key, &ledger).body
    #expect(try ledger.append(third, on: "consortium", by: Self.first, key: key) == "quota-spent")
    #expect(
      try Self.change(Self.first, .suspended, 1, by: Self.first, key: key, &ledger)
        == "quota-spent")
    // Whoever holds a stolen key spends nothing of the hospital's.
    for (number, status) in [DoctorStatus.suspended, .active, .suspended].enumerated() {
      #expect(
        try Self.change(Self.first, status, UInt64(number) + 1, by: "hospital-1", &ledger) == nil)
    }
    #expect(try Self.change(Self.first, .active, 4, by: "hospital-1", &ledger) == "quota-spent")
    for _ in 0..<4 { try ledger.closeConsortiumBlock() }
    #expect(try Self.change(Self.first, .active, 4, by: "hospital-1", &ledger) == nil)
    #expect(try ledger.append(third, on: "consortium", by: Self.first, key: key) == nil)
  }

  // MARK: Standing

  @Test("[attack] a doctor is suspended and let go on by the own hospital, and retires for good")
  func standing() throws {
    var ledger = try LedgerFixture.withTeam()
    let hospital = "hospital-1"
    for other in ["hospital-2", "cloud", "manager", Self.last] {
      #expect(try Self.change(Self.first, .suspended, 1, by: other, &ledger) == "not-entitled")
    }
    #expect(try Self.change("nobody", .suspended, 1, by: hospital, &ledger) == "unknown-doctor")
    #expect(try Self.change(hospital, .suspended, 1, by: hospital, &ledger) == "unknown-doctor")
    #expect(try Self.change(Self.first, .active, 1, by: hospital, &ledger) == "wrong-standing")
    for number: UInt64 in [2, 3] {
      #expect(
        try Self.change(Self.first, .suspended, number, by: hospital, &ledger) == "wrong-standing")
    }
    let other = try Self.identity(Self.last, ledger)
    #expect(
      try Self.change(Self.first, .suspended, 1, by: Self.first, key: other, &ledger)
        == "wrong-signature")
    // The doctor suspends himself, and whoever has his key lifts it not, nor ends his work.
    #expect(try Self.change(Self.first, .active, 1, by: Self.first, &ledger) == "not-entitled")
    #expect(try Self.change(Self.first, .suspended, 1, by: Self.first, &ledger) == nil)
    #expect(try Self.change(Self.first, .suspended, 2, by: hospital, &ledger) == "wrong-standing")
    for status in [DoctorStatus.active, .retired] {
      #expect(try Self.change(Self.first, status, 2, by: Self.first, &ledger) == "not-active")
    }
    let former = try Self.identity(Self.first, ledger)
    let rotation = try Self.rotation(of: Self.first, from: former, &ledger).body
    #expect(try ledger.append(rotation, on: "consortium", by: Self.first) == "not-active")
    #expect(try Self.change(Self.first, .active, 2, by: "hospital-2", &ledger) == "not-entitled")
    #expect(try Self.change(Self.first, .active, 2, by: hospital, &ledger) == nil)
    try ledger.closeConsortiumBlock()
    #expect(try Self.change(Self.first, .suspended, 3, by: hospital, &ledger) == nil)
    // What lifted the suspension before does not count again, nor does another number.
    #expect(try Self.change(Self.first, .active, 2, by: hospital, &ledger) == "entry-known")
    #expect(try Self.change(Self.first, .active, 3, by: hospital, &ledger) == "wrong-standing")
    #expect(try Self.change(Self.first, .retired, 4, by: hospital, &ledger) == nil)
    try ledger.closeConsortiumBlock()
    for status in [DoctorStatus.active, .suspended, .retired] {
      #expect(try Self.change(Self.first, status, 5, by: hospital, &ledger) == "wrong-standing")
    }
    #expect(try ledger.reader.finalDoctor(Self.first)?.status == .retired)
    // An active doctor retires himself.
    #expect(try Self.change(Self.last, .retired, 1, by: Self.last, &ledger) == nil)
    #expect(try Self.change(Self.last, .active, 2, by: Self.last, &ledger) == "not-active")
  }

  @Test("[attack] who has retired or is suspended opens no visit, signs none and completes none")
  func notActive() throws {
    var ledger = try LedgerFixture.withTeam()
    var signed = try ledger.visit(1)
    #expect(try ledger.open(signed) == nil)
    for position in 1...3 { #expect(try ledger.sign(&signed, position: position) == nil) }
    var open = try ledger.visit(2)
    #expect(try ledger.open(open) == nil)
    #expect(try ledger.sign(&open, position: 1) == nil)
    #expect(try Self.change(Self.first, .suspended, 1, by: "hospital-1", &ledger) == nil)
    let demand = Demand(
      entry: try ledger.partialSignature(&open, position: 1, attempt: 2), completion: nil)
    #expect(try ledger.append(demand, on: "consortium", by: "cloud") == "not-active")
    try ledger.closeConsortiumBlock()
    // It counts by the base, and the base only goes on.
    var before = try ledger.copy()
    #expect(try before.complete(signed) == nil)
    let fresh = try ledger.visit(3)
    #expect(try ledger.open(fresh) == "not-active")
    let other = try ledger.visit(4, team: [Self.last])
    #expect(try ledger.open(other) == nil)
    // His own signature, that of a colleague behind his, and the completion of what he has signed.
    #expect(try ledger.append(demand.entry) == "not-active")
    let elsewhere = PartialSignature(
      visit: .zero, commitments: [FindingCommitment(commitment: .zero, attempt: 1)],
      signature: [1])
    #expect(try ledger.append(elsewhere, on: "hospital-1", by: Self.first) == "not-active")
    #expect(try ledger.sign(&open, position: 2) == "not-active")
    #expect(try ledger.complete(signed) == "not-active")
    // Lifted in time it goes on; else there is the hospital's abandonment.
    var lifted = try ledger.copy()
    #expect(try Self.change(Self.first, .active, 2, by: "hospital-1", &lifted) == nil)
    try lifted.closeConsortiumBlock()
    #expect(try lifted.follow() == nil)
    #expect(try lifted.complete(signed) == nil)
    try Self.expectReplay(&lifted)
    for visit in [signed, open] { #expect(try ledger.append(ledger.abandonment(of: visit)) == nil) }
    try ledger.closeBlock()
    try Self.expectReplay(&ledger)
  }

  @Test("a demand is judged as of its block, whatever comes later")
  func demandBeforeSuspension() throws {
    var ledger = try LedgerFixture.withTeam()
    var visit = try ledger.visit(1)
    #expect(try ledger.open(visit) == nil)
    let partial = try ledger.partialSignature(&visit, position: 1)
    let demand = Demand(entry: partial, completion: nil)
    #expect(try ledger.append(demand, on: "consortium", by: "cloud") == nil)
    try ledger.closeConsortiumBlock()
    #expect(try Self.change(Self.first, .retired, 1, by: "hospital-1", &ledger) == nil)
    try ledger.closeConsortiumBlock()
    #expect(try ledger.follow() == nil)
    #expect(
      try ledger.append(
        Refused(entry: partial.digest, code: "not-active"), on: "hospital-1", by: "hospital-1")
        == "wrong-refusal")
    #expect(try ledger.append(partial) == nil)
    #expect(try ledger.sign(&visit, position: 2) == "not-active")
    try ledger.closeBlock()
    try Self.expectReplay(&ledger)
  }

  @Test("what is complete stays good, whatever becomes of its doctors")
  func completeForGood() throws {
    var ledger = try LedgerFixture.withTeam()
    let visit = try ledger.conduct(1)
    try ledger.confirmAndAnchor()
    for doctor in Self.team {
      #expect(try Self.change(doctor, .retired, 1, by: doctor, &ledger) == nil)
    }
    try ledger.closeConsortiumBlock()
    #expect(try ledger.follow() == nil)
    #expect(try ledger.append(ledger.receipt(of: visit)) == nil)
    let document = Digest32(sha256: [10])
    #expect(
      try ledger.append(
        ledger.patientEntry(ConsentNotice(visit: visit.id, document: document), of: visit)) == nil)
    try Self.expectReplay(&ledger)
  }

  // MARK: Registration anew

  @Test("[attack] keys are replaced by the same hospital and the manager together, with fresh ones")
  func registrationAnew() throws {
    var ledger = try LedgerFixture.withTeam()
    let known = try #require(ledger.doctors[Self.first]).registration.statement
    #expect(try ledger.register(Self.first, at: "hospital-1") == "already-registered")
    #expect(
      try ledger.register(Self.first, at: "hospital-2", replacing: known.digest) == "not-entitled")
    #expect(
      try ledger.register("stranger", at: "hospital-1", replacing: known.digest)
        == "unknown-doctor")
    for other in [.zero, try #require(ledger.doctors[Self.last]).registration.statement.digest] {
      #expect(
        try ledger.register(Self.first, at: "hospital-1", replacing: other)
          == "wrong-registration")
    }
    let anew = try ledger.registration(
      of: Self.first, at: "hospital-1", replacing: known.digest)
    var forged = anew.registration
    forged.managerSignature = ledger.identities["manager"]?.sign(forged.statement.encoded()) ?? []
    #expect(try ledger.append(forged, on: "consortium", by: "hospital-1") == "wrong-registration")
    for other in ["hospital-2", "manager", Self.first] {
      #expect(
        try ledger.append(anew.registration, on: "consortium", by: other) == "not-entitled")
    }
    // Each key has to be fresh: the former might be the thief's.
    for keep in 0..<2 {
      let own = try #require(ledger.doctors[Self.first])
      let signing =
        keep == 0 ? own.key : DoctorSigningKey<LedgerFixture.Suite>(using: &ledger.generator)
      let identity = keep == 1 ? own.identity : try IdentityKey(seed: ledger.generator.bytes(32))
      let statement = signing.statement(
        genesis: ledger.genesis.digest, doctor: Self.first, hospital: "hospital-1",
        identityKey: identity.publicKey, replaces: known.digest)
      let body = DoctorRegistration(
        statement: statement, proof: try signing.prove(statement, using: &ledger.generator),
        doctor: identity, manager: ledger.manager.registration)
      #expect(try ledger.append(body, on: "consortium", by: "hospital-1") == "already-registered")
    }
    // Two were signed for the same loss: one counts.
    let second = try ledger.registration(
      of: Self.first, at: "hospital-1", replacing: known.digest
    ).registration
    #expect(try ledger.append(anew.registration, on: "consortium", by: "hospital-1") == nil)
    #expect(try ledger.append(second, on: "consortium", by: "hospital-1") == "wrong-registration")
    // The former key is worth nothing from here on.
    #expect(try Self.change(Self.first, .retired, 1, by: Self.first, &ledger) == "wrong-signature")
    try ledger.closeConsortiumBlock()
    #expect(try ledger.reader.finalDoctor(Self.first)?.statement == anew.registration.statement)
  }

  @Test("a thief who has rotated the keys is put out by a registration anew")
  func afterThiefsRotation() throws {
    var ledger = try LedgerFixture.withTeam()
    let known = try #require(ledger.doctors[Self.first])
    let (theft, thief) = try Self.rotation(of: Self.first, from: known.identity, &ledger)
    #expect(try ledger.append(theft, on: "consortium", by: Self.first) == nil)
    #expect(
      try ledger.register(
        Self.first, at: "hospital-1", replacing: known.registration.statement.digest) == nil)
    #expect(
      try Self.change(Self.first, .suspended, 1, by: Self.first, key: thief, &ledger)
        == "wrong-signature")
    #expect(try Self.change(Self.first, .suspended, 1, by: Self.first, &ledger) == nil)
  }

  @Test("a registration anew neither lifts a suspension nor undoes retirement")
  func registrationKeepsStatus() throws {
    var ledger = try LedgerFixture.withTeam()
    let known = try #require(ledger.doctors[Self.first]).registration.statement
    #expect(try Self.change(Self.first, .suspended, 1, by: "hospital-1", &ledger) == nil)
    #expect(try ledger.register(Self.first, at: "hospital-1", replacing: known.digest) == nil)
    try ledger.closeConsortiumBlock()
    let record = try #require(try ledger.reader.finalDoctor(Self.first))
    #expect(record.status == .suspended)
    #expect(record.statement != known)
    #expect(try ledger.open(ledger.visit(1)) == "not-active")
    #expect(try Self.change(Self.first, .retired, 2, by: "hospital-1", &ledger) == nil)
    #expect(
      try ledger.register(Self.first, at: "hospital-1", replacing: record.statement.digest)
        == "not-active")
  }

  @Test("[attack] a visit keeps the scheme keys of its opening, and identity keys follow the base")
  func completionAfterRegistrationAnew() throws {
    var ledger = try LedgerFixture.withTeam()
    var visit = try ledger.visit(1)
    #expect(try ledger.open(visit) == nil)
    for position in 1...3 { #expect(try ledger.sign(&visit, position: position) == nil) }
    let former = try Dictionary(
      uniqueKeysWithValues: Self.team.map { ($0, try #require(ledger.doctors[$0])) })
    // The first and the last doctor lose their keys in between, the last one twice.
    for doctor in [Self.first, Self.last, Self.last] {
      let statement = try #require(ledger.doctors[doctor]).registration.statement
      #expect(try ledger.register(doctor, at: "hospital-1", replacing: statement.digest) == nil)
    }
    try ledger.closeConsortiumBlock()
    #expect(try ledger.follow() == nil)
    let completion = ledger.completion(of: visit)
    #expect(
      try ledger.append(
        completion, on: "hospital-1", by: Self.last, key: former[Self.last]?.identity)
        == "wrong-signature")
    // No visit begins with the keys from before.
    let fresh = try ledger.visit(2, follows: false)
    var stale = fresh.context
    stale.signers = visit.context.signers
    #expect(
      try ledger.append(
        ledger.opening(of: stale, visitKey: fresh.visitKey, patient: fresh.patient),
        on: "hospital-1", by: "hospital-1") == "unknown-doctor")
    #expect(try ledger.complete(visit) == nil)
    let open = try ledger.conduct(3)
    #expect(open.context.signers != visit.context.signers)
    try ledger.confirmAndAnchor()
    try Self.expectReplay(&ledger)
    // An auditor with the keys of the context finds the same.
    _ = try visit.chain.verify(
      SequentialSignature(encoded: visit.encodedSignature), commitments: visit.commitments)
  }

  @Test("a key of small order, under which one signature fits every statement, is no doctor's")
  func smallOrder() throws {
    var ledger = try LedgerFixture()
    // With A the identity, S·B − k·A = R for R = A and S = 0, whatever is signed.
    let identity: [UInt8] = [1] + [UInt8](repeating: 0, count: 31)
    for bytes in [identity, identity.dropLast() + [0x80]] {
      #expect(IdentityKey.isOfSmallOrder(bytes))
      let genuine = try ledger.registration(of: "eve", at: "hospital-1")
      let statement = genuine.key.statement(
        genesis: ledger.genesis.digest, doctor: "eve", hospital: "hospital-1", identityKey: bytes)
      var body = DoctorRegistration(
        statement: statement, proof: try genuine.key.prove(statement, using: &ledger.generator),
        doctor: genuine.identity, manager: ledger.manager.registration)
      body.doctorSignature = bytes + [UInt8](repeating: 0, count: 32)
      #expect(try ledger.append(body, on: "consortium", by: "hospital-1") == "wrong-registration")
    }
  }
}
