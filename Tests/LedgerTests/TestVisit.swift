import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import Pairings
import TestSupport
import Testing

/// A visit on the fixture's ledger, with the keys of all who take part.
struct TestVisit {
  typealias Suite = LedgerFixture.Suite

  let context: VisitContext
  let opening: VisitOpening
  let patient: IdentityKey
  let visitKey: VisitKey<Suite>
  let team: [LedgerFixture.TestDoctor]
  let chain: SigningChain<Suite>
  var commitments: [FindingCommitment] = []
  var signatures: [VerifiedSignature<Suite>] = []

  var id: Digest32 { context.visitID }
  var hospital: String { context.hospital }
  var encodedSignature: [UInt8] { signatures.last?.signature.encoded() ?? [] }

  /// This visit as one that another amends, signed by its patient or by somebody else.
  func amended(
    by addendum: VisitContext, key: IdentityKey? = nil
  ) -> VisitContext.AmendedVisit {
    let amendment = Amendment(
      genesis: context.genesis, amendedHospital: hospital, amendedVisit: id,
      hospital: addendum.hospital, visitSigningKey: addendum.visitSigningKey)
    return .init(
      hospital: hospital, visit: id, patientSignature: (key ?? patient).sign(amendment.encoded()))
  }

  /// Another signature of the same doctors on the same findings, which anybody can make:
  /// R′ = R + δ·g1, Q′ = Q + δ·Σ(B_i + i·C_i).
  func rerandomized(using generator: inout SeededGenerator) throws -> [UInt8] {
    guard let last = signatures.last else { fatalError("nothing is signed") }
    let delta = Suite.Scalar.random(using: &generator)
    let keys = (1...last.position).map { position in
      let key = team[position - 1].prepared.verified.key
      return key.b1 + Suite.G1.multipliedVariableTime(UInt64(position), key.c1)
    }
    let r = last.signature.r + Suite.G1.generatorMultiplied(by: delta)
    let q = last.signature.q + delta * Suite.G1.sum(keys)
    let variant = r.encoded() + q.encoded()
    // It is valid: only the ledger's rules can refuse it.
    _ = try chain.verify(SequentialSignature(encoded: variant), commitments: last.commitments)
    return variant
  }
}

extension LedgerFixture {
  /// A context with its patient's consent, not yet on the ledger. The chain follows the last final
  /// block first.
  mutating func visit(
    _ number: UInt8, team ids: [String] = LedgerFixture.team, at hospital: String = "hospital-1",
    follows: Bool = true, changing change: (inout VisitContext) -> Void = { _ in }
  ) throws -> TestVisit {
    let base = try finalBlock()
    if follows, chain(hospital).view.base != base { try follow(hospital) }
    let team = ids.compactMap { doctors[$0] }
    let visitKey = VisitKey<Suite>(using: &generator)
    let patient = try IdentityKey(seed: generator.bytes(32))
    var context = VisitContext(
      genesis: genesis.digest, suite: Suite.name, hospital: hospital,
      pseudonym: Digest32(sha256: [1, number]), visitID: Digest32(sha256: [2, number]),
      evidenceDigest: Digest32(sha256: [3, number]),
      signers: team.map(\.prepared.verified.statement.signer),
      openedAt: base.countedTime, window: genesis.members.numbers.window,
      resignatureLimit: genesis.members.numbers.resignatureLimit,
      baseHeight: base.reference.height, baseHash: base.reference.digest,
      visitKey: visitKey.encodedPublicKey, visitSigningKey: patient.publicKey,
      keyNonce: Digest32(sha256: [4, number]), mailboxKey: generator.bytes(32))
    change(&context)
    return TestVisit(
      context: context, opening: try opening(of: context, visitKey: visitKey, patient: patient),
      patient: patient, visitKey: visitKey, team: team,
      chain: try SigningChain(context: context, signers: team.map(\.prepared)))
  }

