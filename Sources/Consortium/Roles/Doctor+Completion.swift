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
    if try visit(visitID).completion == nil { try await sealFindings(visitID) }
  }

  /// For which signature the record is sealed that is kept.
  func sealedKey(_ visit: Digest32) -> String { "sealed/\(hospital)/\(visit)" }

  /// Has a record of what the hospital shows to stand: the same again, after a restart too, but none that was
  /// sealed for another signature, as a hospital may have shown one that was withdrawn.
  ///
  /// - Returns: the signature that is shown.
  @discardableResult
  private func sealFindings(_ visitID: Digest32) async throws -> PartialSignature {
    let view = try await ledgerView(try visit(visitID).context)
    var visit = try visit(visitID)
    let last = try lastSignature(visit, view)
    let signature = last.digest.bytes
    let known = try store.value(forKey: sealedKey(visitID))
    // Of earlier programs nothing says for which.
    if visit.sealed != nil, known ?? signature == signature { return last }
    visit.sealed = try seal(visit, last)
    try save(visit, and: [sealedKey(visitID): signature])
    try dropPieces(ofVisit: visitID)
    return last
  }

  private func lastSignature(
    _ visit: DoctorVisit, _ view: VisitView
  ) throws -> PartialSignature {
    guard visit.position == visit.context.signers.count,
      view.signatures.count == visit.position, let last = view.signatures.last
    else { throw ConsortiumError(.wrongState, "the team has not signed yet") }
    return last
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
    if let known = visit.completion {
      completion = known
      try await giveAgain(visit)
    } else {
      completion = try entry(try await storeRecord(visitID))
      visit = try self.visit(visitID)
      visit.completion = completion
      try save(visit)
    }
    do {
      return try await submit(completion, until: .confirmed)
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
    let receipt = try await give(sealed, ofVisit: visitID)
    return VisitCompletion(
      context: context, commitments: last.commitments, signature: last.signature,
      recordDigest: sealed.head.recordDigest(visitKey: context.visitKey),
      storageSignature: receipt)
  }

  /// Gives a record to the hospital's cloud.
  ///
  /// - Returns: its signature over the receipt.
  private func give(_ sealed: KeptRecord, ofVisit visitID: Digest32) async throws -> [UInt8] {
    let (authors, rows) = (try authors, pieceRows(visitID))
    return try await client.asking(cloudOf: hospital) { [client, hospital] cloud in
      try await Self.give(sealed, in: rows, to: cloud) { part in
        try await client.ask(
          StoreRecord(hospital: hospital, visit: visitID, part: part), of: cloud, by: authors)
      }
    }
  }

  /// Gives a record again whose completion is not confirmed: the cloud may have lost it since it has signed for
  /// it, and confirms nothing more of the hospital then. One that has it says so to the first piece; one for
  /// which the visit is not open has no need of it.
  private func giveAgain(_ visit: DoctorVisit) async throws {
    guard let completion = visit.completion, let sealed = visit.sealed,
      let standing = try rows.row(completion.digest)?.standing, !standing.isConfirmed
    else { return }
    do {
      _ = try await give(sealed, ofVisit: visit.context.visitID)
    } catch let error as StoreError {
      throw error
    } catch {
      return
    }
  }

  /// The same of all that this doctor has completed, each by itself.
  func giveRecordsAgain() async throws {
    var steps = SeparateSteps()
    for row in try rows.open() where row.kind == .completion && row.hospital == hospital {
      // One that is over has no record here any more.
      if try isOver(row) { continue }
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
  private func seal(_ visit: DoctorVisit, _ last: PartialSignature) throws -> KeptRecord {
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
    let pieces = try rows.keep(as: Digest32(sha256: randomness.bytes(32))) { try sealing.next() }
    return KeptRecord(head: try sealing.head(), pieces: pieces)
  }
}
