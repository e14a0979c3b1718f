public import CanonicalEncoding
import EMRScheme
import Ledger

/// What the last doctor does (4.4, step 3): seals the record, stores it, and completes the visit.
extension Doctor {
  /// As the last doctor: seals all findings to the patient's visit key.
  package func sealRecord(_ visitID: Digest32) async throws {
    let gate = try gate(ofVisit: visitID)
    await gate.enter()
    defer { gate.leave() }
    // What completes the visit was signed, with what was sealed.
    if try completion(of: visit(visitID)) == nil { try await sealFindings(visitID) }
  }

  /// What completes a visit, or is on its way to do so; nil also for what the hospital says that it refuses, whoever
  /// has heard that: another one is made then.
  func completion(of visit: DoctorVisit) throws -> Entry? {
    guard let completion = visit.completion, try !rows.isRefused(completion.digest) else {
      return nil
    }
    return completion
  }

  /// For which signature the record is sealed that is kept.
  func sealedKey(_ visit: Digest32) -> String { "sealed/\(hospital)/\(visit)" }

  /// Has a record of what this doctor has signed last: the same again, after a restart too, but none that was
  /// sealed for another signature.
  ///
  /// - Returns: the signature.
  @discardableResult
  private func sealFindings(_ visitID: Digest32) async throws -> PartialSignature {
    let (_, view) = try await shownVisit(visitID)
    let last = try await lastSignature(visitID, view)
    var visit = try visit(visitID)
    let signature = last.digest.bytes
    let known = try store.value(forKey: sealedKey(visitID))
    // Of earlier programs nothing says for which.
    if visit.sealed != nil, known ?? signature == signature { return last }
    let (sealed, lastPiece) = try seal(visit, last)
    visit.sealed = sealed
    try save(visit, and: lastPiece.merging([sealedKey(visitID): signature]) { $1 })
    try dropPieces(ofVisit: visitID)
    return last
  }

  /// The signature of the whole team: as this doctor has made it, for the view is the hospital's word.
  private func lastSignature(
    _ visitID: Digest32, _ view: VisitView
  ) async throws -> PartialSignature {
    let visit = try visit(visitID)
    guard visit.position == visit.context.signers.count,
      view.signatures.count == visit.position, let shown = view.signatures.last
    else { throw ConsortiumError(.wrongState, "the team has not signed yet") }
    if let own = try ownSignature(visit, view) { return own }
    try await verify(shown, of: visit.context)
    return shown
  }

  // Not inlined: the optimizer of Swift 6.3.1 crashes where these typed errors meet an async body.
  @inline(never)
  private func verify(_ shown: PartialSignature, of context: VisitContext) async throws {
    let chain = try await client.team(of: context)
    _ = try chain.verify(
      SequentialSignature(encoded: shown.signature), commitments: shown.commitments)
  }

  /// As the last doctor: gives the sealed record to the cloud, and completes the visit on the
  /// ledger with the cloud's receipt.
  ///
  /// If it is not known whether the completion stands, the same one is submitted again.
  /// - Returns: how the completion stands: confirmed at least.
  @discardableResult
  public func completeVisit(_ visitID: Digest32) async throws -> SubmissionStanding {
    let gate = try gate(ofVisit: visitID)
    await gate.enter()
    defer { gate.leave() }
    var visit = try visit(visitID)
    let completion: Entry
    let known = try self.completion(of: visit)
    // The hospital may have refused one that stands.
    if known == nil, let standing = try standing(of: .completion, about: visitID),
      standing.isConfirmed
    {
      return standing
    }
    if let known {
      completion = known
      try await giveAgain(visit)
    } else {
      completion = try entry(try await storeRecord(visitID))
      visit = try self.visit(visitID)
      visit.completion = completion
      try save(visit, and: try rows.changes(sending: completion, at: client.clock()))
    }
    do {
      return try await submit(completion, isNoted: known == nil, until: .confirmed)
    } catch let refusal as SignedRefusal {
      visit = try self.visit(visitID)
      visit.completion = nil
      try save(visit)
      throw refusal.error
    }
  }