  func opening(
    of context: VisitContext, visitKey: VisitKey<Suite>, patient: IdentityKey
  ) throws -> VisitOpening {
    VisitOpening(
      context: context, visitKeyProof: try visitKey.prove(context),
      patientSignature: patient.sign(context.encoded()))
  }

  func openingEntry(of visit: TestVisit) -> Entry {
    entry(visit.opening, on: visit.hospital, by: visit.hospital)
  }

  @discardableResult
  mutating func open(_ visit: TestVisit) throws -> String? { try append(openingEntry(of: visit)) }

  /// D_k signs after what stands in `visit`, which the signature then stands in too.
  mutating func partialSignature(
    _ visit: inout TestVisit, position: Int, attempt: UInt64 = 1, finding: String = "finding"
  ) throws -> Entry {
    visit.commitments.removeSubrange((position - 1)...)
    visit.signatures.removeSubrange((position - 1)...)
    let commitment = FindingCommitment(
      commitment: FindingCommitment.commit(
        contextDigest: visit.context.digest, position: position, salt: generator.bytes(32),
        finding: Array(finding.utf8)), attempt: attempt)
    let signature = try visit.chain.sign(
      commitment, after: visit.signatures.last, with: visit.team[position - 1].key,
      using: &generator)
    visit.commitments.append(commitment)
    visit.signatures.append(try visit.chain.verify(signature, commitments: visit.commitments))
    return entry(
      PartialSignature(
        visit: visit.id, commitments: visit.commitments, signature: signature.encoded()),
      on: visit.hospital, by: visit.context.signers[position - 1].doctor)
  }

  @discardableResult
  mutating func sign(
    _ visit: inout TestVisit, position: Int, attempt: UInt64 = 1, finding: String = "finding"
  ) throws -> String? {
    try append(
      partialSignature(&visit, position: position, attempt: attempt, finding: finding))
  }

  static let recordDigest = Digest32(sha256: [9])

  func completion(
    of visit: TestVisit, recordDigest: Digest32 = LedgerFixture.recordDigest
  ) -> VisitCompletion {
    VisitCompletion(
      context: visit.context, commitments: visit.commitments, signature: visit.encodedSignature,
      recordDigest: recordDigest,
      storageSignature: identities["cloud"]?.sign(
        StorageReceipt(genesis: genesis.digest, visit: visit.id, recordDigest: recordDigest))
        ?? [])
  }

  func completionEntry(of visit: TestVisit) -> Entry {
    entry(
      completion(of: visit), on: visit.hospital, by: visit.context.signers.last?.doctor ?? "")
  }

  @discardableResult
  mutating func complete(_ visit: TestVisit) throws -> String? {
    try append(completionEntry(of: visit))
  }

  /// A whole visit up to its block.
  mutating func conduct(
    _ number: UInt8, team: [String] = LedgerFixture.team, at hospital: String = "hospital-1",
    changing change: (inout VisitContext) -> Void = { _ in }
  ) throws -> TestVisit {
    var visit = try visit(number, team: team, at: hospital, changing: change)
    var codes = [try open(visit)]
    for position in 1...team.count { codes.append(try sign(&visit, position: position)) }
    codes.append(try complete(visit))
    #expect(codes.allSatisfy { $0 == nil })
    return visit
  }

  /// An entry signed with S_v.
  func patientEntry(_ body: some CanonicalObject, of visit: TestVisit) -> Entry {
    Entry(
      EntryContent(
        genesis: genesis.digest, chain: visit.hospital, signer: .patient(visit: visit.id),
        body: body),
      signedBy: visit.patient)
  }

  func receipt(
    of visit: TestVisit, _ verdict: VisitReceipt.Verdict = .acknowledged
  ) -> Entry {
    patientEntry(
      VisitReceipt(visit: visit.id, recordDigest: Self.recordDigest, verdict: verdict), of: visit)
  }

  func abandonment(
    of visit: TestVisit, reason: VisitAbandonment.Reason = .interrupted
  ) -> Entry {
    entry(
      VisitAbandonment(visit: visit.id, reason: reason), on: visit.hospital, by: visit.hospital)
  }
}
