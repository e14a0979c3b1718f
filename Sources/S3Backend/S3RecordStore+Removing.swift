public import Consortium
public import Ledger

extension S3RecordStore {
  /// In three steps, each of which can be done again: the manifest says that there are no rows, so from then on
  /// none is read, and whoever is putting rows begins anew; the objects of pieces go; the record leaves the
  /// listings.
  public func remove(_ record: RecordName) async throws(StoreError) {
    let deadline = deadline
    try await makeSure(until: deadline)
    var attempts = ChangeAttempts(client, deadline: deadline)
    do throws(StoreError) {
      try await remove(record, until: deadline, &attempts)
    } catch {
      throw attempts.judge(error)
    }
  }

  private func remove(
    _ record: RecordName, until deadline: ContinuousClock.Instant, _ attempts: inout ChangeAttempts
  ) async throws(StoreError) {
    var emptied: UInt64?
    while true {
      let found = try await find(record, until: deadline)
      let isGone = found.manifest?.rows == .none(mayHavePieces: false)
      guard found.tag != nil || found.damage != nil, !isGone else { return }
      var next = RecordManifest(
        generation: try await generation(after: found, of: record, until: deadline),
        rows: .none(mayHavePieces: true))
      if let generation = found.manifest?.generation, generation == emptied {
        try await removePieces(of: record, upTo: generation, until: deadline)
        next.rows = .none(mayHavePieces: false)
      } else if emptied != nil {
        // Somebody has put rows since, which are not those to remove.
        return
      }
      switch await replace(found, by: next, of: record, until: deadline) {
      case .done:
        if next.rows == .none(mayHavePieces: false) { return }
        emptied = next.generation
      case .refused: try await attempts.again(record)
      case .unknown(let reason):
        attempts.note(reason)
        try await attempts.again(record)
      case .rejected(let error): throw error
      }
    }
  }

  /// The next one; of a manifest that cannot be read, after all that others show.
  private func generation(
    after found: Found, of record: RecordName, until deadline: ContinuousClock.Instant
  ) async throws(StoreError) -> UInt64 {
    var latest = found.manifest?.generation ?? 0
    if found.manifest == nil {
      let pieces = try await list(names.pieces(of: record), until: deadline)
      latest = max(
        latestGeneration(of: record),
        pieces.compactMap { names.generation(ofPieceAt: $0.key, of: record) }.max() ?? 0)
    }
    let next = latest.addingReportingOverflow(1)
    guard !next.overflow else {
      throw StoreError(.corrupted, "\(record): there is no generation after this one")
    }
    return next.partialValue
  }

  /// Pieces of later generations belong to whoever puts them now.
  private func removePieces(
    of record: RecordName, upTo generation: UInt64, until deadline: ContinuousClock.Instant
  ) async throws(StoreError) {
    for item in try await list(names.pieces(of: record), until: deadline) {
      guard let own = names.generation(ofPieceAt: item.key, of: record), own <= generation else {
        continue
      }
      // The key is not used again: a later generation has others.
      _ = try await client.ask(.init(method: .delete, key: item.key), until: deadline)
    }
  }
}