  /// Gives the record to the cloud; the completion has its receipt.
  private func storeRecord(_ visitID: Digest32) async throws -> VisitCompletion {
    let last = try await sealFindings(visitID)
    let visit = try visit(visitID)
    let context = visit.context
    guard let sealed = visit.sealed else {
      throw ConsortiumError(.recordMissing, "the record is not sealed")
    }
    let receipt = try await give(sealed, of: context)
    return VisitCompletion(
      context: context, commitments: last.commitments, signature: last.signature,
      recordDigest: sealed.head.recordDigest(visitKey: context.visitKey),
      storageSignature: receipt)
  }

  /// Gives a record to the hospital's cloud.
  ///
  /// - Returns: its signature over the receipt, which is verified before this doctor signs anything with it.
  private func give(_ sealed: KeptRecord, of context: VisitContext) async throws -> [UInt8] {
    let visitID = context.visitID
    let (authors, rows) = (try authors, pieceRows(visitID))
    let receipt = StorageReceipt(
      genesis: genesis.digest, visit: visitID,
      recordDigest: sealed.head.recordDigest(visitKey: context.visitKey))
    return try await client.asking(cloudOf: hospital) { [client, hospital] cloud in
      let signature = try await Self.give(sealed, in: rows, to: cloud) { part in
        try await client.ask(
          StoreRecord(hospital: hospital, visit: visitID, part: part), of: cloud, by: authors)
      }
      try await client.require(signature, of: receipt, byCloudOf: hospital)
      return signature
    }
  }

  /// Gives a record again whose completion is not confirmed: the cloud may have lost it since it has signed for
  /// it, and confirms nothing more of the hospital then. One that has it says so to the first piece; one for
  /// which the visit is not open has no need of it.
  private func giveAgain(_ visit: DoctorVisit) async throws {
    guard let completion = try completion(of: visit), let sealed = visit.sealed,
      let standing = try rows.standing(of: completion.digest), !standing.isConfirmed
    else { return }
    do {
      _ = try await give(sealed, of: visit.context)
    } catch let error as StoreError {
      throw error
    } catch {
      return
    }
  }

  /// The same of all that this doctor has completed, each by itself.
  func giveRecordsAgain() async throws {
    var steps = SeparateSteps()
    var given: Set<Digest32> = []
    for row in try rows.open() where row.kind == .completion && row.hospital == hospital {
      // One that is over has no record here any more.
      if try isOver(row) || !given.insert(row.visit).inserted { continue }
      try await steps.take {
        let gate = try gate(ofVisit: row.visit)
        await gate.enter()
        defer { gate.leave() }
        try await giveAgain(try visit(row.visit))
      }
    }
    try steps.finish()
  }

  /// Seals what c_n holds, once it opens the commitments that stand on the ledger.
  ///
  /// - Returns: and the row of the last piece, to be written with what names it.
  private func seal(
    _ visit: DoctorVisit, _ last: PartialSignature
  ) throws -> (record: KeptRecord, last: [String: [UInt8]?]) {
    let context = visit.context
    guard let presence = visit.presence else {
      throw ConsortiumError(.wrongState, "\(id) has not signed")
    }
    let findings = try findings(visit, last.commitments).findings
    let rows = pieceRows(context.visitID)
    let visitKey = try VerifiedVisitKey<Suite>(
      verifying: visit.opening.visitKeyProof, of: context)
    var sealing = try SealedRecord.sealing(
      RecordPlaintext(
        context: context, evidence: Evidence(presence.evidence), findings: findings),
      to: visitKey, using: &randomness)
    let kept = try rows.keep(as: Digest32(sha256: randomness.bytes(32))) { try sealing.next() }
    return (KeptRecord(head: try sealing.head(), pieces: kept.pieces), kept.last)
  }
}
